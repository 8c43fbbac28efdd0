"""Sparse mini-batches against the same rows as a table."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.linear_learner.mini_batch import (
    DenseMiniBatch,
    SparseMiniBatch,
    scaled_mini_batch,
    wide_sparse,
)
from wildsage.algorithms.linear_learner.scaler import Scaler

RNG = torch.Generator().manual_seed(2)


def some_rows(width: int) -> torch.Tensor:
    """Seven rows of which one is empty; the first column is too."""
    x_nd = torch.randn(7, width, generator=RNG) * (torch.rand(7, width, generator=RNG) < 0.3)
    x_nd[3], x_nd[:, 0], x_nd[5, -1] = 0, 0, 2.5
    return x_nd


def scaler(width: int, mean: float = 0.0) -> Scaler:
    return Scaler(torch.full((width,), mean), torch.linspace(1, 3, width), 0.0, 1.0)


def test_sparse_rows_meet_the_weights_of_their_columns_as_dense_ones_do():
    x_nd, labels_n = some_rows(300), torch.arange(7.0)
    found = scaled_mini_batch(Batch(SparseRows.from_dense(x_nd)), labels_n, scaler(300))
    assert isinstance(found, SparseMiniBatch) and torch.equal(found.labels_n, labels_n)
    z_nd = x_nd / torch.linspace(1, 3, 300)
    occurring_u = (x_nd != 0).any(0).nonzero()[:, 0]
    assert torch.equal(found.columns_u, occurring_u)
    weights_do, error_no = torch.randn(300, 4, generator=RNG), torch.randn(7, 4, generator=RNG)
    assert torch.allclose(found.margins(weights_do[occurring_u]), z_nd @ weights_do, atol=1e-5)
    assert torch.allclose(found.slope(error_no), (z_nd.T @ error_no)[occurring_u], atol=1e-5)


def test_a_column_that_a_row_names_twice_counts_twice():
    rows = SparseRows(torch.tensor([0, 3]), torch.tensor([5, 2, 5]), torch.tensor([1.0, 2.0, 3.0]), 9)
    found = SparseMiniBatch.from_rows(rows, torch.zeros(1))
    assert found.columns_u.tolist() == [2, 5]
    assert found.margins(torch.tensor([[10.0], [1.0]])).tolist() == [[24.0]]
    assert found.slope(torch.tensor([[2.0]])).tolist() == [[4.0], [8.0]]


def test_rows_without_values_touch_no_column():
    found = SparseMiniBatch.from_rows(SparseRows.from_dense(torch.zeros(2, 5)), torch.zeros(2))
    assert found.columns_u.tolist() == []
    assert found.margins(torch.zeros(0, 3)).tolist() == [[0, 0, 0]] * 2
    assert found.slope(torch.ones(2, 3)).shape == (0, 3)


@pytest.mark.parametrize(("width", "wide"), [(256, False), (257, True)])
def test_sparse_rows_stay_sparse_above_256_columns(width, wide):
    x_nd = some_rows(width)
    assert wide_sparse(Batch(SparseRows.from_dense(x_nd))) is wide
    assert not wide_sparse(Batch(x_nd))
    found = scaled_mini_batch(Batch(SparseRows.from_dense(x_nd)), torch.zeros(7), scaler(width))
    assert isinstance(found, SparseMiniBatch if wide else DenseMiniBatch)


@pytest.mark.parametrize("features", [some_rows(300), SparseRows.from_dense(some_rows(300))])
def test_columns_that_are_shifted_make_rows_dense(features):
    found = scaled_mini_batch(Batch(features), torch.zeros(7), scaler(300, 0.5))
    assert isinstance(found, DenseMiniBatch) and found.columns_u is None
    x_nd = Batch(features).dense()
    z_nd = (x_nd - 0.5) / torch.linspace(1, 3, 300)
    weights_do, error_no = torch.randn(300, 2, generator=RNG), torch.randn(7, 2, generator=RNG)
    assert torch.allclose(found.margins(weights_do), z_nd @ weights_do, atol=1e-4)
    assert torch.allclose(found.slope(error_no), z_nd.T @ error_no, atol=1e-4)
