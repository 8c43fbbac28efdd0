"""The table of formats: media type → codec. A codec is a module with `decode`, `encode` or both, independent of algorithms.

A codec is imported when its type is first used, so that RecordIO framing works without torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.media_type import MediaType, NotAcceptable, UnsupportedMediaType, accepted
from wildsage.containers.codecs.text.lines import as_utf8
from wildsage.containers.contract.whole_number import whole_number

if TYPE_CHECKING:
    from wildsage.algorithms.base.algorithm import Columns
    from wildsage.algorithms.base.batch import Batch
    from wildsage.algorithms.base.spec import Response

__all__ = [
    "CSV",
    "DECODERS",
    "ENCODERS",
    "JSON",
    "JSON_LINES",
    "RECORDIO_PROTOBUF",
    "MediaType",
    "NotAcceptable",
    "UnsupportedMediaType",
    "accepted",
    "decode",
    "encode",
]

RECORDIO_PROTOBUF = "application/x-recordio-protobuf"
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"

LARGEST_LABEL_SIZE = 1_000_000  # columns; more than any file of text has

DECODERS = {
    RECORDIO_PROTOBUF: "records.record_protobuf",
    CSV: "text.text_csv",
    JSON: "text.json_document",
    JSON_LINES: "text.json_lines",
}
ENCODERS = {name: DECODERS[name] for name in (JSON, JSON_LINES, CSV, RECORDIO_PROTOBUF)}


def decode(media_type: MediaType, chunks: Iterable[bytes], *, default_label_size: int) -> Iterator[Batch]:
    """Read a body, in chunks of any size, as batches of rows.

    `default_label_size` (1 in training, 0 in inference) applies to CSV without the parameter `label_size`. Text types
    respect the parameters `charset` and `encoding`. Raises UnsupportedMediaType for a type without a decoder, UserError for a
    wrong parameter, and BadRecord while reading.
    """
    if media_type.name not in DECODERS:
        raise UnsupportedMediaType(f"Content type {str(media_type)!r}: not read here, expected {', '.join(DECODERS)}.")
    codec = _codec(DECODERS[media_type.name])
    if media_type.name == RECORDIO_PROTOBUF:
        return codec.decode(chunks)
    chunks = other_formats.reject(chunks, media_type.name)
    charset = media_type.parameters.get("charset", media_type.parameters.get("encoding", "utf-8"))
    text = as_utf8(chunks, charset)
    if media_type.name == CSV:
        return codec.decode(text, label_size=_label_size(media_type, default_label_size))
    return codec.decode(text)


def encode(media_type: MediaType, columns: Columns, response: Response) -> bytes:
    """Write an answer: the columns that `response` lists, in its order; with `verbose=true` also its verbose columns.

    Columns that the model did not return are left out. Raises NotAcceptable for a type without an encoder.
    """
    if media_type.name not in ENCODERS:
        raise NotAcceptable(f"Accept {str(media_type)!r}: not written here, expected {', '.join(ENCODERS)}.")
    verbose = media_type.parameters.get("verbose", "").lower() == "true"
    names = (*response.columns, *response.verbose) if verbose else response.columns
    ordered = {name: columns[name] for name in names if name in columns}
    return _codec(ENCODERS[media_type.name]).encode(ordered, response)


def _codec(name: str) -> Any:
    return import_module(f"{__name__}.{name}")


def _label_size(media_type: MediaType, default: int) -> int:
    text = media_type.parameters.get("label_size", str(default))
    try:
        return whole_number(text, most=LARGEST_LABEL_SIZE)
    except ValueError as error:
        raise UserError(f"Content type parameter label_size: {error}.") from None
