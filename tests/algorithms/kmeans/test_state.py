"""The state of k-means stands for every row that was read, and stays bounded."""

import math
from itertools import pairwise

import pytest
import torch

from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.state import StreamState


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grown(x_nd: torch.Tensor, seed: int = 0, half_life: int = 0) -> StreamState:
    state, generator = StreamState.start(x_nd[:20].clone(), 20, 100), rng(seed)
    for rows in x_nd.split(100):
        state.absorb(rows, half_life, generator)
    return state


X = torch.randn(1000, 4, generator=rng(9))


def test_the_centers_stand_for_every_row_and_their_number_is_bounded():
    state = grown(X)
    assert state.rows == 1000 and float(state.weights_m.sum()) == pytest.approx(1000)
    assert len(state.centers_md) <= 40


def test_with_a_half_life_old_rows_fade():
    expected = 100 * sum(0.5**i for i in range(10))
    assert float(grown(X, half_life=100).weights_m.sum()) == pytest.approx(expected)


def test_states_merge_whatever_their_order():
    parts = [grown(X[i::3], seed=i) for i in range(3)]
    whole = StreamState.merged(parts)
    assert whole.rows == 1000 and float(whole.weights_m.sum()) == pytest.approx(1000)
    paired = StreamState.merged([StreamState.merged([parts[2], parts[1]]), parts[0]])
    assert paired.rows == whole.rows and paired.cost == pytest.approx(whole.cost)
    rows = [sample.rows_by_key()[:, 0].sort().values for sample in (paired.sample, whole.sample)]
    assert torch.equal(*rows)


def test_a_state_survives_as_arrays():
    state = grown(X)
    again = StreamState.from_arrays(state.arrays(), 100)
    for name, array in state.arrays().items():
        assert torch.equal(torch.sort(again.arrays()[name].flatten()).values, torch.sort(array.flatten()).values), name


def test_the_first_batch_fills_the_places_and_a_usual_one_opens_a_thirty_second_of_them():
    generator = rng(5)
    state = StreamState.start(X[:20].clone(), 64, 100)
    d2_n = steps.nearest(X[:500], X[:20])[1]
    state.absorb(X[:500], 0, generator)
    assert state.cost == pytest.approx(float(d2_n.sum())) and state.rows == 500
    assert len(state.centers_md) == 64
    state.absorb(torch.randn(500, 4, generator=generator), 0, generator)
    assert len(state.centers_md) == 66


@pytest.mark.parametrize("half_life", [0, 50])
def test_a_row_is_important_that_is_far_or_whose_center_has_few(half_life):
    """importance = 1 + d² / mean d² + mean weight / weight of its center, times what the half-life makes of it; all 100 rows fit."""
    x_nd, centers_md = X[:100], X[:20].clone()
    state = StreamState.start(centers_md, 20, 100)
    index_n, d2_n = steps.nearest(x_nd, centers_md)
    weights_m = torch.bincount(index_n, minlength=20).double()
    state.absorb(x_nd, half_life, rng())
    log_weight_n = torch.arange(100, dtype=torch.float64) * (math.log(2) / half_life if half_life else 0)
    importance_n = 1 + d2_n.double() / float(d2_n.double().mean()) + weights_m.mean() / weights_m[index_n]
    expected_n = importance_n.log() + log_weight_n
    assert torch.allclose(state.sample.log_importance_r.sort().values, expected_n.sort().values)
    assert torch.allclose(state.sample.log_weight_r.sort().values, log_weight_n)


def test_a_single_state_is_merged_into_itself():
    state = grown(X)
    alone = StreamState.merged([state])
    assert alone.sample is state.sample and (alone.rows, alone.cost) == (state.rows, state.cost)


def test_a_cluster_that_comes_late_gets_centers_before_it_drags_others():
    """Decision 1. Forty batches of one cloud make centers of about 200 rows, which the first 100 rows of the other would pull a
    third of the way to themselves."""
    early = torch.randn(4000, 4, generator=rng(1))
    state = grown(torch.cat([early, early[:100] + 50]))
    late = state.centers_md[state.centers_md[:, 0] > 25]
    assert len(late) >= 3 and float(state.centers_md[:, 0].sub(25).abs().min()) > 15


def test_the_number_of_centers_is_bounded_at_every_moment_of_a_stream_that_gets_ever_costlier(monkeypatch):
    """At most 1.25 times the capacity after a batch, and 2.3 times within one, where every batch opens what it may."""
    capacity, generator, held, opened = 64, rng(3), [], []
    assign, merge = steps.ExactSearch.assign, steps.merge_nearest

    def counting_assign(search, x_nd):
        held.append(len(search.shifted_md))
        return assign(search, x_nd)

    def counting_merge(centers_md, weights_m, most):
        held.append(len(centers_md))
        return merge(centers_md, weights_m, most)

    monkeypatch.setattr(steps.ExactSearch, "assign", counting_assign)
    monkeypatch.setattr(steps, "merge_nearest", counting_merge)
    state = StreamState.start(torch.randn(20, 4, generator=generator), capacity, 100)
    for step in range(20):
        rows = torch.randn(30, 4, generator=generator)
        rows[:, 0] += 3.0**step
        seen = len(held)
        state.absorb(rows, 0, generator)
        opened += [after - before for before, after in pairwise(held[seen:-1])]
        assert len(state.centers_md) <= 1.25 * capacity
    assert 1.25 * capacity < max(held) <= 2.3 * capacity
    assert set(opened) == {capacity / 4}, "what each round of a costly batch opens"


def test_a_merged_sample_is_at_most_as_large_as_the_smallest():
    """A full sample of 40 has dropped rows of its stream; 100 places would then hold too few of them."""
    small, large = StreamState.start(X[:20].clone(), 20, 40), StreamState.start(X[:20].clone(), 20, 100)
    for state, rows in ((small, X[:500]), (large, X[500:])):
        state.absorb(rows, 0, rng())
    assert StreamState.merged([small, large]).sample.capacity == 40
