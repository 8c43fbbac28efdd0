"""The state of training: what it holds, what a step touches, and its arrays."""

import pytest
import torch

from wildsage.algorithms.factorization_machines.state import AdamState, parameters_of
from wildsage.algorithms.factorization_machines.steps import Gradient, Rate, Rates, Terms

CPU = torch.device("cpu")
RATES = Rates(Rate(0.1, 0.0), Rate(0.1, 0.0), Rate(0.1, 0.0), 1e-8, None)
BIAS, LINEAR, FACTORS = torch.tensor([0.5]), torch.arange(5.0)[:, None], torch.arange(15.0).view(5, 3)


def moved(columns: list[int]) -> AdamState:
    state = AdamState.start(BIAS, LINEAR, FACTORS)
    ones = Terms(torch.ones(1), torch.ones(len(columns), 1), torch.ones(len(columns), 3))
    gradient = Gradient(torch.tensor(columns, dtype=torch.int64), ones)
    state.move(gradient, state.fetch(gradient.columns_u), RATES)
    return state


def test_it_begins_with_the_parameters_and_moments_of_zero():
    state = AdamState.start(BIAS, LINEAR, FACTORS)
    assert (state.feature_dim, state.num_factors, state.updates) == (5, 3, 0)
    for held, given in zip((state.bias, state.linear, state.factors), (BIAS, LINEAR, FACTORS), strict=True):
        assert held.shape == (3, *given.shape) and torch.equal(held[0], given) and not held[1:].any()
    parameters = parameters_of(state.fetch(torch.tensor([4, 1])))
    assert torch.equal(parameters.bias_1, BIAS) and parameters.linear_u1[:, 0].tolist() == [4, 1]
    assert torch.equal(parameters.factors_uf, FACTORS[[4, 1]])


@pytest.mark.parametrize("columns", [[], [0], [1, 4], [0, 1, 2, 3, 4]])
def test_a_step_moves_the_columns_that_occur_and_their_moments_alone(columns):
    """The first step of Adam is the learning rate, whatever the size of the gradient."""
    state = moved(columns)
    occurs = torch.zeros(5, 1).index_fill_(0, torch.tensor(columns, dtype=torch.int64), 1)
    assert torch.allclose(state.linear[0], LINEAR - 0.1 * occurs) and torch.allclose(
        state.factors[0], FACTORS - 0.1 * occurs
    )
    for moments in (state.linear[1:], state.factors[1:]):
        assert torch.equal((moments != 0).float(), occurs.expand_as(moments))
    assert float(state.bias[0]) == pytest.approx(0.4) and state.updates == 1


def test_a_state_survives_as_arrays():
    state = moved([0, 2])
    again = AdamState.from_arrays(state.arrays(), CPU)
    assert list(state.arrays()) == ["bias", "linear", "factors", "updates"] and again.updates == 1
    assert all(torch.equal(array, again.arrays()[name]) for name, array in state.arrays().items())


def test_the_arrays_of_a_finished_model_begin_anew_with_its_parameters():
    state = AdamState.from_arrays({"w0_weight": torch.tensor(0.5), "w1_weight": LINEAR, "v": FACTORS}, CPU)
    fresh = AdamState.start(BIAS, LINEAR, FACTORS)
    assert state.updates == 0 and all(
        torch.equal(array, fresh.arrays()[name]) for name, array in state.arrays().items()
    )
