"""The state of k-means stands for every row that was read, and stays bounded."""

import math
import re
from itertools import pairwise

import pytest
import torch

from wildsage.algorithms.base.errors import UserError
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


def test_a_joined_state_has_as_many_centers_as_the_largest_has_places():
    small, large = grown(X[:500]), StreamState.start(X[500:560].clone(), 60, 100)
    large.absorb(X[500:], 0, rng())
    for order in ((small, large), (large, small)):
        joined = StreamState.merged(order)
        assert joined.capacity == 60 == len(joined.centers_md) and joined.rows == 1000
        assert joined.cost == pytest.approx(small.cost + large.cost)


def test_the_states_of_the_original_hold_centers_and_weights_alone():
    """Rows: the sum of the weights. Each center with a weight becomes a row of the sample that counts as often."""
    arrays = {"0": X[:3].double(), "1": torch.tensor([[4.0], [0.0], [2.4]])}
    state = StreamState.from_arrays(arrays, 50)
    assert state.centers_md.equal(X[:3]) and state.weights_m.tolist() == pytest.approx([4, 0, 2.4])
    assert (state.capacity, state.rows, state.cost, state.sample.capacity) == (3, 6, 0, 50)
    rows_rd, weights_r = state.sample.rows_by_key(), state.sample.weights_by_key()
    counted = {float(row[0]): float(weight) for row, weight in zip(rows_rd, weights_r, strict=True)}
    assert counted == {float(X[0, 0]): 1, float(X[2, 0]): pytest.approx(0.6)}


def test_a_state_survives_as_arrays():
    state = grown(X)
    again = StreamState.from_arrays(state.arrays(), 7)  # the sample stays as large as it was
    assert (again.capacity, again.rows, again.cost, again.sample.capacity) == (20, 1000, state.cost, 100)
    assert list(state.arrays())[:2] == ["0", "1"] and state.arrays()["1"].shape == (len(state.centers_md), 1)
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


@pytest.mark.parametrize("half_life", [0, 50])
def test_importance_in_a_later_batch_is_relative_to_what_rows_have_cost_so_far(half_life):
    """The half-life counts from the first row of the stream. The batch is not costly, so that its centers were there before."""
    centers_md = X[:20].clone()
    state = StreamState.start(centers_md, 20, 1000)
    state.absorb(X[:300], half_life, rng())
    usual, before_md, held = (
        state.cost / 300,
        state.centers_md,
        state.weights_m * (0.5 ** (100 / half_life) if half_life else 1),
    )
    x_nd = X[300:400]
    index_n, d2_n = steps.nearest(x_nd, before_md)
    weights_m = held + torch.bincount(index_n, minlength=len(before_md))
    state.absorb(x_nd, half_life, rng(1))
    sample = state.sample.arrays()
    place, row = sample["rows"].unsqueeze(1).eq(x_nd).all(2).nonzero().T
    assert row.sort().values.equal(torch.arange(100))
    log_weight_n = (300 + row) * (math.log(2) / half_life if half_life else 0)
    importance_n = 1 + d2_n[row].double() / usual + weights_m.mean() / weights_m[index_n[row]]
    assert torch.allclose(sample["log_worth"][place], importance_n.log() + log_weight_n, atol=1e-5)
    assert torch.allclose(sample["log_mass"][place], torch.as_tensor(log_weight_n, dtype=torch.float64) + 0 * place)
    assert state.rows == 400 and state.cost == pytest.approx(300 * usual + float(d2_n.double().sum()))


def test_equal_rows_are_equally_important_and_cost_nothing():
    state = StreamState.start(torch.ones(1, 2), 4, 10)
    for _ in range(2):
        state.absorb(torch.ones(3, 2), 0, rng())
    assert state.cost == 0 and len(state.centers_md) == 1 and state.weights_m.tolist() == [6]
    assert torch.allclose(state.sample.arrays()["log_worth"].exp(), torch.full((6,), 2.0, dtype=torch.float64))


