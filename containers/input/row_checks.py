"""Checks of every row of a channel or a request: it is as wide as the model, float32 can hold it, no column occurs twice.

Axes: n rows of a piece · d features · z stored values of sparse rows
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.float32 import BEYOND, EXPECTED


def check(piece: Batch, first_row: int, feature_dim: int, hint: str = "") -> None:
    """Raise BadRecord for the first row that cannot be used.

    `first_row` is the number of the first row of the piece. `hint` is added to a message about the width.
    """
    if piece.width != feature_dim:
        raise BadRecord(first_row, f"{piece.width} columns, expected {feature_dim} (feature_dim){hint}.")
    rows = piece.features
    values = rows.values_z if isinstance(rows, SparseRows) else rows
    # A finite sum has finite terms only, and it costs a fraction of a look at each.
    if not math.isfinite(values.sum()) and not bool(values.isfinite().all()):
        raise _rejected(rows, ~values.isfinite(), first_row, "expected a finite number")
    if values.dtype == torch.float64 and bool((beyond := values.abs() >= BEYOND).any()):
        raise _rejected(rows, beyond, first_row, EXPECTED)
    if isinstance(rows, SparseRows) and not _ascending(rows):
        _check_once(rows, first_row)


def _rejected(rows: Tensor | SparseRows, wrong: Tensor, first_row: int, expected: str) -> BadRecord:
    """The first of the values that are `wrong`, by row and column."""
    if isinstance(rows, SparseRows):
        entry = int(wrong.nonzero()[0])
        row, column, value = _row_of(rows, entry), int(rows.columns_z[entry]), float(rows.values_z[entry])
    else:
        row, column = torch.nonzero(wrong)[0].tolist()
        value = float(rows[row, column])
    return BadRecord(first_row + row, f"column {column + 1}: got {value}, {expected}.")


def _ascending(rows: SparseRows) -> bool:
    """Whether the columns of every row ascend, as most writers have them. Then no column occurs twice."""
    rises_z = rows.columns_z.diff() > 0
    inner = rows.starts_n1[(rows.starts_n1 > 0) & (rows.starts_n1 < len(rows.columns_z))]
    rises_z[inner - 1] = True
    return bool(rises_z.all())


def _check_once(rows: SparseRows, first_row: int) -> None:
    """Raise BadRecord for the first row in which a column occurs twice."""
    row_z = torch.arange(len(rows)).repeat_interleave(rows.starts_n1.diff())
    order = rows.columns_z.argsort(stable=True)
    order = order[row_z[order].argsort(stable=True)]
    row_z, columns_z = row_z[order], rows.columns_z[order]
    again = ((row_z.diff() == 0) & (columns_z.diff() == 0)).nonzero()
    if len(again):
        entry = int(again[0])
        raise BadRecord(
            first_row + int(row_z[entry]), f"key {int(columns_z[entry])} occurs twice, expected once per row."
        )


def _row_of(rows: SparseRows, entry: int) -> int:
    return int(torch.searchsorted(rows.starts_n1, entry, right=True)) - 1
