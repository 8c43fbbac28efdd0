"""The local searches on rows in memory.

Axes: n rows · d features · k centers
"""

import numpy as np
import pytest
import torch
from sklearn import cluster

from wildsage.algorithms.base import parallel
from wildsage.algorithms.kmeans import local_search, steps, subspace
from wildsage.algorithms.kmeans.local_search import WeightedRows
from wildsage.algorithms.kmeans.subspace import Subspace

RNG = np.random.default_rng(3)
X = torch.from_numpy(RNG.normal(size=(200, 5)).astype(np.float32))
C = torch.from_numpy(RNG.normal(size=(7, 5)).astype(np.float32))
WEIGHTS = torch.from_numpy(RNG.random(200))


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("parts", [1, 2])
def test_an_assignment_weighs_the_rows_of_each_center(parts, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_ENTRIES", 12 * 70)
    monkeypatch.setattr(parallel, "ENTRIES_LOW", 0 if parts == 2 else 1 << 30)
    assigned = WeightedRows(X, WEIGHTS).assign(C)
    index_n, d2_n = steps.nearest(X, C)
    assert torch.equal(assigned.index_n, index_n) and torch.allclose(assigned.d2_n, d2_n, rtol=1e-4, atol=1e-5)
    for k in range(7):
        mine = (index_n == k).numpy()
        assert float(assigned.counts_m[k]) == pytest.approx(float(WEIGHTS[mine].sum()))
        assert np.allclose(assigned.means_md()[k], np.average(X[mine], axis=0, weights=WEIGHTS[mine]), atol=1e-5)


@pytest.mark.parametrize("k", [7, local_search.FEW_CENTERS + 3])
def test_of_equal_centers_the_first_gets_the_rows(k):
    centers = torch.cat([C[:1], C[:1], torch.full((k - 2, 5), 9.0)])
    assigned = WeightedRows(X, WEIGHTS).assign(centers)
    assert assigned.index_n.unique().tolist() == [0]


@pytest.mark.parametrize("k", [7, local_search.FEW_CENTERS + 3])
def test_distances_and_weights_alone_are_those_of_an_assignment(k):
    rows = WeightedRows(X, WEIGHTS)
    assigned = rows.assign(X[:k])
    d2_n, counts_k = rows.nearest(X[:k])
    assert torch.equal(d2_n, assigned.d2_n) and torch.equal(counts_k, assigned.counts_m)


@pytest.mark.parametrize("parts", [1, 2])
def test_costs_of_several_sets_of_centers_are_those_of_each(parts, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_ENTRIES", 26 * 70)
    monkeypatch.setattr(parallel, "ENTRIES_LOW", 0 if parts == 2 else 1 << 30)
    rows, sets_tkd = WeightedRows(X, WEIGHTS), X[:21].view(3, 7, 5)
    costs = [rows.cost(rows.assign(centers_kd).d2_n) for centers_kd in sets_tkd]
    assert rows.costs(sets_tkd).tolist() == pytest.approx(costs, rel=1e-5)


def test_lloyd_equals_scikit_learn_from_the_same_start():
    """Both iterate to a fixed point from the same centers; float32 sums of 200 rows differ by about 1e-6."""
    theirs = cluster.KMeans(7, init=C.numpy(), n_init=1, algorithm="lloyd", tol=0, max_iter=300)
    theirs.fit(X.numpy(), sample_weight=WEIGHTS.numpy())
    ours, cost = local_search.lloyd(WeightedRows(X, WEIGHTS), C, 300, 0.0)
    assert np.allclose(ours, theirs.cluster_centers_, atol=1e-4)
    assert cost == pytest.approx(theirs.inertia_ / float(WEIGHTS.sum()), rel=1e-4)


@pytest.mark.parametrize("tol", [0.1, 0.02, 0.005])
def test_lloyd_ends_at_the_first_iteration_that_improves_by_less_than_the_tolerance(tol):
    rows = WeightedRows(X, WEIGHTS)
    costs = [local_search.lloyd(rows, C, iterations, 0.0)[1] for iterations in range(1, 30)]
    last = next(i for i in range(1, 29) if costs[i - 1] - costs[i] <= tol * costs[i])
    centers, cost = local_search.lloyd(rows, C, 300, tol)
    assert cost == costs[last] and torch.equal(centers, local_search.lloyd(rows, C, last, 0.0)[0])


def test_lloyd_takes_the_iterations_that_it_may_and_one_when_stopping():
    rows = WeightedRows(X, WEIGHTS)
    once, cost = local_search.lloyd(rows, C, 1, 0.0)
    assert torch.equal(once, rows.assign(C).means_md()) and cost == rows.cost(rows.assign(C).d2_n)
    assert torch.equal(local_search.lloyd(rows, C, 2, 0.0)[0], rows.assign(once).means_md())
    assert torch.equal(local_search.lloyd(rows, C, 300, 0.0, lambda: True)[0], once)


@pytest.mark.parametrize("max_iter", [1, 300])
@pytest.mark.parametrize("stopping", [False, True])
def test_lloyd_from_several_starts_in_step_is_lloyd_from_each(max_iter, stopping, monkeypatch):
    """The last start has two equal centers, of which one never gets a row. Float32 sums in another order differ by about 1e-6."""
    rows, starts_tkd = WeightedRows(X, WEIGHTS), torch.stack([X[:7], C, torch.cat([C[:1], C[:6]])])
    in_step, costs = local_search.lloyd_from_each(rows, starts_tkd, max_iter, 1e-3, lambda: stopping)
    each = [local_search.lloyd(rows, start_kd, max_iter, 1e-3, lambda: stopping) for start_kd in starts_tkd]
    assert torch.allclose(in_step, torch.stack([centers_kd for centers_kd, _ in each]), atol=1e-5)
    assert costs.tolist() == pytest.approx([cost for _, cost in each], rel=1e-5)
    monkeypatch.setattr(steps, "BLOCK_ENTRIES", 7 * len(X))  # too few for three starts together
    alone, costs = local_search.lloyd_from_each(rows, starts_tkd, max_iter, 1e-3, lambda: stopping)
    each = [local_search.lloyd(rows, start_kd, max_iter, 1e-3, lambda: stopping) for start_kd in starts_tkd]
    assert torch.equal(alone, torch.stack([centers_kd for centers_kd, _ in each]))
    assert costs.tolist() == [cost for _, cost in each]


@pytest.mark.parametrize("tol", [0.1, 0.02])
def test_in_step_each_start_ends_by_its_own_relative_improvement(tol):
    """Costs of some hundreds, of which the tolerance is a share."""
    rows, starts_tkd = WeightedRows(10 * X, WEIGHTS), 10 * torch.stack([X[:7], C, X[7:14]])
    in_step, costs = local_search.lloyd_from_each(rows, starts_tkd, 300, tol)
    each = [local_search.lloyd(rows, start_kd, 300, tol) for start_kd in starts_tkd]
    assert torch.allclose(in_step, torch.stack([centers_kd for centers_kd, _ in each]), atol=1e-4)
    assert costs.min() > 100 and not torch.allclose(
        in_step, local_search.lloyd_from_each(rows, starts_tkd, 300, 0.0)[0], atol=0.1
    )


PAIRS = WeightedRows(torch.tensor([[-5.5], [-4.5], [4.5], [5.5]]), torch.ones(4, dtype=torch.float64))


def test_lloyd_ends_where_nothing_improves_even_without_a_tolerance():
    asked: list[int] = []
    still = torch.tensor([[-5.0], [5.0]])
    centers, cost = local_search.lloyd(PAIRS, still, 300, 0.0, lambda: bool(asked.append(1)))
    assert torch.equal(centers, still) and cost == 0.25 and len(asked) == 1
    each, costs = local_search.lloyd_from_each(PAIRS, still[None], 300, 0.0, lambda: bool(asked.append(1)))
    assert torch.equal(each[0], still) and costs.tolist() == [0.25] and len(asked) == 2


@pytest.mark.parametrize("centers", [[-5.5, -4.5, 5], [-5, 4.5, 5.5]])
def test_centers_that_cost_as_much_replace_none_and_bring_nothing(centers):
    """Three centers for two pairs: whichever pair shares one, the cost is the same."""
    asked: list[int] = []
    begun = torch.tensor(centers)[:, None]
    found = local_search.swap_centers(PAIRS, begun, 12, 0.0, rng(), lambda: bool(asked.append(1)))
    assert torch.equal(found, begun) and len(asked) == local_search.FRUITLESS_ROUNDS


def test_rounds_are_fruitless_from_the_last_that_brought_something():
    """Two centers in one pair: the first round takes one of them to the other pair, and four more bring nothing."""
    asked: list[int] = []
    begun = torch.tensor([[-5.5], [-4.5]])
    found = local_search.swap_centers(PAIRS, begun, 12, 0.0, rng(), lambda: bool(asked.append(1)))
    assert sorted(found.flatten().tolist()) == [-5, 5] and len(asked) == 1 + local_search.FRUITLESS_ROUNDS


def test_swaps_go_on_until_told_to_stop_and_never_raise_the_cost():
    rows, asked = WeightedRows(X, WEIGHTS), []
    begun = rows.cost(rows.assign(C).d2_n)
    stopped = local_search.swap_centers(rows, C, 12, 1e-4, rng(), lambda: bool(asked.append(1)) or True)
    assert len(asked) == 1 and rows.cost(rows.assign(stopped).d2_n) <= begun
    optimum, _ = local_search.lloyd(rows, X[:40].clone(), 300, 0.0)
    local_search.swap_centers(rows, optimum, 0, 1e-4, rng(), lambda: bool(asked.append(1)))
    assert len(asked) == 1  # no round was wanted


def test_rounds_that_bring_what_lloyd_alone_would_bring_are_fruitless():
    rows, asked = WeightedRows(X, WEIGHTS), []
    tried = local_search.swap_centers(rows, C, 12, 1.0, rng(), lambda: bool(asked.append(1)))
    assert len(asked) == 4
    assert rows.cost(rows.assign(tried).d2_n) < rows.cost(rows.assign(C).d2_n)  # a small gain is kept all the same


def test_swaps_leave_a_poor_optimum():
    """Four far groups, two centers in one of them: Lloyd cannot leave that, swaps can."""
    groups = torch.tensor([[0.0, 0], [100, 0], [0, 100], [100, 100]])
    x = (groups.repeat(50, 1) + torch.from_numpy(RNG.normal(size=(200, 2)).astype(np.float32))) - 50
    rows = WeightedRows(x, torch.ones(200, dtype=torch.float64))
    poor = torch.tensor([[-51.0, -50], [-49, -50], [50, -50], [0, 50]])
    stuck, before = local_search.lloyd(rows, poor, 300, 0.0)
    free = local_search.swap_centers(rows, stuck, 12, 1e-4, rng(), lambda: False)
    assert before > 500 and rows.cost(rows.assign(free).d2_n) < 3


def test_centers_of_a_subspace_become_means_of_whole_rows(monkeypatch):
    monkeypatch.setattr(subspace, "COORDINATES", 2)
    full = WeightedRows(X - X.mean(0), WEIGHTS)
    space = Subspace.from_centered_rows(full.x_nd.mean(0), full.x_nd - full.x_nd.mean(0), rng())
    inside = WeightedRows(space.coordinates(full.x_nd), WEIGHTS)
    centers = torch.cat([inside.x_nd[:3], torch.tensor([[99.0, 0]])])  # the last wins nothing
    assigned = inside.assign(centers)
    means = full.means(assigned, space.points(centers))
    for k in range(3):
        mine = (assigned.index_n == k).numpy()
        assert np.allclose(means[k], np.average(full.x_nd[mine], axis=0, weights=WEIGHTS[mine]), atol=1e-5)
    assert torch.allclose(means[3], 99 * space.basis_dp[:, 0], atol=1e-4)


def test_far_rows_are_those_that_leave_the_least_cost():
    """With every row among the candidates of the only center, the best is known by trying all."""
    x_nd = torch.randn(40, 3, generator=rng(), dtype=torch.float32)
    rows = WeightedRows(x_nd, torch.rand(40, generator=rng(), dtype=torch.float64) + 0.1)
    d2_n = rows.assign(torch.zeros(1, 3)).d2_n
    left = torch.minimum(torch.cdist(x_nd, x_nd).square(), d2_n).double() @ rows.weights_n
    assert local_search.sample_far_rows(rows, d2_n, 1, 40, rng()).tolist() == [int(left.argmin())]


def test_far_rows_are_of_different_groups():
    """Whoever goes to a far group leaves nothing to gain there, so three choices of many find three groups."""
    centers = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    x_nd = (centers[:, None] + torch.randn(4, 30, 2, generator=rng()) / 10).reshape(-1, 2)
    rows = WeightedRows(x_nd, torch.ones(120, dtype=torch.float64))
    opened = local_search.sample_far_rows(rows, rows.assign(centers[:1]).d2_n, 3, 16, rng())
    assert sorted((opened // 30).tolist()) == [1, 2, 3]


def test_no_row_is_far_where_all_lie_on_their_centers():
    rows = WeightedRows(torch.zeros(5, 2), torch.ones(5, dtype=torch.float64))
    assert not len(local_search.sample_far_rows(rows, torch.zeros(5), 2, 16, rng()))


def test_far_rows_are_drawn_in_proportion_to_weight_and_distance():
    """One row at each of three distances from the only center; the chances are 1, 0 and 4 · 2 of 9. Four deviations are 0.06."""
    rows = WeightedRows(torch.tensor([[1.0], [5.0], [2.0]]), torch.tensor([1.0, 0, 2], dtype=torch.float64))
    d2_n, generator = rows.assign(torch.zeros(1, 1)).d2_n, rng()
    drawn = [local_search.sample_far_rows(rows, d2_n, 1, 1, generator).tolist() for _ in range(500)]
    assert {tuple(each) for each in drawn} == {(0,), (2,)}
    assert np.mean([each == [2] for each in drawn]) == pytest.approx(8 / 9, abs=0.06)
    assert sorted(local_search.sample_far_rows(rows, d2_n, 3, 1, generator).tolist()) == [0, 2]


@pytest.mark.parametrize(("k", "opened"), [(10, 1), (11, 2), (20, 2), (21, 3)])
def test_every_round_opens_a_tenth_of_the_centers_the_first_the_best_of_sixteen_the_next_the_first_drawn(
    k, opened, monkeypatch
):
    asked, sample = [], local_search.sample_far_rows

    def listening(rows, d2_n, count, candidates, generator):
        asked.append((count, candidates))
        return sample(rows, d2_n, count, candidates, generator)

    monkeypatch.setattr(local_search, "sample_far_rows", listening)
    rows = WeightedRows(X, WEIGHTS)
    swapped = local_search.swap_centers(rows, X[:k].clone(), 3, 0.0, rng(), lambda: False)
    assert asked == [(opened, 16), (opened, 1), (opened, 16)] and swapped.shape == (k, 5)


def test_every_round_opens_centers_far_from_the_best_found_so_far(monkeypatch):
    seen, sample = [], local_search.sample_far_rows

    def listening(rows, d2_n, count, candidates, generator):
        seen.append(d2_n)
        return sample(rows, d2_n, count, candidates, generator)

    monkeypatch.setattr(local_search, "sample_far_rows", listening)
    rows = WeightedRows(X, WEIGHTS)
    best = [local_search.swap_centers(rows, X[:10].clone(), n, 0.0, rng(), lambda: False) for n in range(4)]
    assert not torch.equal(best[2], best[0])
    for number, best_kd in enumerate(best[:3]):
        torch.testing.assert_close(seen[-3 + number], rows.nearest(best_kd)[0])


def test_centers_merge_by_the_weights_of_the_rows_that_are_nearest_to_them_by_then(monkeypatch):
    merged, merge = [], steps.merge_nearest

    def listening(centers_md, weights_m, target):
        merged.append((centers_md, weights_m))
        return merge(centers_md, weights_m, target)

    monkeypatch.setattr(steps, "merge_nearest", listening)
    rows = WeightedRows(X, WEIGHTS)
    local_search.swap_centers(rows, X[:10].clone(), 3, 0.0, rng(), lambda: False)
    assert len(merged) == 3
    for centers_md, weights_m in merged:
        torch.testing.assert_close(weights_m, rows.nearest(centers_md)[1])


def test_costs_are_means_weighted_by_the_rows():
    rows = WeightedRows(torch.tensor([[0.0], [4.0]]), torch.tensor([3.0, 1.0], dtype=torch.float64))
    d2_n = torch.tensor([1.0, 9.0])
    assert rows.cost(d2_n) == 3 and rows.mean_costs(torch.stack([d2_n, 2 * d2_n])).tolist() == [3, 6]
    assert rows.costs(torch.tensor([[[1.0], [1.0]], [[0.0], [4.0]]])).tolist() == [(3 + 9) / 4, 0]


def test_distances_are_never_negative():
    """Rows that are their own centers, far from zero: their scores differ from half the squared length by rounding alone."""
    rows = WeightedRows(1000 * X[:20], torch.ones(20, dtype=torch.float64))
    assert (rows.assign(rows.x_nd).d2_n >= 0).all() and (rows.nearest(rows.x_nd)[0] >= 0).all()


@pytest.mark.parametrize("rows", [1, 2, 69, 70, 71, 200])
def test_blocks_leave_out_no_row(rows, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_ENTRIES", 12 * 70)
    some = WeightedRows(X[:rows], WEIGHTS[:rows])
    index_n, d2_n = steps.nearest(X[:rows], C)
    assigned = some.assign(C)
    assert torch.equal(assigned.index_n, index_n) and torch.allclose(assigned.d2_n, d2_n, rtol=1e-4, atol=1e-5)
    assert float(some.costs(C[None])) == pytest.approx(some.cost(d2_n), rel=1e-5)
