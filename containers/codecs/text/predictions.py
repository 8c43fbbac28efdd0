"""Named columns of an answer → Python values row by row, for the codecs that write text."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wildsage.algorithms.base.algorithm import Columns


def predictions(columns: Columns) -> list[dict[str, Any]]:
    """Return one dictionary per row, with keys in the order of the columns.

    Floats are rounded to float32 and then widened to double. Integers stay integers. A column of (n, m) gives lists.
    """
    values = [_values(column) for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _values(column: Tensor) -> list[Any]:
    return (column.to(torch.float32) if column.is_floating_point() else column).tolist()
