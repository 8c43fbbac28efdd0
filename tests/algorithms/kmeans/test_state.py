import numpy as np
import pytest
import torch

from algorithms.kmeans.state import Sample, State


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sampled(x_nd: torch.Tensor, capacity: int, batch: int, seed: int = 0) -> Sample:
    sample, generator = Sample.empty(capacity, x_nd), rng(seed)
    for rows in x_nd.split(batch):
        sample.absorb(rows, torch.zeros(len(rows), dtype=torch.float64), generator)
    return sample


def test_a_short_stream_is_sampled_whole():
    x_nd = torch.arange(50.0)[:, None]
    assert sampled(x_nd, 80, 7).taken()[:, 0].sort().values.tolist() == x_nd[:, 0].tolist()


@pytest.mark.parametrize("batch", [1, 10, 1000])
def test_a_long_stream_is_sampled_evenly(batch):
    """Mean position of 200 of 1000 rows: deviation 289 / sqrt(200) = 20; five of them are allowed."""
    taken = sampled(torch.arange(1000.0)[:, None], 200, batch).taken()[:, 0]
    assert len(taken.unique()) == 200 and float(taken.mean()) == pytest.approx(499.5, abs=100)


def test_recent_rows_are_worth_more():
    sample, generator = Sample.empty(100, torch.empty(0, 1)), rng()
    sample.absorb(torch.arange(1000.0)[:, None], torch.arange(1000, dtype=torch.float64) / 100, generator)
    assert float(sample.taken().mean()) > 750  # an even sample gives 500, deviation 29


def test_the_sample_of_two_streams_does_not_depend_on_their_order():
    one, other = sampled(torch.arange(300.0)[:, None], 50, 30, 1), sampled(torch.arange(300.0, 900)[:, None], 50, 30, 2)
    taken = []
    for first, second in ((one, other), (other, one)):
        both = Sample.empty(50, torch.empty(0, 1))
        both.add(first.keys_r, first.rows_rd)
        both.add(second.keys_r, second.rows_rd)
        taken.append(set(both.taken()[:, 0].tolist()))
    assert taken[0] == taken[1] and len(taken[0]) == 50
    assert np.mean([row >= 300 for row in taken[0]]) == pytest.approx(2 / 3, abs=0.25)


def grown(x_nd: torch.Tensor, seed: int = 0, half_life: int = 0) -> State:
    state, generator = State.start(x_nd[:20].clone(), 20, 100), rng(seed)
    for rows in x_nd.split(100):
        state.absorb(rows, half_life, generator)
    return state


X = torch.randn(1000, 4, generator=rng(9))


def test_the_centers_stand_for_every_row_and_their_number_is_bounded():
    state = grown(X)
    assert state.rows == 1000 and float(state.weights_m.sum()) == pytest.approx(1000)
    assert len(state.centers_md) <= 20
    mean_d = (state.centers_md * state.weights_m[:, None]).sum(0) / 1000
    assert np.allclose(mean_d, X.mean(0), atol=1e-4)  # moving and merging keep the mean of all rows


def test_with_a_half_life_old_rows_fade():
    assert float(grown(X, half_life=100).weights_m.sum()) == pytest.approx(100 * sum(0.5**i for i in range(10)), rel=1e-6)


def test_states_merge_whatever_their_order():
    parts = [grown(X[i::3], seed=i) for i in range(3)]
    whole = State.merged(parts)
    assert whole.rows == 1000 and float(whole.weights_m.sum()) == pytest.approx(1000)
    paired = State.merged([State.merged([parts[2], parts[1]]), parts[0]])
    assert paired.rows == whole.rows and paired.cost == pytest.approx(whole.cost)
    assert torch.equal(paired.sample.taken().sort(0).values, whole.sample.taken().sort(0).values)


def test_a_state_survives_as_arrays():
    state = grown(X)
    again = State.from_arrays(state.arrays())
    for name, array in state.arrays().items():
        assert torch.equal(torch.sort(again.arrays()[name].flatten()).values, torch.sort(array.flatten()).values), name
