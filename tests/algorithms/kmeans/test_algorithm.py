"""K-means from its first batch to its centers: what hyperparameters decide, further passes, and several hosts."""

import numpy as np
import pytest
import torch
from sklearn import cluster

from tests.algorithms.hosts import on_hosts
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.refinement import Refinement


class Listening(RunContext):
    """A run that remembers what was said."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.said: list[str] = []

    def log(self, text, level="INFO"):
        self.said.append(f"{level} {text}")

    def quality(self, channel, name, kind, value, **of):
        self.said.append(f"{channel} {name} {kind} {value}")


def fit(x: np.ndarray, run: RunContext | None = None, **settings) -> torch.Tensor:
    stream = {"train": MemoryStream(Batch(torch.from_numpy(x)))}
    return KMeans(feature_dim=x.shape[1], **settings).fit(stream, run or RunContext()).centers_kd


def msd(x: np.ndarray, centers_kd: torch.Tensor) -> float:
    return steps.mean_cost(torch.from_numpy(x), centers_kd)


def test_a_later_pass_is_an_iteration_of_lloyd_over_all_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30_000, 3)).astype(np.float32)
    one, two = (torch.from_numpy(np.sort(fit(x, k=1, epochs=epochs).numpy(), 0)) for epochs in (1, 2))
    mean = torch.from_numpy(x.mean(0, dtype=np.float64)).float()
    assert torch.allclose(two[0], mean, atol=1e-6) and not torch.allclose(one[0], mean, atol=1e-3)


def test_says_what_the_original_says():
    run = Listening()
    fit(np.random.default_rng(0).normal(size=(600, 34)).astype(np.float32), run, k=8, epochs=2)
    assert run.said[0] == (
        "WARNING Batch size 5000 is bigger than the first batch data. Effective batch size used to initialize is 600"
    )
    assert "INFO shrinking 80 centers into 8" in run.said
    attempts = [float(line.split()[-1]) for line in run.said if "local kmeans attempt" in line]
    assert len(attempts) == 10
    train = next(float(line.split()[-1]) for line in run.said if line.startswith("train msd loss"))
    assert train == pytest.approx(min(attempts), abs=1e-6)


def test_trials_iterations_and_tolerance_are_those_that_were_asked_for():
    """Each trial tells its loss. One iteration, and a tolerance that the second never meets, end above the optimum."""

    x = np.random.default_rng(0).normal(size=(600, 34)).astype(np.float32)

    def attempts(**settings) -> list[float]:
        run = Listening()
        fit(x, run, k=8, local_lloyd_num_trials=3, **settings)
        return [float(line.split()[-1]) for line in run.said if "local kmeans attempt" in line]

    exact = attempts(local_lloyd_tol=0.0)
    assert len(exact) == 3
    for early in (attempts(local_lloyd_max_iter=1), attempts(local_lloyd_tol=1.0)):
        assert all(loss > best for loss, best in zip(early, exact, strict=True))


def test_rare_clusters_get_a_center():
    """20,000 rows in one cloud and 3 far clusters of 60: a sample of rows alone would leave some out."""
    rng = np.random.default_rng(0)
    rare = np.array([[60, 0], [0, 60], [-60, 0]])
    x = np.concatenate([rng.normal(size=(20_000, 2)), *(rng.normal(size=(60, 2)) * 0.3 + at for at in rare)])
    for seed in range(3):
        centers = fit(rng.permutation(x).astype(np.float32), RunContext(seed), k=8).numpy()
        assert (((rare[:, None] - centers) ** 2).sum(2).min(1) < 1).all()


def test_more_clusters_than_rows_are_rejected():
    with pytest.raises(UserError, match="Hyperparameter k: got 9, but channel train holds only 4 rows"):
        fit(np.eye(4, dtype=np.float32), k=9)


def test_as_many_clusters_as_rows():
    x = np.eye(6, dtype=np.float32)
    assert msd(x, fit(x, k=6)) == pytest.approx(0, abs=1e-9)


def test_a_batch_smaller_than_k_still_gives_k_centers():
    x = np.arange(24, dtype=np.float32)[:, None] * 10
    assert len(fit(x, k=12, mini_batch_size=5).unique()) == 12


@pytest.mark.parametrize(
    "settings", [{"init_method": "kmeans++"}, {"local_lloyd_init_method": "random"}, {"half_life_time_size": 500}]
)
def test_other_settings_find_the_blobs_too(settings):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=(400, 3)) + at for at in (0, 20, 40)]).astype(np.float32)
    assert msd(rng.permutation(x), fit(rng.permutation(x), k=3, mini_batch_size=300, **settings)) < 3.5


@pytest.mark.parametrize("start", ["random", "kmeans++"])
def test_equal_rows_still_give_k_centers(start):
    assert fit(np.ones((300, 2), np.float32), k=4, local_lloyd_init_method=start).shape == (4, 2)


def kmeans(**settings) -> KMeans:
    return KMeans(**{"k": 7, "feature_dim": 1, **settings})


@pytest.mark.parametrize(
    ("k", "factor"), [(1, 10), (7, 10), (40, 10), (41, 9), (50, 8), (99, 4), (100, 4), (101, 4), (1000, 4)]
)
def test_auto_gives_400_streaming_centers_from_four_to_ten_times_k(k, factor):
    assert kmeans(k=k).center_factor == factor
    assert kmeans(k=k, extra_center_factor=3).center_factor == 3


@pytest.mark.parametrize(
    ("k", "d", "rows"),
    [
        (1, 1, 10_000), (39, 1, 10_000), (40, 1, 10_240), (100, 784, 25_600),
        (100, 1 << 16, 1024), (1, 6710, 10_000), (1, 6711, 9_999), (2000, 1 << 16, 2000),
    ],
)  # fmt: skip
def test_the_sample_has_256_rows_for_each_k_or_ten_thousand_up_to_256_mebibytes(k, d, rows):
    assert kmeans(k=k).sample_rows(d) == rows


def test_metrics_are_reported_that_were_asked_for():
    assert [kmeans(eval_metrics=("ssd",)).reports(metric) for metric in ("msd", "ssd")] == [False, True]


@pytest.mark.parametrize(("rows", "warned"), [(49, True), (50, False)])
def test_a_first_batch_that_is_not_full_is_said(rows, warned):
    run = Listening()
    x = np.arange(rows, dtype=np.float32)[:, None]
    fit(x, run, k=2, mini_batch_size=50)
    assert any(line.startswith("WARNING Batch size 50 is bigger") for line in run.said) == warned
    assert "INFO 'extra_center_factor' was set to 'auto', evaluated to 10." in run.said
    assert f"INFO processed a total of {rows} examples" in run.said


def test_a_factor_that_was_given_is_not_said_to_be_auto():
    run = Listening()
    fit(np.arange(60, dtype=np.float32)[:, None], run, k=2, extra_center_factor=4, local_lloyd_num_trials=2)
    assert not any("extra_center_factor" in line for line in run.said)
    assert "INFO shrinking 8 centers into 2" in run.said
    assert [line.split(".")[0] for line in run.said if "attempt" in line] == [
        f"INFO local kmeans attempt #{n}" for n in (0, 1)
    ]


class Saving(RunContext):
    """A run that keeps the states of its checkpoints, the first as arrays, and the last state."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rows, self.first, self.kept = [], None, None

    def checkpoint(self, state):
        self.rows.append(state.rows)
        self.first = self.first or {name: array.clone() for name, array in state.arrays().items()}

    def keep(self, state):
        self.kept = state


