"""application/jsonlines: one instance per line in, one answer per line out (contract: formats, sections 5 and 6).

How the original writes answers of k-means, PCA and factorization machines is unknown, but documented lines of k-means have
spaces. Lines are therefore written by `json.dumps`, each with a line end. Recorded lines of linear learner are compact:
`Response.compact_lines` says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import orjson

from wildsage.algorithms.base.algorithm import Columns
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.batches import to_batch
from wildsage.containers.codecs.text.instances import rows_of
from wildsage.containers.codecs.text.lines import blocks_of_lines
from wildsage.containers.codecs.text.predictions import predictions

DECIMALS = 15


def decode(chunks: Iterable[bytes]) -> Iterator[Batch]:
    """Read one instance per line, about a megabyte of lines at a time. Blank lines do not count as rows.

    Raises BadRecord for a line that is not JSON or not an instance, and for rows of different widths.
    """
    first_row, width = 1, None
    for block in blocks_of_lines(chunks):
        lines = [line for line in block.split(b"\n") if line.strip()]
        if not lines:
            continue
        instances = [_instance(line, row) for row, line in enumerate(lines, start=first_row)]
        rows = rows_of(instances, first_row, width)
        yield to_batch(rows)
        width = rows.width
        first_row += len(rows)


def _instance(line: bytes, row: int) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        expected = 'expected one instance such as {"features": [1.5, 16.0]}'
        raise BadRecord(row, f"the line is not valid JSON ({error}), {expected}.") from None


def encode(columns: Columns, response: Response) -> bytes:
    """Return one object per line, with keys in the order of the columns, or compact lines."""
    if response.compact_lines:
        return b"".join(_compact(record) for record in predictions(columns))
    return "".join(json.dumps(record) + "\n" for record in predictions(columns)).encode()


def _compact(record: dict[str, Any]) -> bytes:
    """`{"predicted_label":1,"score":0.989977359771728}` and a line end."""
    cut = {name: _cut(value) for name, value in record.items()}
    return orjson.dumps(cut, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _cut(value: Any) -> Any:
    """A float as its shortest text, of which decimals beyond the 15th are dropped, not rounded."""
    if isinstance(value, list):
        return [_cut(each) for each in value]
    if not isinstance(value, float) or not abs(value) < 1e16:
        return value
    whole, _, decimals = format(Decimal(repr(value)), "f").partition(".")
    return orjson.Fragment(f"{whole}.{decimals[:DECIMALS].rstrip('0') or '0'}")
