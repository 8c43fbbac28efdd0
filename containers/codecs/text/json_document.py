"""application/json: `{"instances": […]}` in, `{"predictions": […]}` out (contract: formats, sections 5 and 6)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import orjson

from wildsage.algorithms.base.algorithm import Columns
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.batches import to_batch
from wildsage.containers.codecs.text.instances import rows_of
from wildsage.containers.codecs.text.predictions import predictions

EXPECTED = 'expected {"instances": [{"features": [...]}, ...]}'


def decode(chunks: Iterable[bytes]) -> Iterator[Batch]:
    """Read a whole document as one batch. Memory grows with the document, because JSON cannot be read in parts.

    Dense instances become an (n, d) tensor; with at least one sparse instance, all become SparseRows. Raises UserError for
    a body that is not such a document, and BadRecord for a wrong instance; its row counts instances from 1.
    """
    try:
        document = orjson.loads(b"".join(chunks))
    except orjson.JSONDecodeError as error:
        raise UserError(f"The body is not valid JSON ({error}), {EXPECTED}.") from None
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        raise UserError(f"The JSON body has no list of instances, {EXPECTED}.")
    if not instances:
        raise UserError("The list of instances is empty, expected at least one.")
    yield to_batch(rows_of(instances, first_row=1, width=None))


def encode(columns: Columns, response: Response) -> bytes:
    """Return one document as `json.dumps` writes it, without a line end."""
    return json.dumps({response.key: predictions(columns)}).encode()
