"""A mini-batch as models see it: dense rows, or sparse rows over the columns that occur in them.

Axes: n rows · d features · u columns of the mini-batch · z stored values · o outputs of all models
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.linear_learner.decorrelation import COLUMNS_HIGH
from wildsage.algorithms.linear_learner.model import sparse_product
from wildsage.algorithms.linear_learner.scaler import Scaler


class MiniBatch(Protocol):
    """The rows of one update, and how they meet the weights."""

    @property
    def labels_n(self) -> Tensor:
        """Standardised labels (n,), float32."""
        ...

    @property
    def columns_u(self) -> Tensor | None:
        """The columns that occur (u,), ascending; None for all columns."""
        ...

    def margins(self, weights_uo: Tensor) -> Tensor:
        """X W, (n, o)."""
        ...

    def slope(self, error_no: Tensor) -> Tensor:
        """Xᵀ E, (u, o)."""
        ...


@dataclass(frozen=True)
class DenseMiniBatch:
    """All columns of every row."""

    x_nd: Tensor
    labels_n: Tensor
    columns_u: None = None

    def margins(self, weights_uo: Tensor) -> Tensor:
        return self.x_nd @ weights_uo

    def slope(self, error_no: Tensor) -> Tensor:
        return self.x_nd.T @ error_no


@dataclass(frozen=True)
class SparseMiniBatch:
    """Rows over their u columns in ascending order. `order_z` sorts stored values by column, `starts_u` is where each begins."""

    rows: SparseRows
    labels_n: Tensor
    columns_u: Tensor
    row_z: Tensor
    order_z: Tensor
    starts_u: Tensor

    @classmethod
    def from_rows(cls, rows: SparseRows, labels_n: Tensor) -> SparseMiniBatch:
        """Number the columns that occur in the rows from 0 on, and sort the values by column. Labels are (n,)."""
        columns_u, place_z, counts_u = torch.unique(rows.columns_z, return_inverse=True, return_counts=True)
        order_z = place_z.argsort(stable=True)
        row_z = torch.arange(len(rows), device=order_z.device).repeat_interleave(rows.starts_n1.diff())
        own = SparseRows(rows.starts_n1, place_z, rows.values_z, len(columns_u))
        return cls(own, labels_n, columns_u, row_z[order_z], order_z, counts_u.cumsum(0) - counts_u)

    def margins(self, weights_uo: Tensor) -> Tensor:
        return sparse_product(self.rows, weights_uo)

    def slope(self, error_no: Tensor) -> Tensor:
        by_column = SparseRows(
            torch.cat([self.starts_u, self.starts_u.new_tensor([len(self.row_z)])]),
            self.row_z,
            self.rows.values_z[self.order_z],
            len(error_no),
        )
        return sparse_product(by_column, error_no)


def wide_sparse(batch: Batch) -> bool:
    """Whether rows are sparse and wide enough to stay so; narrower ones are made dense."""
    return isinstance(batch.features, SparseRows) and batch.width > COLUMNS_HIGH


def scaled_mini_batch(batch: Batch, labels_n: Tensor, scaler: Scaler) -> MiniBatch:
    """The n rows of the batch with their columns scaled. Sparse rows stay sparse unless columns are shifted."""
    features = batch.features
    if isinstance(features, SparseRows) and wide_sparse(batch) and not scaler.shifts:
        return SparseMiniBatch.from_rows(scaler.sparse_features(features), labels_n)
    return DenseMiniBatch(scaler.features(batch.dense()), labels_n)
