"""The state of training: sums of a pass, the best epoch, and the arrays of a checkpoint."""

from __future__ import annotations

import math

import pytest
import torch

from wildsage.algorithms.linear_learner.decorrelation import Decorrelation
from wildsage.algorithms.linear_learner.refinement import NewtonRefinement
from wildsage.algorithms.linear_learner.scaler import Scaler
from wildsage.algorithms.linear_learner.state import COUNTS, State

ROOT = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
LEARNED = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
BIAS = torch.tensor([7.0, 8.0, 9.0])


def begun(averages: bool = True, refinement: NewtonRefinement | None = None) -> State:
    """Three models of one output, of which the last learns decorrelated."""
    scaler = Scaler(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), 5.0, 6.0)
    return State.start(
        scaler, Decorrelation(ROOT, 1), LEARNED, BIAS, 4, 3, torch.tensor([10.0, 20.0]), averages, refinement
    )


def test_it_begins_with_the_parameters_and_nothing_else():
    state = begun()
    assert state.weights.tolist() == [LEARNED.tolist(), *torch.zeros(3, 2, 3).tolist()]
    assert state.bias.tolist() == [[BIAS.tolist()], *[[[0, 0, 0]]] * 3]
    assert (state.best, state.best_loss, state.stale, state.updates, state.pass_updates) == (
        math.inf,
        math.inf,
        0,
        0,
        0,
    )
    assert state.loss_2m.shape == (2, 3) and state.loss_2m.dtype == torch.float64
    assert state.sums.shape == (3, 3) and not bool(state.sums.any())
    assert state.classes_seen.tolist() == [False, False]
    assert state.feature_dim == 2 and state.refinement is None


def moved(state: State, by: float) -> None:
    state.weights[0] += by
    state.bias[0] += by
    state.add_to_sums()


def test_the_best_epoch_keeps_its_end_and_its_average():
    state = begun()
    for by in (1.0, 3.0):
        moved(state, by)
    state.stale = 2
    state.keep_best(-0.9, 0.3)
    assert (state.best, state.best_loss, state.stale) == (-0.9, 0.3, 0)
    decorrelation = Decorrelation(ROOT, 1)
    for kept, by in ((0, 4.0), (1, 2.5)):  # after the last update, and the mean of 1 and 4 more
        assert torch.allclose(state.best_weights[kept], decorrelation.weights(LEARNED + by))
        assert state.best_bias[kept].tolist() == [(BIAS + by).tolist()]


def test_a_pass_begins_with_empty_sums():
    state = begun()
    moved(state, 5.0)
    state.loss_2m += 1
    state.end_pass()
    assert state.pass_updates == 0 and not bool(state.loss_2m.any())
    moved(state, 0.0)
    assert torch.equal(state.sums, torch.cat([LEARNED + 5, BIAS[None] + 5]))
    assert state.pass_updates == 1


def test_an_epoch_without_updates_has_no_average_of_it():
    state = begun()
    state.keep_best(1.0, 1.0)
    assert not bool(state.best_weights[1].any()) and not bool(state.best_bias[1].any())


def test_without_averages_the_end_alone_is_kept():
    state = begun(averages=False)
    assert len(state.sums) == 0
    moved(state, 1.0)
    state.keep_best(1.0, 1.0)
    assert state.best_weights.shape == (1, 2, 3) and state.best_bias.shape == (1, 1, 3)
    assert state.pass_updates == 1


@pytest.mark.parametrize("refines", [False, True])
def test_arrays_are_the_whole_state(refines):
    state = begun(refinement=NewtonRefinement.start(2, 3, 15) if refines else None)
    moved(state, 1.0)
    state.keep_best(-0.5, 0.25)
    state.stale, state.updates, state.classes_seen[1] = 4, 9, True
    state.loss_2m += 3
    again = State.from_arrays(state.arrays(), torch.device("cpu"))
    for name, array in state.arrays().items():
        assert torch.equal(again.arrays()[name], array), name
    assert (again.best, again.best_loss, again.stale, again.updates, again.pass_updates) == (-0.5, 0.25, 4, 9, 1)
    assert again.classes_seen.tolist() == [False, True] and again.decorrelation.mixed == 1
    assert (again.scaler.label_mean, again.scaler.label_deviation) == (5, 6)
    assert (again.refinement is not None) == refines


def test_a_state_without_the_loss_of_its_best_epoch_is_read():
    arrays = begun().arrays()
    arrays[COUNTS] = arrays[COUNTS][:-1]
    assert State.from_arrays(arrays, torch.device("cpu")).best_loss == math.inf


def test_at_the_end_only_the_best_is_held():
    state = begun(refinement=NewtonRefinement.start(2, 3, 15))
    state.release_all_but_the_best()
    assert state.weights.numel() == state.bias.numel() == state.sums.numel() == 0
    assert state.refinement is None and state.best_weights.numel() == 2 * 2 * 3
