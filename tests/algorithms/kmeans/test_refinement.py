"""From a stream's state to k centers.

Axes: d features · k centers
"""

import pytest
import torch
from sklearn import cluster

from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import refinement as refinement_module
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.local_search import WeightedRows
from wildsage.algorithms.kmeans.refinement import Refinement
from wildsage.algorithms.kmeans.sample import Sample
from wildsage.algorithms.kmeans.state import StreamState

GROUPS = torch.tensor([[0.0, 0], [20, 0], [0, 20], [20, 20]])


class StoppingRun(RunContext):
    @property
    def stopping(self) -> bool:
        return True


def rows(width: int) -> torch.Tensor:
    """400 rows around four centers in the first two columns, deviation 1 in all of them."""
    x_nd = torch.randn(400, width, generator=torch.Generator().manual_seed(2))
    x_nd[:, :2] += GROUPS.repeat(100, 1)
    return x_nd


def state(x_nd: torch.Tensor) -> StreamState:
    grown = StreamState.start(x_nd[:20].clone(), 20, 300)
    for batch_nd in x_nd.split(100):
        grown.absorb(batch_nd, 0, torch.Generator().manual_seed(0))
    return grown


def refinement(run: RunContext, **changes) -> Refinement:
    settings = {"k": 4, "init_method": "kmeans++", "trials": 5, "max_iter": 100, "tol": 1e-4, "run": run}
    return Refinement(**{**settings, **changes})


@pytest.mark.parametrize("width", [2, 200])
@pytest.mark.parametrize("init_method", ["kmeans++", "random"])
def test_refinement_finds_the_groups_in_few_and_in_many_columns(width, init_method):
    """Deviation 1 in each column: the mean squared distance to the true centers is the number of columns."""
    x_nd = rows(width)
    (centers_kd,) = refinement(RunContext(), init_method=init_method).refine(state(x_nd), 1)
    assert centers_kd.shape == (4, width)
    assert steps.mean_cost(x_nd, centers_kd) < 1.05 * width


def test_the_best_of_several_optima_comes_first():
    x_nd = torch.randn(600, 3, generator=torch.Generator().manual_seed(1))
    grown = state(x_nd)
    found = refinement(RunContext(), k=7, max_iter=1).refine(grown, 3)
    sample_rd, weights_r = grown.sample.rows_by_key(), grown.sample.weights_by_key()
    costs = [float(steps.nearest(sample_rd[: len(weights_r)], c)[1].double() @ weights_r) for c in found]
    assert len(found) == 3 and costs == sorted(costs)


def test_a_run_that_stops_gets_one_set_of_centers_after_one_trial_of_one_iteration():
    class Stopping(Told, StoppingRun):
        pass

    run, x_nd = Stopping(), rows(2)
    (centers_kd,) = refinement(run).refine(state(x_nd), 3)
    assert sum("attempt" in line for line in run.said) == 1
    once = refinement(Told(), trials=1, max_iter=1, tol=0.0)
    assert centers_kd.shape == (4, 2) and once.k == 4


@pytest.mark.parametrize("wanted", [1, 2, 5, 9])
def test_no_more_sets_are_given_than_are_wanted_or_were_tried(wanted):
    assert len(refinement(RunContext()).refine(state(rows(2)), wanted)) == min(wanted, 5)


def test_random_starts_are_distinct_centers_and_repeated_where_too_few_have_weight():
    points = WeightedRows(torch.arange(6.0)[:, None], torch.tensor([1.0, 1, 0, 1, 0, 0], dtype=torch.float64))
    starts = refinement(RunContext(), init_method="random", trials=40)._starts(points)
    assert starts.shape == (40, 4, 1)
    for start in starts[:, :, 0].tolist():
        assert sorted(start[:3]) == [0, 1, 3] and start[3] == start[0]
    few = refinement(RunContext(), init_method="random", trials=300, k=2)._starts(points)
    assert {tuple(sorted(start)) for start in few[:, :, 0].tolist()} == {(0, 1), (0, 3), (1, 3)}


def test_the_best_trial_by_the_sample_is_improved():
    """Of two trials the worse comes first; only the best is wanted, and no iteration may mend the other."""
    grown = state(rows(2))
    sample_rp = grown.sample.rows_by_key()
    good, poor = GROUPS, GROUPS + torch.tensor([9.0, 0.0])
    ranked = refinement(RunContext())._ranked(torch.stack([poor, good]), sample_rp, grown.sample)
    assert torch.equal(ranked, torch.stack([good, poor]))


def test_the_last_iterations_run_in_all_columns():
    """200 columns, of which 64 coordinates remain: the answer is a fixed point of Lloyd over all columns of the sample."""
    grown = state(rows(200))
    (centers_kd,) = refinement(RunContext(), tol=0.0).refine(grown, 1)
    sample_rd, weights_r = grown.sample.rows_by_key(), grown.sample.weights_by_key()
    again = WeightedRows(sample_rd[: len(weights_r)], weights_r)
    assert torch.allclose(again.assign(centers_kd).means_md(), centers_kd, atol=1e-4)


