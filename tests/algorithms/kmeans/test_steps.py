"""Each step against a plain NumPy line.

Axes: n rows · d features · m centers
"""

import numpy as np
import pytest
import torch

from wildsage.algorithms.base import parallel
from wildsage.algorithms.kmeans import steps

RNG = np.random.default_rng(3)
X = RNG.normal(size=(200, 5)).astype(np.float32)
C = RNG.normal(size=(7, 5)).astype(np.float32)
D2 = ((X[:, None] - C) ** 2).sum(2)


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_nearest_center_and_squared_distance():
    index_n, d2_n = steps.nearest(torch.from_numpy(X), torch.from_numpy(C))
    assert np.array_equal(index_n, D2.argmin(1))
    assert np.allclose(d2_n, D2.min(1), rtol=1e-5)


def test_nearest_in_blocks_is_nearest_at_once(monkeypatch):
    whole = steps.nearest(torch.from_numpy(X), torch.from_numpy(C))
    monkeypatch.setattr(steps, "BLOCK_ENTRIES", 12 * 70)
    again = steps.nearest(torch.from_numpy(X), torch.from_numpy(C))
    assert torch.equal(again[0], whole[0]) and torch.allclose(again[1], whole[1])


def test_nearest_stays_exact_far_from_zero():
    """|x|² is 5e8 here, so that float32 alone would lose distances of order 1."""
    index_n, d2_n = steps.nearest(torch.from_numpy(X + 10_000), torch.from_numpy(C + 10_000))
    exact = ((np.float64(X + np.float32(10_000))[:, None] - np.float64(C + np.float32(10_000))) ** 2).sum(2)
    assert np.array_equal(index_n, exact.argmin(1))
    assert np.allclose(d2_n, exact.min(1), rtol=1e-5)


def test_ties_go_to_the_lower_index():
    centers = torch.tensor([[1.0], [-1.0], [1.0]])
    assert steps.nearest(torch.tensor([[0.0], [2.0]]), centers)[0].tolist() == [0, 0]


@pytest.mark.parametrize("parts", [1, 2])
def test_an_assignment_sums_up_the_rows_of_each_center(parts, monkeypatch):
    monkeypatch.setattr(steps, "BLOCK_ENTRIES", 12 * 70)
    monkeypatch.setattr(parallel, "ENTRIES_LOW", 0 if parts == 2 else 1 << 30)
    centers = np.concatenate([C, [[99.0] * 5]]).astype(np.float32)  # the last wins nothing
    assigned = steps.assign(torch.from_numpy(X), torch.from_numpy(centers))
    assert np.array_equal(assigned.index_n, D2.argmin(1)) and np.allclose(assigned.d2_n, D2.min(1), rtol=1e-5)
    for m in range(7):
        mine = D2.argmin(1) == m
        assert assigned.counts_m[m] == mine.sum()
        assert np.allclose(assigned.means_md()[m], X[mine].mean(0), atol=1e-5)
    assert assigned.counts_m[7] == 0 and bool(assigned.means_md().isfinite().all())


def test_draw_follows_the_chances_and_never_draws_zero():
    chances = torch.tensor([0.0, 1.0, 3.0])
    generator = rng()
    firsts = np.array([int(steps.draw(chances, 1, generator)) for _ in range(4000)])
    assert (firsts == 2).mean() == pytest.approx(0.75, abs=0.03)  # four standard deviations are 0.027
    assert sorted(steps.draw(chances, 3, generator).tolist()) == [1, 2]


def test_kmeans_plus_plus_takes_each_far_point_once_in_every_trial():
    far = torch.tensor([[0.0], [1000.0], [2000.0]]).repeat(20, 1)
    starts = steps.kmeans_plus_plus(far, torch.ones(60), 3, 5, rng())
    assert starts.shape == (5, 3, 1) and starts.sort(1).values[..., 0].tolist() == [[0, 1000, 2000]] * 5


def test_kmeans_plus_plus_follows_the_weights():
    """The first of a trial is drawn by weight alone: 3 of 4 times the last row; four standard deviations are 0.04."""
    starts = steps.kmeans_plus_plus(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([1.0, 0, 3]), 1, 2000, rng())
    assert float((starts == 2).float().mean()) == pytest.approx(0.75, abs=0.04) and not bool((starts == 1).any())


def test_kmeans_plus_plus_repeats_rows_where_too_few_are_distinct():
    assert steps.kmeans_plus_plus(torch.ones(4, 2), torch.ones(4), 3, 1, rng()).tolist() == [[[1, 1]] * 3]


def test_moving_twice_is_the_mean_of_all_rows_won():
    """Far centers, so that moving them changes no winner."""
    centers = torch.from_numpy(C * 100)
    x = torch.from_numpy(np.repeat(C * 100, 20, axis=0) + X[:140])
    weights = torch.zeros(7, dtype=torch.float64)
    for half in (slice(0, 90), slice(90, 140)):
        centers, weights = steps.move(centers, weights, steps.assign(x[half], centers))
    assert weights.tolist() == [20] * 7
    assert np.allclose(centers, x.reshape(7, 20, 5).mean(1), rtol=1e-5, atol=1e-4)


def test_merging_keeps_weight_and_mean_and_takes_the_cheapest_pair():
    centers = torch.tensor([[0.0], [1.0], [10.0], [12.0]])
    weights = torch.tensor([1.0, 1.0, 100.0, 100.0], dtype=torch.float64)
    merged, weight = steps.merge_nearest(centers.clone(), weights.clone(), 3)
    assert sorted(zip(merged[:, 0].tolist(), weight.tolist(), strict=True)) == [
        (0.5, 2.0),
        (10.0, 100.0),
        (12.0, 100.0),
    ]
    merged, weight = steps.merge_nearest(centers.clone(), weights.clone(), 1)
    assert float(weight) == 202 and float(merged) == pytest.approx(float((centers[:, 0] * weights).sum() / 202))