def test_a_row_that_becomes_a_center_weighs_one_and_no_longer_counts_for_its_old_center():
    """One far row of twelve, and room for two centers: the mean of the old one does not move back, its weight falls."""
    x_nd = torch.tensor([[0.0]] * 11 + [[12.0]])
    state = StreamState.start(torch.zeros(1, 1), 2, 20)
    state.absorb(x_nd, 0, rng())
    assert state.centers_md.tolist() == [[1.0], [12.0]] and state.weights_m.tolist() == [11, 1]


def usual(centers: int) -> StreamState:
    """A state with 64 places whose rows have cost 1 each; centers along an axis, a thousand apart."""
    state = StreamState.start(torch.arange(0, 1000.0 * centers, 1000)[:, None].repeat(1, 2), 64, 100)
    state.weights_m, state.rows, state.cost = torch.ones(centers, dtype=torch.float64), centers, float(centers)
    return state


def beside_centers(*steps_nd: tuple[float, float]) -> torch.Tensor:
    """Forty rows, each so many steps in either column from a center of its own."""
    at = torch.arange(0, 40_000.0, 1000)[:, None]
    return at + torch.tensor(steps_nd).repeat(40 // len(steps_nd), 1)


@pytest.mark.parametrize(
    ("batch", "centers"),
    [
        (
            beside_centers((1, 0), (1, 1)),
            64 + 2,
        ),  # 1.5 in the mean: just not costly, so it opens a thirty-second of the places
        (beside_centers((1, 0), (1, 1.01)), 64),  # costly: 16 at first, which is more than may stay
    ],
)
def test_a_batch_is_costly_beyond_one_and_a_half_times_the_usual_cost(batch, centers):
    state = usual(64)
    state.absorb(batch, 0, rng())
    assert len(state.centers_md) == centers


@pytest.mark.parametrize(("before", "after"), [(78, 80), (79, 64)])
def test_centers_merge_only_once_they_are_more_than_one_and_a_quarter_of_the_places(before, after):
    state = usual(before)
    state.absorb(beside_centers((1, 0)), 0, rng())
    assert len(state.centers_md) == after and float(state.weights_m.sum()) == before + 40


@pytest.fixture
def searched(monkeypatch):
    """How many centers each search has had, one after the other."""
    searched, assign = [], steps.ExactSearch.assign

    def counting(search, x_nd):
        searched.append(len(search.shifted_md))
        return assign(search, x_nd)

    monkeypatch.setattr(steps.ExactSearch, "assign", counting)
    return searched


def test_a_costly_batch_opens_a_quarter_of_the_places_at_most_four_times(searched):
    """Rows that lie so far apart that each needs a center of its own stay costly in every round."""
    state = usual(64)
    state.absorb(torch.arange(1.0, 301)[:, None].repeat(1, 2) * 1e6, 0, rng())
    assert searched == [64, 80, 96, 112, 128]


@pytest.mark.parametrize("seed", range(3))
def test_a_costly_batch_opens_its_centers_at_the_rows_that_cost(searched, seed):
    """Four of five hundred rows cost nearly everything: once they have a center, the batch is costly no more."""
    state = usual(64)
    state.absorb(torch.tensor([[0.0, 0.1]] * 500 + [[0.0, 500.0]] * 4), 0, rng(seed))
    assert searched == [64, 80]


def test_the_first_batch_is_never_costly():
    state = StreamState.start(torch.zeros(64, 1), 64, 100)
    state.absorb(torch.arange(1.0, 301)[:, None], 0, rng())
    assert len(state.centers_md) == 66


@pytest.mark.parametrize("largest", [3e19, float("inf")])
def test_rows_whose_squares_are_beyond_float32_are_rejected(largest):
    state = StreamState.start(X[:1].clone(), 1, 10)
    with pytest.raises(UserError, match=f"beyond float32: a row holds {re.escape(f'{largest:.3g}')}. Scale the data"):
        state.absorb(torch.cat([X[:5], torch.tensor([[1.0, -largest, 2.0, 3.0]])]), 0, rng())


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
