"""Rows in memory on their way to the library's matrix.

Axes: n rows · d columns · z stored values
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from wildsage.algorithms.base.errors import UserError

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

    @property
    def values(self) -> int:
        """The number of values that are held."""
        return self.features.size

    def matrix(self, threads: int | None = None) -> xgboost.DMatrix:
        """The library's matrix, which holds a copy. Raises what the library raises for labels it cannot use."""
        return xgboost.DMatrix(
            self.features, label=self.labels, weight=self.weights, qid=self.groups, missing=np.nan, nthread=threads
        )


def side_by_side(columns: Sequence[NDArray]) -> NDArray[np.float32]:
    """d columns of n values each as (n, d)."""
    rows = np.empty((len(columns[0]) if columns else 0, len(columns)), np.float32)
    for number, column in enumerate(columns):
        rows[:, number] = column
    return rows


def labelled(columns: Sequence[NDArray], weights: bool) -> Table:
    """Columns of which the first are the label and, where there are `weights`, the weight."""
    labels, *rest = (np.array(column, np.float32) for column in columns[: 1 + weights])
    return Table(side_by_side(columns[1 + weights :]), labels, next(iter(rest), None))


def stacked(tables: Sequence[Table]) -> Table:
    """Tables one after the other. Raises UserError where they are not alike."""
    if len(tables) == 1:
        return tables[0]
    tables = alike(tables)
    features = [table.features for table in tables]
    return Table(
        np.concatenate(features) if isinstance(features[0], np.ndarray) else vstack(features, format="csr"),
        _joined([table.labels for table in tables]),
        _joined([table.weights for table in tables]),
        _joined([table.groups for table in tables]),
    )


def alike(tables: Sequence[Table]) -> list[Table]:
    """The same tables, all dense, or all sparse and as wide as the widest.

    Raises UserError for dense tables of different widths, and where some tables have weights or groups and others do not.
    """
    for name, what in (("labels", "label"), ("weights", "weight"), ("groups", "qid")):
        if len({type(getattr(table, name)) for table in tables}) > 1:
            raise UserError(f"Some rows have a {what} and others do not; expected one in each row, or in none.")
    widths = sorted({table.width for table in tables})
    if not all(isinstance(table.features, np.ndarray) for table in tables):
        return [replace(table, features=_widened(csr_matrix(table.features), widths[-1])) for table in tables]
    if len(widths) > 1:
        raise UserError(f"Some rows have {widths[0]} features and others {widths[-1]}; expected as many in each row.")
    return list(tables)


def _widened(rows: csr_matrix, width: int) -> csr_matrix:
    return csr_matrix((rows.data, rows.indices, rows.indptr), shape=(rows.shape[0], width))


def _joined(parts: Sequence[NDArray | None]) -> NDArray | None:
    """The parts one after the other; None where they are."""
    return None if parts[0] is None else np.concatenate([part for part in parts if part is not None])
