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