class Told(RunContext):
    """A run that remembers its log and its metrics."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.said: list[str] = []

    def log(self, text, level="INFO"):
        self.said.append(text)

    def quality(self, channel, name, kind, value, **of):
        self.said.append((channel, name, kind, value))


@pytest.mark.parametrize("width", [2, 200])
def test_trials_are_said_with_their_cost_in_all_columns(width):
    """scikit-learn's Lloyd of the streaming centers costs as much in two columns. Of 200 columns 64 coordinates are left, and what
    lies beside them counts in full, which costs more, but less than the true centers.
    """
    run, grown = Told(), state(rows(width))
    refinement(run, tol=0.0).refine(grown, 1)
    assert run.said[0] == f"shrinking {len(grown.centers_md)} centers into 4"
    costs = [float(line.split(". Current mean square distance ")[1]) for line in run.said[1:6]]
    assert [line.split(".")[0] for line in run.said[1:6]] == [f"local kmeans attempt #{n}" for n in range(5)]
    channel, name, kind, best = run.said[7]
    assert (channel, name, kind) == ("train", "msd", "loss") and best == pytest.approx(min(costs), abs=1e-6)
    assert run.said[6] == f"finished shrinking process. Mean Square Distance = {best:.0f}"
    theirs = cluster.KMeans(4, init=groups_in(width), n_init=1).fit(grown.centers_md, sample_weight=grown.weights_m)
    of_groups = steps.nearest(grown.centers_md, groups_in(width))[1].double() @ grown.weights_m / 400
    assert theirs.inertia_ / 400 <= best * (1 + 1e-6) and best <= float(of_groups)
    assert width == 200 or best == pytest.approx(theirs.inertia_ / 400, rel=1e-5)


def groups_in(width: int) -> torch.Tensor:
    """The true centers."""
    return torch.nn.functional.pad(GROUPS, (0, width - 2))


@pytest.mark.parametrize(("k", "ranked"), [(4, 4096), (128, 4096), (129, 4128)])
def test_trials_are_compared_on_32_rows_for_each_center_and_4096_at_least(k, ranked):
    """The row with the next key only marks the threshold: a trial that fits it is worse than one that fits the last row."""
    points_rp = torch.zeros(6000, 1)
    sample = Sample.empty(6000, points_rp)
    zeros_n = torch.zeros(6000, dtype=torch.float64)
    sample.absorb(points_rp, zeros_n, zeros_n, torch.Generator().manual_seed(0))
    points_rp[ranked - 2], points_rp[ranked - 1] = 1000.0, 2000.0
    fits_last, fits_next = torch.tensor([[0.0], [1000.0]]), torch.tensor([[0.0], [2000.0]])
    ranked_tkp = refinement(RunContext(), k=k)._ranked(torch.stack([fits_next, fits_last]), points_rp, sample)
    assert torch.equal(ranked_tkp, torch.stack([fits_last, fits_next]))
    points_rp[ranked - 2] = 0.0
    ranked_tkp = refinement(RunContext(), k=k)._ranked(torch.stack([fits_next, fits_last]), points_rp, sample)
    assert torch.equal(ranked_tkp, torch.stack([fits_next, fits_last])), "as they come, if neither fits more"


@pytest.mark.parametrize(("capacity", "quarter"), [(300, 4096), (16_384, 4096), (16_388, 4097)])
@pytest.mark.parametrize("stopping", [False, True])
def test_swaps_take_twelve_rounds_at_most_on_a_quarter_of_the_sample(capacity, quarter, stopping, monkeypatch):
    asked, keys = [], []
    swap, smallest = refinement_module.swap_centers, refinement_module._smallest_keys

    def listening(rows, centers_kd, rounds, *others):
        asked.append((len(rows.x_nd), rounds))
        return swap(rows, centers_kd, rounds, *others)

    def counting(sample_rp, sample, most=None):
        keys.append(most)
        return smallest(sample_rp, sample, most)

    monkeypatch.setattr(refinement_module, "swap_centers", listening)
    monkeypatch.setattr(refinement_module, "_smallest_keys", counting)
    grown = StreamState.start(rows(2)[:20].clone(), 20, capacity)
    grown.absorb(rows(2), 0, torch.Generator().manual_seed(0))
    refinement(StoppingRun() if stopping else RunContext()).refine(grown, 1)
    assert keys == [4096, quarter, None] and [rounds for _, rounds in asked] == [0 if stopping else 12]


@pytest.mark.parametrize("width", [2, 200])
def test_centers_are_means_of_the_whole_sample_at_last(width, monkeypatch):
    """The quarter on which swaps are tried has means of its own."""
    monkeypatch.setattr(refinement_module, "RANKING_ROWS_LOW", 40)
    grown = state(rows(width))
    (centers_kd,) = refinement(RunContext(), tol=0.0).refine(grown, 1)
    weights_n = grown.sample.weights_by_key()
    sample_nd = grown.sample.rows_by_key()[: len(weights_n)]
    middle_d = sample_nd.mean(0)
    assigned = WeightedRows(sample_nd - middle_d, weights_n).assign(centers_kd - middle_d)
    torch.testing.assert_close(centers_kd, assigned.means_md() + middle_d, atol=1e-4, rtol=0)
