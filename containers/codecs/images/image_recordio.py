"""application/x-recordio: records of MXNet's im2rec ⇄ labels and encoded images [contract: formats, section 8].

    uint32 flag · float32 label · uint64 id · uint64 id2 · flag × float32 label · JPEG or PNG

With flag 0, the header holds the only label. Otherwise `flag` labels follow the header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wildsage.algorithms.base import json_text, other_formats
from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.images import encoded
from wildsage.containers.codecs.records import recordio

MEDIA_TYPE = "application/x-recordio"
HEADER = struct.Struct("<IfQQ")
ORDER = "AttributeNames must list the image first, such as source-ref, and its label second"


@dataclass(frozen=True)
class ImageRecord:
    """An encoded image with its labels. `place` is where it comes from, for messages: `train.rec, row 3`."""

    content: bytes
    labels: tuple[float, ...]
    place: str = ""


def encode(content: bytes, labels: Iterable[float], number: int) -> bytes:
    """Return one framed record as im2rec writes it. Two or more labels are written as a vector."""
    values = tuple(labels)
    if len(values) == 1:
        return recordio.frame_split(HEADER.pack(0, values[0], number, 0) + content)
    vector = struct.pack(f"<{len(values)}f", *values)
    return recordio.frame_split(HEADER.pack(len(values), 0.0, number, 0) + vector + content)


def decode(chunks: Iterable[bytes], name: str) -> Iterator[ImageRecord]:
    """Read the .rec file `name`, holding about a megabyte. Raises BadRecord for a wrong frame or header."""
    for row, payload in enumerate(_payloads(chunks), start=1):
        yield _record(payload, row, name)


def decode_pairs(chunks: Iterable[bytes], name: str) -> Iterator[ImageRecord]:
    """Read the stream of an augmented manifest [contract: formats, section 9]: image, label as text, image, label, …

    Its row counts images. Raises BadRecord for an image without a label, for attributes in another order, and for a label
    that is not a number or a list of numbers.
    """
    payloads = _payloads(chunks)
    for row, content in enumerate(payloads, start=1):
        label = next(payloads, None)
        if label is None:
            raise BadRecord(row, f"an image without a label: {ORDER}.")
        if encoded.is_image(label):
            got = "two images, and no label" if encoded.is_image(content) else "the label comes before the image"
            raise BadRecord(row, f"{got}: {ORDER}.")
        yield ImageRecord(content, _labels(label, row), f"{name}, row {row}")


def _payloads(chunks: Iterable[bytes]) -> Iterator[bytes]:
    return recordio.payloads(other_formats.reject(chunks, MEDIA_TYPE, other_formats.RECORDIO))


def _record(payload: bytes, row: int, name: str) -> ImageRecord:
    place = f"{name}, row {row}"
    if encoded.is_image(payload):  # clients send framed images without a header to endpoints
        return ImageRecord(payload, (), place)
    if len(payload) < HEADER.size:
        raise BadRecord(row, f"{len(payload)} bytes, expected a header of {HEADER.size} and an image.")
    count, label, _, _ = HEADER.unpack_from(payload)
    start = HEADER.size + 4 * count
    if start > len(payload):
        raise BadRecord(row, f"its header counts {count} labels, but {len(payload) - HEADER.size} bytes follow.")
    labels = struct.unpack_from(f"<{count}f", payload, HEADER.size) if count else (label,)
    return ImageRecord(payload[start:], labels, place)


def _labels(text: bytes, row: int) -> tuple[float, ...]:
    """Read `0`, `1.0` or `[1, 0, 1]`."""
    try:
        value = json_text.parse(text)
        return tuple(float(label) for label in (value if isinstance(value, list) else [value]))
    except (ValueError, TypeError, OverflowError):
        shown = repr(text[:40].decode()) if text[:40].isascii() else f"of {len(text)} bytes that are not text"
        raise BadRecord(row, f"label {shown}, expected a number or a list of numbers such as [1, 0, 1].") from None