def test_kmeans_plus_plus_stays_exact_far_from_zero():
    """Squares about 1e10 would hide distances of order 1 in float32."""
    near = 1e5 + torch.tensor([[0.0], [1.0], [2.0]]).repeat(20, 1)
    starts = steps.kmeans_plus_plus(near, torch.ones(60), 3, 5, rng()) - 1e5
    assert starts.sort(1).values[..., 0].tolist() == [[0, 1, 2]] * 5


def test_kmeans_plus_plus_draws_by_squared_distance_to_the_nearest_before():
    """From 0 on: 1 and 3 with chances of 1 to 9; four standard deviations of 2,000 trials are 0.05. A third is what is left."""
    x, first = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([1e9, 1, 1])
    starts = steps.kmeans_plus_plus(x, first, 3, 2000, rng())[..., 0]
    assert (starts[:, 0] == 0).all() and (starts.sort(1).values == x[:, 0]).all()
    assert float((starts[:, 1] == 3).float().mean()) == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize(("m", "rows"), [(0, 0), (1, 1), (5, 5), (6, 5)])
def test_random_rows_are_distinct_and_all_of_them_if_there_are_too_few(m, rows):
    drawn = steps.random_rows(torch.arange(5.0)[:, None], m, rng())[:, 0].tolist()
    assert len(drawn) == len(set(drawn)) == rows


def test_of_pairs_that_could_merge_only_as_many_do_as_have_to():
    """Both pairs are each other's nearest; the second costs more."""
    centers, weights = torch.tensor([[0.0], [1.0], [50.0], [52.0]]), torch.ones(4, dtype=torch.float64)
    merged, weight = steps.merge_nearest(centers, weights, 3)
    assert merged[:, 0].tolist() == [0.5, 50, 52] and weight.tolist() == [2, 1, 1]
    assert steps.merge_nearest(centers, weights, 4)[0] is centers
    assert steps.merge_nearest(centers, weights, 2)[0][:, 0].tolist() == [0.5, 51]


def test_pairs_are_mutual_nearest_neighbours_by_the_cost_of_merging(monkeypatch):
    """Beside a plain search through all pairs [Ward 1963], in blocks of any size."""
    weights = torch.from_numpy(RNG.random(40) * 9 + 0.1)
    centers = torch.from_numpy(X[:40])
    w, c = weights.numpy(), X[:40].astype(np.float64)
    cost = w[:, None] * w / (w[:, None] + w) * ((c[:, None] - c) ** 2).sum(2)
    np.fill_diagonal(cost, np.inf)
    nearest = cost.argmin(1)
    pairs = sorted((cost[i, nearest[i]], i, nearest[i]) for i in range(40) if nearest[nearest[i]] == i > nearest[i])
    for entries in (1, 40 * 7, 1 << 18):
        monkeypatch.setattr(steps, "BLOCK_ENTRIES", entries)
        for wanted in (1, 3, 40):
            going, into = steps._cheapest_pairs(centers, weights, wanted)
            assert list(zip(going.tolist(), into.tolist(), strict=True)) == [(i, j) for _, i, j in pairs[:wanted]]


def test_centers_without_weight_merge_first_and_move_nothing():
    centers, weights = torch.tensor([[0.0], [5.0], [6.0]]), torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)
    merged, weight = steps.merge_nearest(centers, weights, 2)
    assert merged[:, 0].tolist() == [5, 6] and weight.tolist() == [1, 1]
    empty, none = steps.merge_nearest(torch.tensor([[1.0], [2.0]]), torch.zeros(2, dtype=torch.float64), 1)
    assert empty.isfinite().all() and none.tolist() == [0]


def test_a_center_that_wins_nothing_stays():
    centers, weights = torch.tensor([[0.0], [100.0]]), torch.tensor([0.0, 0.0], dtype=torch.float64)
    moved, after = steps.move(centers, weights, steps.assign(torch.tensor([[1.0], [3.0]]), centers))
    assert moved[:, 0].tolist() == [2, 100] and after.tolist() == [2, 0]


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 128, 129])
def test_blocks_leave_out_no_row(rows, monkeypatch):
    """64 rows at least are searched together."""
    monkeypatch.setattr(steps, "BLOCK_ENTRIES", 1)
    x = torch.from_numpy(X[:rows])
    index_n, d2_n = steps.nearest(x, torch.from_numpy(C))
    assert np.array_equal(index_n, D2[:rows].argmin(1)) and np.allclose(d2_n, D2[:rows].min(1), rtol=1e-5)
    assert steps.block_rows(slice(0, rows), torch.from_numpy(C)) == min(rows, 64)
    assert steps.mean_cost(x, torch.from_numpy(C)) == pytest.approx(D2[:rows].min(1).mean(), rel=1e-5)


def test_blocks_fill_the_cache_with_rows_and_scores():
    assert steps.block_rows(slice(0, 100_000), torch.empty(100, 412)) == (1 << 18) // 512
    assert [*steps.blocks(slice(3, 10), 3)] == [slice(3, 6), slice(6, 9), slice(9, 10)] and not [
        *steps.blocks(slice(3, 3), 0)
    ]


def test_no_more_is_drawn_than_is_asked_for_and_nothing_of_nothing():
    chances = torch.tensor([1.0, 0.0, 2.0, 3.0])
    assert [len(steps.draw(chances, count, rng())) for count in (0, 1, 2, 3, 4)] == [0, 1, 2, 3, 3]
    assert not len(steps.draw(torch.zeros(4), 2, rng()))
