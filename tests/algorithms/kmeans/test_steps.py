"""Each step against a plain NumPy line.

Axes: n rows · d features · m centers
"""

import numpy as np
import pytest
import torch

from algorithms.kmeans import steps

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


def test_nearest_in_chunks_is_nearest_at_once(monkeypatch):
    whole = steps.nearest(torch.from_numpy(X), torch.from_numpy(C))
    monkeypatch.setattr(steps, "CHUNK_ENTRIES", 7 * 30)
    assert torch.equal(steps.nearest(torch.from_numpy(X), torch.from_numpy(C))[0], whole[0])


def test_nearest_stays_exact_far_from_zero():
    """|x|² is 5e8 here, so that float32 alone would lose distances of order 1."""
    index_n, d2_n = steps.nearest(torch.from_numpy(X + 10_000), torch.from_numpy(C + 10_000))
    exact = ((np.float64(X + np.float32(10_000))[:, None] - np.float64(C + np.float32(10_000))) ** 2).sum(2)
    assert np.array_equal(index_n, exact.argmin(1))
    assert np.allclose(d2_n, exact.min(1), rtol=1e-5)


def test_ties_go_to_the_lower_index():
    centers = torch.tensor([[1.0], [-1.0], [1.0]])
    assert steps.nearest(torch.tensor([[0.0], [2.0]]), centers)[0].tolist() == [0, 0]


def test_weighted_means():
    index, weights = RNG.integers(0, 7, 200), RNG.random(200).astype(np.float32)
    means, totals = steps.weighted_means(torch.from_numpy(X), torch.from_numpy(weights), torch.from_numpy(index), 8)
    for m in range(7):
        mine = index == m
        assert np.allclose(means[m], np.average(X[mine], axis=0, weights=weights[mine]), atol=1e-5)
        assert totals[m] == pytest.approx(weights[mine].sum(), rel=1e-5)
    assert totals[7] == 0 and not means[7].any()


def test_draw_follows_the_chances_and_never_draws_zero():
    chances = torch.tensor([0.0, 1.0, 3.0])
    generator = rng()
    firsts = np.array([int(steps.draw(chances, 1, generator)) for _ in range(4000)])
    assert (firsts == 2).mean() == pytest.approx(0.75, abs=0.03)  # four standard deviations are 0.027
    assert sorted(steps.draw(chances, 3, generator).tolist()) == [1, 2]


def test_kmeans_plus_plus_takes_each_far_point_once():
    far = torch.tensor([[0.0], [1000.0], [2000.0]]).repeat(20, 1)
    assert sorted(steps.kmeans_plus_plus(far, torch.ones(60), 3, rng())[:, 0].tolist()) == [0, 1000, 2000]


def test_kmeans_plus_plus_repeats_rows_where_too_few_are_distinct():
    assert steps.kmeans_plus_plus(torch.ones(4, 2), torch.ones(4), 3, rng()).tolist() == [[1, 1]] * 3


def test_moving_twice_is_the_mean_of_all_rows_won():
    index_n = torch.from_numpy(D2.argmin(1))
    centers, weights = torch.from_numpy(C), torch.zeros(7, dtype=torch.float64)
    for half in (slice(0, 90), slice(90, 200)):
        centers, weights = steps.move(centers, weights, torch.from_numpy(X)[half], index_n[half])
    for m in range(7):
        won = X[D2.argmin(1) == m]
        assert weights[m] == len(won)
        assert np.allclose(centers[m], won.mean(0) if len(won) else C[m], atol=1e-5)


def test_lloyd_equals_scikit_learn_from_the_same_start():
    """Both iterate to a fixed point from the same centers; float32 sums of 200 rows differ by about 1e-6."""
    cluster = pytest.importorskip("sklearn.cluster")
    weights = RNG.random(200).astype(np.float32)
    theirs = cluster.KMeans(7, init=C, n_init=1, algorithm="lloyd", tol=0, max_iter=300).fit(X, sample_weight=weights)
    ours, loss = steps.lloyd(torch.from_numpy(X), torch.from_numpy(weights), torch.from_numpy(C), 300, 0.0)
    assert np.allclose(ours, theirs.cluster_centers_, atol=1e-4)
    assert loss == pytest.approx(theirs.inertia_ / weights.sum(), rel=1e-4)


def test_merging_keeps_mass_and_mean_and_takes_the_cheapest_pair():
    centers = torch.tensor([[0.0], [1.0], [10.0], [12.0]])
    weights = torch.tensor([1.0, 1.0, 100.0, 100.0], dtype=torch.float64)
    merged, mass = steps.merge_nearest(centers.clone(), weights.clone(), 3)
    assert sorted(zip(merged[:, 0].tolist(), mass.tolist(), strict=True)) == [(0.5, 2.0), (10.0, 100.0), (12.0, 100.0)]
    merged, mass = steps.merge_nearest(centers.clone(), weights.clone(), 1)
    assert float(mass) == 202 and float(merged) == pytest.approx(float((centers[:, 0] * weights).sum() / 202))


def test_new_centers_open_where_a_batch_is_dear():
    d2_n = torch.cat([torch.full((100,), 0.01), torch.full((5,), 1e4)])
    opened = steps.facilities(d2_n, usual_cost=0.01, m=80, rng=rng())
    assert set(range(100, 105)) <= set(opened.tolist())
    assert not len(steps.facilities(torch.zeros(10), 1.0, 8, rng()))
