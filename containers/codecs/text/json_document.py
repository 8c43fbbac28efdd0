"""application/json: `{"instances": […]}` in, `{"predictions": […]}` out (contract: formats, sections 5 and 6)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import orjson

from wildsage.algorithms.base.algorithm import Columns
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.batches import batch
from wildsage.containers.codecs.text.instances import rows_of
from wildsage.containers.codecs.text.predictions import predictions

EXPECTED = 'expected {"instances": [{"features": [...]}, ...]}'


def decode(chunks: Iterable[bytes]) -> Iterator[Batch]:
    """Read a whole document as one batch: a JSON document cannot be read in parts, so memory grows with it.

    Dense instances alone become an (n, d) tensor, with sparse ones among them all become SparseRows. Raises UserError
    where the document is none, BadRecord (row counts instances from 1) where an instance is wrong.
    """
    try:
        document = orjson.loads(b"".join(chunks))
    except orjson.JSONDecodeError as error:
        raise UserError(f"The body is no JSON document ({error}), {EXPECTED}.") from None
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        raise UserError(f"The JSON body has no list of instances, {EXPECTED}.")
    if not instances:
        raise UserError("The list of instances is empty, expected at least one.")
    yield batch(rows_of(instances, first_row=1, width=None))


def encode(columns: Columns, response: Response) -> bytes:
    """One document, as Python's `json.dumps` prints it, on one line that has no end."""
    return json.dumps({response.key: predictions(columns)}).encode()