@pytest.mark.parametrize("init_method", ["random", "kmeans++"])
def test_the_first_streaming_centers_are_rows_of_the_first_batch(init_method):
    """Each of the 20 places gets a row of the first batch, and one place more is opened, as by any batch."""
    run = Saving()
    x = np.random.default_rng(0).permutation(300).astype(np.float32)[:, None] * 1000
    fit(x, run, k=2, mini_batch_size=100, init_method=init_method)
    assert len(run.first["0"]) == 21 and run.rows == [100, 200, 300]
    assert float(run.first["1"].sum()) == 100 and run.first["sizes"].tolist() == [20, 10_000, 100]


def test_kmeans_plus_plus_gives_every_far_group_a_streaming_center():
    """Nine rows far apart among 400 alike: of 20 rows drawn at random few are far ones."""
    x = np.zeros((400, 1), np.float32)
    x[-9:, 0] = np.arange(1, 10) * 1e6
    run = Saving()
    fit(x, run, k=2, init_method="kmeans++")
    assert set(x[-9:, 0].tolist()) <= set(run.first["0"][:, 0].tolist())


class Resumed(Listening):
    """A run that continues from a state."""

    def __init__(self, before) -> None:
        super().__init__()
        self.before, self.kept = before, None

    def resumed(self):
        return self.before

    def keep(self, state):
        self.kept = state


def test_a_state_that_is_resumed_counts_on_and_gets_the_places_of_this_job():
    saving, x = Saving(), np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    fit(x, saving, k=2)
    run = Resumed(saving.kept.arrays())
    fit(x[:50] + 9, run, k=3, mini_batch_size=50)
    assert (run.kept.rows, run.kept.capacity) == (250, 30)
    assert not any("Batch size" in line for line in run.said)
    with pytest.raises(UserError, match="The state to resume from has 3 columns, expected feature_dim = 2"):
        fit(x[:, :2], Resumed(saving.kept.arrays()), k=2)


