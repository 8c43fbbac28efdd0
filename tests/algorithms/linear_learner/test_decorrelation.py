"""Coordinates without correlations: unit variance in every direction, and weights and slopes there and back."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.linear_learner.decorrelation import Decorrelation
from wildsage.algorithms.linear_learner.scaler import Scaler

RNG = torch.Generator().manual_seed(7)
MIXED_ROWS = torch.randn(2000, 4, generator=RNG) @ torch.randn(4, 4, generator=RNG)
ROWS = torch.cat([MIXED_ROWS, MIXED_ROWS[:, :1] + MIXED_ROWS[:, 1:2]], 1)
"""The last column is determined by the others."""


def scaler(x_nd: torch.Tensor) -> Scaler:
    labels_n = torch.zeros(len(x_nd))
    return Scaler.from_rows(
        Batch(x_nd), labels_n, lambda x: x, normalize=True, unbias=True, normalize_label=False, unbias_label=False
    )


@pytest.fixture
def mixing() -> Decorrelation:
    """That of the rows, for the last two of three outputs."""
    return Decorrelation.from_rows(Batch(ROWS), scaler(ROWS), mixed=2)


def test_every_direction_has_unit_variance_and_a_determined_column_adds_none(mixing):
    z_nd = scaler(ROWS).features(ROWS.clone()) @ mixing.root_dd
    values_d = torch.linalg.eigvalsh(torch.cov(z_nd.T, correction=0))
    assert values_d.tolist() == pytest.approx([0, 1, 1, 1, 1], abs=1e-3)
    assert torch.allclose(mixing.root_dd, mixing.root_dd.T, atol=1e-5)


def test_the_last_outputs_alone_are_mixed(mixing):
    learned_do = torch.randn(5, 3, generator=RNG)
    weights_do = mixing.weights(learned_do)
    assert torch.equal(weights_do[:, :1], learned_do[:, :1])
    assert torch.allclose(weights_do[:, 1:], mixing.root_dd @ learned_do[:, 1:])
    assert torch.allclose(mixing.weights(mixing.learned(weights_do)), weights_do, atol=1e-4)


def test_a_slope_is_that_by_what_is_learned(mixing):
    learned_do = torch.randn(5, 3, generator=RNG).requires_grad_()
    weights_do = mixing.weights(learned_do)
    weights_do.retain_grad()
    weights_do.square().sum().backward()
    assert torch.allclose(mixing.slope(weights_do.grad), learned_do.grad, atol=1e-5)


def test_without_mixed_outputs_nothing_changes():
    plain = Decorrelation.none()
    table_do = torch.randn(5, 3, generator=RNG)
    for changed in (plain.weights, plain.learned, plain.slope):
        assert changed(table_do) is table_do


def test_a_host_without_rows_leaves_all_directions_out():
    none = torch.empty(0, 3)
    found = Decorrelation.from_rows(Batch(none), scaler(none), mixed=1)
    assert torch.equal(found.root_dd, torch.zeros(3, 3))


def test_directions_that_are_a_millionth_of_the_largest_are_left_out():
    """Two columns are almost the same: their difference has a share of the variance that is e² / 4 of their sum's."""
    base_n, noise_n = torch.randn(4000, generator=RNG).double(), torch.randn(4000, generator=RNG).double()
    ranks = []
    for size in (1e-2, 1e-4):
        x_nd = torch.stack([base_n, base_n + size * noise_n], 1)
        root_dd = Decorrelation.from_rows(Batch(x_nd), Scaler(torch.zeros(2), torch.ones(2), 0.0, 1.0), 1).root_dd
        ranks.append(int(torch.linalg.matrix_rank(root_dd, rtol=1e-4)))
    assert ranks == [2, 1]


def test_it_moves_with_all_it_has(mixing):
    moved = mixing.to("cpu")
    assert moved.mixed == 2 and torch.equal(moved.root_dd, mixing.root_dd)
