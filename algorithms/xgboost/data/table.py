"""Rows in memory on their way to the library's matrix.

Axes: n rows · d columns · z stored values
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

GROWTH = 1.5
Rows: TypeAlias = "NDArray[np.float32] | csr_matrix"


@dataclass
class Table:
    """n rows: `features` is (n, d) float32 with NaN for what is missing, or sparse, where what is not stored is missing.

    `labels`, `weights` and the group numbers `groups` of ranking are (n,) each, or None.
    """

    features: Rows
    labels: NDArray[np.float32] | None = None
    weights: NDArray[np.float32] | None = None
    groups: NDArray[np.int64] | None = None

    @property
    def sparse(self) -> csr_matrix:
        """The features of a table that is sparse."""
        assert isinstance(self.features, csr_matrix)
        return self.features

    def __len__(self) -> int:
        return self.features.shape[0]

    @property
    def width(self) -> int:
        """Columns d of the features."""
        return self.features.shape[1]

    def matrix(self, threads: int | None = None) -> xgboost.DMatrix:
        """The library's matrix, which holds a copy. Raises what the library raises for labels it cannot use."""
        return xgboost.DMatrix(
            self.features, label=self.labels, weight=self.weights, qid=self.groups, missing=np.nan, nthread=threads
        )


class GrowingRows:
    """Dense rows that are added block by block into one array, which is moved by the kernel where it must grow."""

    def __init__(self, width: int) -> None:
        self._rows = np.empty((0, width), np.float32)
        self._used = 0

    def add(self, columns: Sequence[NDArray], count: int) -> None:
        """Add `count` rows, given by columns (count,)."""
        needed = self._used + count
        if needed > len(self._rows):
            capacity = max(needed, int(len(self._rows) * GROWTH))
            self._rows.resize((capacity, self._rows.shape[1]), refcheck=False)
        block = self._rows[self._used : needed]
        for number, column in enumerate(columns):
            block[:, number] = column
        self._used = needed

    def take(self) -> NDArray[np.float32]:
        """All rows (n, d); this object is then empty."""
        rows, self._rows = self._rows, np.empty((0, self._rows.shape[1]), np.float32)
        rows.resize((self._used, rows.shape[1]), refcheck=False)
        return rows


def labelled(rows_nc: NDArray[np.float32], weights: bool) -> Table:
    """Rows (n, c) whose first column is the label, and whose second is the weight where there are `weights`."""
    first = 1 + weights
    return Table(rows_nc[:, first:], rows_nc[:, 0].copy(), rows_nc[:, 1].copy() if weights else None)


def stacked(tables: Sequence[Table]) -> Table:
    """Sparse tables one after the other, as wide as the widest."""
    if len(tables) == 1:
        return tables[0]
    width = max(table.width for table in tables)
    starts = [0, *np.cumsum([len(table.sparse.data) for table in tables[:-1]])]
    indptr = np.concatenate(
        [[0], *(table.sparse.indptr[1:] + start for table, start in zip(tables, starts, strict=True))]
    )
    features = csr_matrix(
        (
            np.concatenate([table.sparse.data for table in tables]),
            np.concatenate([table.sparse.indices for table in tables]),
            indptr,
        ),
        shape=(len(indptr) - 1, width),
    )
    return Table(
        features,
        _joined([table.labels for table in tables]),
        _joined([table.weights for table in tables], 1.0),
        _joined([table.groups for table in tables]),
    )


def _joined(parts: Sequence[NDArray | None], absent: float | None = None) -> NDArray | None:
    """The parts one after the other; None where a part is missing, unless there is a value for what is `absent`."""
    if all(part is None for part in parts) or (absent is None and any(part is None for part in parts)):
        return None
    return np.concatenate([part for part in parts if part is not None])