def test_a_pass_over_all_rows_is_an_iteration_of_scikit_learn():
    x = np.random.default_rng(0).normal(size=(700, 2)).astype(np.float32)
    batches = [Batch(torch.from_numpy(part)) for part in np.split(x, [300, 500])]
    theirs = cluster.KMeans(5, init=x[:5], n_init=1, max_iter=1, algorithm="lloyd").fit(x)
    (moved,) = kmeans(k=5, feature_dim=2)._lloyd_pass(iter(batches), [torch.from_numpy(x[:5])], RunContext())
    assert np.allclose(moved, theirs.cluster_centers_, atol=1e-5)


def test_the_best_of_three_candidates_is_the_answer_of_further_passes():
    run, x = Listening(), np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32)
    model = fit(x, run, k=9, epochs=4, local_lloyd_max_iter=1)
    before = [float(line.split()[-1]) for line in run.said if "Lloyd over all rows" in line]
    assert len(before) == 3 and before == sorted(before, reverse=True)
    assert msd(x, model) <= before[-1] + 1e-6


CANDIDATES = [torch.tensor([[0.0], [50.0], [1e6]]), torch.tensor([[1.0], [9.0], [5.0]])]
NUMBERS = torch.arange(11.0)[:, None]


def test_a_pass_moves_every_candidate_and_puts_the_best_first():
    """The first candidate has all eleven rows at its first center. In the second, 3 and 7 are as far from two centers: the first
    of these gets them."""
    run = Listening()
    best, other = kmeans()._lloyd_pass(iter([Batch(NUMBERS[:4]), Batch(NUMBERS[4:])]), CANDIDATES, run)
    assert best[:, 0].tolist() == [1.5, 8.5, 5.0]
    assert other[:, 0].tolist() == [5.0, 50.0, 1e6]
    cost = np.minimum.reduce([np.square(np.arange(11) - center) for center in (1, 9, 5)]).mean()
    assert run.said == [f"INFO Lloyd over all rows. Mean square distance before: {cost:.6f}"]


def test_a_pass_that_any_host_has_to_stop_moves_nothing():
    class Stopping(RunContext):
        stopping = True

    assert kmeans()._lloyd_pass(iter([Batch(NUMBERS)]), CANDIDATES, Stopping()) is CANDIDATES


@pytest.mark.parametrize(("epochs", "sets"), [(1, 1), (2, 3), (5, 3)])
def test_one_set_of_centers_is_refined_or_three_where_further_passes_choose(epochs, sets, monkeypatch):
    asked, refine = [], Refinement.refine
    monkeypatch.setattr(
        Refinement, "refine", lambda self, state, wanted: asked.append(wanted) or refine(self, state, wanted)
    )
    fit(np.arange(40, dtype=np.float32)[:, None], k=2, epochs=epochs)
    assert asked == [sets]


def test_with_a_half_life_further_passes_stream_on():
    run = Saving()
    x = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    fit(x, run, k=2, epochs=3, half_life_time_size=1000, mini_batch_size=50)
    assert run.rows == [50, 100, 150, 200, 250, 300]
    run = Saving()
    fit(x, run, k=2, epochs=3, mini_batch_size=50)
    assert run.rows == [50, 100]


def test_the_half_life_is_the_one_that_was_asked_for():
    """300 rows in batches of 100 with a half-life of 100: 100 (1 + 1/2 + 1/4) of them are left."""
    run = Saving()
    fit(
        np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32),
        run,
        k=2,
        half_life_time_size=100,
        mini_batch_size=100,
    )
    assert float(run.kept.weights_m.sum()) == pytest.approx(175)


def fit_on_hosts(shares: list[np.ndarray], **settings) -> list[torch.Tensor]:
    return on_hosts(len(shares), lambda host: fit(shares[host.rank], host, **settings))


@pytest.mark.parametrize("epochs", [1, 2])
def test_hosts_with_any_shares_of_the_rows_find_the_means_of_the_groups(epochs):
    """The groups lie on different hosts, and the third host has no rows."""
    rng = np.random.default_rng(0)
    groups = [(rng.normal(size=(rows, 2)) + at).astype(np.float32) for rows, at in ((300, 0), (100, 30), (200, 60))]
    models = fit_on_hosts(
        [groups[0], np.concatenate(groups[1:]), groups[0][:0]], k=3, epochs=epochs, mini_batch_size=100
    )
    means = np.stack([group.mean(0) for group in groups])
    for model in models:
        assert np.allclose(np.sort(model.numpy(), 0), means, atol=1e-4)
        assert torch.equal(model, models[0])


def test_clusters_are_counted_over_the_rows_of_all_hosts():
    shares = [np.array([[0.0], [9.0]], np.float32), np.array([[20.0]], np.float32)]
    assert sorted(fit_on_hosts(shares, k=3)[0][:, 0].tolist()) == [0, 9, 20]
    with pytest.raises(UserError, match="Hyperparameter k: got 4, but channel train holds only 3 rows"):
        fit_on_hosts(shares, k=4)
    with pytest.raises(UserError, match="No training data processed"):
        fit(np.zeros((0, 1), np.float32), k=1)
