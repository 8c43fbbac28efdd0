"""LIBSVM files read by the library's own reader, which is the fastest there is, but takes any text for a number.

What it read is held against the file's bytes; where the two differ, or the library has no such reader any more, the caller reads
row by row with `data.libsvm`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xgboost

from wildsage.algorithms.xgboost.data import files

PLAIN = b"0123456789+-.eE: \t\r\n"
COLUMN_0 = b" 0:"
LARGE = re.compile(rb"[eE]\+?(?:0*[3-9]\d|0*\d{3})")
"""Numbers that float32 may not hold; the library takes its largest number for them."""

OF_URIS = "?#;"
"""Characters that mean something to the library in the name of a file."""


@dataclass
class _Counts:
    """What the bytes of the files say: rows, colons, and whether column 0 stands in any row."""

    lines: int = 0
    colons: int = 0
    column_0: bool = False


def libsvm(paths: Sequence[Path], columns_may_begin_at_1: bool, threads: int | None) -> xgboost.DMatrix | None:
    """The matrix of plain files, in the order of `paths`; None where they need a closer look."""
    if any(mark in str(path) for path in paths for mark in OF_URIS):
        return None
    counts = _counted(paths)
    if counts is None or (columns_may_begin_at_1 and not counts.column_0):
        return None
    try:
        with warnings.catch_warnings(), xgboost.config_context(verbosity=0):
            warnings.simplefilter("ignore")  # of an end of this reader some day
            matrix = xgboost.DMatrix(f"{';'.join(map(str, paths))}?format=libsvm", nthread=threads)
    except xgboost.core.XGBoostError:
        return None
    rows, stored = matrix.num_row(), matrix.num_nonmissing()
    agrees = rows == counts.lines and stored in (counts.colons, counts.colons - rows)
    return matrix if agrees else None


def _counted(paths: Sequence[Path]) -> _Counts | None:
    """None for bytes that no plain number has (groups, comments, words), and for large exponents."""
    counts = _Counts()
    for path in paths:
        last = b""
        for chunk in files.chunks(path):
            if chunk.translate(None, PLAIN) or _has_large(chunk):
                return None
            counts.lines += chunk.count(b"\n")
            counts.colons += chunk.count(b":")
            counts.column_0 = counts.column_0 or COLUMN_0 in chunk
            last = chunk[-1:]
        counts.lines += last not in (b"", b"\n")
    return counts


def _has_large(chunk: bytes) -> bool:
    """Whether a number may be too large; the slow search is for chunks that have exponents without a minus sign."""
    exponents = any(chunk.count(letter) > chunk.count(letter + b"-") for letter in (b"e", b"E"))
    return exponents and LARGE.search(chunk) is not None
