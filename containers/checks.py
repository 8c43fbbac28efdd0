"""What every row must be, in a channel or in a request: as wide as the model, and finite.

Axes: n rows of a piece · d features
"""

from __future__ import annotations

import torch

from algorithms.base.batch import Batch, SparseRows
from algorithms.base.errors import BadRecord


def check(piece: Batch, first_row: int, feature_dim: int, hint: str = "") -> None:
    """Raise BadRecord for the first row that cannot be used; `first_row` is the number of the piece's first, `hint` follows on."""
    if piece.width != feature_dim:
        raise BadRecord(first_row, f"{piece.width} columns, expected {feature_dim} (feature_dim){hint}.")
    values = piece.features.values_z if isinstance(piece.features, SparseRows) else piece.features
    # A sum that is finite has only finite terms, and costs a fraction of looking at each.
    if not bool(values.sum().isfinite()) and not bool(values.isfinite().all()):
        raise _not_finite(piece, first_row)


def _not_finite(piece: Batch, first_row: int) -> BadRecord:
    x_nd = piece.dense()
    row, column = torch.nonzero(~x_nd.isfinite())[0].tolist()
    return BadRecord(first_row + row, f"column {column + 1}: got {float(x_nd[row, column])}, expected a finite number.")
