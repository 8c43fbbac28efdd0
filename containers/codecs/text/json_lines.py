"""application/jsonlines: one instance a line in, one answer a line out (contract: formats, sections 5 and 6).

How the original prints an answer of k-means, PCA and factorization machines is unknown; recorded linear-learner lines
are compact, documented k-means lines have spaces. We print what `json.dumps` prints, a line end after each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from wildsage.algorithms.base.algorithm import Columns
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.batches import batch
from wildsage.containers.codecs.text.instances import rows_of
from wildsage.containers.codecs.text.lines import blocks_of_lines
from wildsage.containers.codecs.text.predictions import predictions


def decode(chunks: Iterable[bytes]) -> Iterator[Batch]:
    """Read one instance a line, one block of lines (about a megabyte) at a time; blank lines do not count as rows.

    Raises BadRecord for a line that is no JSON value or no instance, and for rows that disagree in width.
    """
    first_row, width = 1, None
    for block in blocks_of_lines(chunks):
        lines = [line for line in block.split(b"\n") if line.strip()]
        if not lines:
            continue
        instances = [_instance(line, row) for row, line in enumerate(lines, start=first_row)]
        rows = rows_of(instances, first_row, width)
        yield batch(rows)
        width = rows.width
        first_row += len(rows)


def _instance(line: bytes, row: int) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        expected = 'expected one instance such as {"features": [1.5, 16.0]}'
        raise BadRecord(row, f"the line is no JSON value ({error}), {expected}.") from None


def encode(columns: Columns, response: Response) -> bytes:
    """One object a line, in the order of the columns."""
    return "".join(json.dumps(record) + "\n" for record in predictions(columns)).encode()
