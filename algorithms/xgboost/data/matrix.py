"""Tables of a channel → the library's matrix: all rows as they are, or no more than their bins.

The tree method `hist` looks at bins alone, a byte a value where they are 256. A matrix of bins takes the rows block by block, so
that there is no second copy of the values, and trains to the same model, byte by byte (Chen and Guestrin 2016, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost

from wildsage.algorithms.xgboost.data.table import Table, alike, stacked

FEW_VALUES = 1 << 24
"""So many values (64 MiB of float32) are kept as they are: making bins of them takes half as long again as in training."""


@dataclass(frozen=True)
class MatrixSettings:
    """`max_bin` is the most bins of a column, None to keep the values; `threads` None is all cores."""

    max_bin: int | None = None
    threads: int | None = None


def build(tables: list[Table], settings: MatrixSettings, reference: xgboost.DMatrix | None = None) -> xgboost.DMatrix:
    """The matrix of all rows, which are taken out of the list. With a `reference`, the bins are those of that matrix.

    Raises what the library raises for labels it cannot use.
    """
    if settings.max_bin is None or not _takes_bins(tables, reference):
        whole = stacked(tables)
        tables.clear()  # before the matrix takes a copy
        return whole.matrix(settings.threads)
    options = {"max_bin": settings.max_bin, "nthread": settings.threads, "missing": np.nan}
    return xgboost.QuantileDMatrix(_Blocks(alike(tables)), ref=reference, **options)


def _takes_bins(tables: Sequence[Table], reference: xgboost.DMatrix | None) -> bool:
    """Whether to make bins, which save memory and cost time. A matrix with a reference does as that one does."""
    if reference is not None:
        return isinstance(reference, xgboost.QuantileDMatrix)
    return sum(table.values for table in tables) > FEW_VALUES


class _Blocks(xgboost.DataIter):
    """Tables as the library asks for them: it goes through them several times."""

    def __init__(self, tables: Sequence[Table]) -> None:
        super().__init__()
        self._tables = tables
        self._next = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        if self._next == len(self._tables):
            return False
        table = self._tables[self._next]
        self._next += 1
        input_data(data=table.features, label=table.labels, weight=table.weights, qid=table.groups)
        return True

    def reset(self) -> None:
        self._next = 0
