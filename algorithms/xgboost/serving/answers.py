"""Predictions → bodies, by version and by what the caller accepts [contract: xgboost, Serving].

Axes: n rows · k classes · m numbers of all rows
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

CSV, JSON, JSON_LINES, RECORDS = (
    "text/csv",
    "application/json",
    "application/jsonlines",
    "application/x-recordio-protobuf",
)
ACCEPTED = (JSON, JSON_LINES, RECORDS, CSV)
SAME_SPELLING_FROM, SAME_SPELLING_BELOW = 1e-4, 1e16
"""Outside of these Python writes exponents, with two digits at least."""


class UnsupportedAccept(Exception):
    """The caller accepts only types that are not written (HTTP 406)."""


def choose_type(accept: str | None, default: str) -> str:
    """The type to answer in. Raises UnsupportedAccept in the original's words."""
    if not accept or accept.strip() in ("*/*", "*"):
        return default
    names = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    for name in names:
        if name in ACCEPTED:
            return name
        if name == "csv":
            return CSV
    if "*/*" in names:
        return default
    raise UnsupportedAccept(
        f"Accept type {accept} is not supported. Please use supported accept types: {list(ACCEPTED)}."
    )


def joined(answers: NDArray) -> bytes:
    """One line with commas between the answers, (n,) or (n, k); a row of probabilities prints as a Python list."""
    return b",".join(_rows(answers, b"[%b]", b", "))


def lines(answers: NDArray) -> bytes:
    """A line for each row, its probabilities with commas between them."""
    return b"\n".join([*_rows(answers, b"%b", b","), b""])


def batch(answers: NDArray) -> bytes:
    """What batch transform gets, whatever it accepts: `str` of each answer on a line."""
    return b"\n".join([*_rows(answers, b"[%b]", b", "), b""])


def _rows(answers: NDArray, several: bytes, between: bytes) -> Sequence[bytes]:
    """The text of every row: its number, or its numbers with `between` between them in the form `several`."""
    words = _words(answers.ravel())
    if answers.ndim == 1:
        return words
    width = answers.shape[1]
    return [several % between.join(words[start : start + width]) for start in range(0, len(words), width)]


def _words(values_m: NDArray) -> list[bytes]:
    """`repr` of each value as a float. JSON spells most of them alike, and orjson writes it many times faster."""
    values_m = values_m.astype(np.float64)
    words = orjson.dumps(values_m, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",") if len(values_m) else []
    sizes_m = np.abs(values_m)
    alike_m = (sizes_m >= SAME_SPELLING_FROM) & (sizes_m < SAME_SPELLING_BELOW) | (values_m == 0)
    for place in np.flatnonzero(~alike_m).tolist():
        words[place] = repr(float(values_m[place])).encode()
    return words


def document(answers: NDArray) -> bytes:
    """A JSON document with a `score` for each row, which is a list for probabilities."""
    return json.dumps({"predictions": [{"score": score} for score in answers.tolist()]}).encode()


def array(answers: NDArray) -> bytes:
    """A JSON array with an item for each row."""
    return json.dumps(answers.tolist()).encode()
