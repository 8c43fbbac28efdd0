"""Mini-batches against the dense matrices they stand for."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.factorization_machines.mini_batch import IndexedMiniBatch, mini_batches, sparse

WIDTH = 12


def some_rows(rows: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, WIDTH)) * (rng.random((rows, WIDTH)) < 0.3)
    return torch.from_numpy(x.astype(np.float32))


def cut(x_nd: torch.Tensor, sizes: list[int]) -> list[IndexedMiniBatch]:
    return mini_batches(SparseRows.from_dense(x_nd), torch.arange(float(len(x_nd)))[:, None], sizes)


@pytest.mark.parametrize("sizes", [[9], [4, 5], [1, 0, 7, 1], [0, 9, 0]])
def test_sums_along_either_side_are_products_with_the_matrix(sizes):
    x_nd = some_rows(9)
    x_nd[3] = 0  # a row without a value
    first = 0
    for batch, rows in zip(cut(x_nd, sizes), sizes, strict=True):
        own_nu = x_nd[first : first + rows, batch.columns_u]
        right_u3, left_n3 = torch.randn(len(batch.columns_u), 3), torch.randn(rows, 3)
        assert torch.allclose(batch.by_row.sum(right_u3), own_nu @ right_u3, atol=1e-6)
        assert torch.allclose(batch.by_row.sum_by_squares(right_u3), own_nu.square() @ right_u3, atol=1e-6)
        assert torch.allclose(batch.by_column.sum(left_n3), own_nu.T @ left_n3, atol=1e-6)
        assert torch.allclose(batch.by_column.sum_by_squares(left_n3), own_nu.square().T @ left_n3, atol=1e-6)
        assert batch.labels_n1[:, 0].tolist() == list(range(first, first + rows))
        first += rows


def test_the_columns_are_those_that_occur_ascending():
    x_nd = some_rows(6)
    for batch, rows_nd in zip(cut(x_nd, [2, 4]), x_nd.split([2, 4]), strict=True):
        assert batch.columns_u.tolist() == rows_nd.ne(0).any(0).nonzero()[:, 0].tolist()


def test_rows_may_all_be_empty():
    (batch,) = cut(torch.zeros(3, WIDTH), [3])
    assert len(batch.labels_n1) == 3 and not len(batch.columns_u)
    assert batch.by_row.sum(torch.empty(0, 2)).tolist() == [[0, 0]] * 3


def test_dense_rows_lose_their_zeros_and_doubles_their_width():
    rows = sparse(Batch(torch.tensor([[0.0, 2.0], [0.0, 0.0]], dtype=torch.float64)))
    assert rows.columns_z.tolist() == [1] and rows.values_z.dtype == torch.float32 and len(rows) == 2
