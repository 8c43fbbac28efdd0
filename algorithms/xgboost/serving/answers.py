"""Predictions → bodies, by version and by what the caller accepts [contract: xgboost, Serving].

Axes: n rows · k classes
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

CSV, JSON, JSON_LINES, RECORDS = (
    "text/csv",
    "application/json",
    "application/jsonlines",
    "application/x-recordio-protobuf",
)
ACCEPTED = (JSON, JSON_LINES, RECORDS, CSV)


class UnsupportedAccept(Exception):
    """The caller accepts only types that are not written (HTTP 406)."""


def chosen(accept: str | None, default: str) -> str:
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
    return ",".join(map(str, answers.tolist())).encode()


def lines(answers: NDArray) -> bytes:
    """A line for each row, its probabilities with commas between them."""
    return "".join(",".join(map(str, _as_list(row))) + "\n" for row in answers.tolist()).encode()


def batch(answers: NDArray) -> bytes:
    """What batch transform gets, whatever it accepts: `str` of each answer on a line."""
    return "".join(f"{answer}\n" for answer in answers.tolist()).encode()


def document(answers: NDArray) -> bytes:
    """A JSON document with a `score` for each row, which is a list for probabilities."""
    return json.dumps({"predictions": [{"score": score} for score in answers.tolist()]}).encode()


def array(answers: NDArray) -> bytes:
    """A JSON array with an item for each row."""
    return json.dumps(answers.tolist()).encode()


def _as_list(row: Any) -> Sequence[float]:
    return row if isinstance(row, list) else [row]
