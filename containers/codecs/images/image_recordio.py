"""application/x-recordio: the records of MXNet's im2rec ⇄ labels and encoded images [contract: formats, section 8].

    uint32 flag · float32 label · uint64 id · uint64 id2 · flag × float32 label · JPEG or PNG

With flag 0 the one label stands in the header; else `flag` of them follow it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.images import encoded
from wildsage.containers.codecs.records import recordio

HEADER = struct.Struct("<IfQQ")


@dataclass(frozen=True)
class ImageRecord:
    """An encoded image with its labels. `place` says where it comes from, for errors: `train.rec, row 3`."""

    content: bytes
    labels: tuple[float, ...]
    place: str = ""


def encode(content: bytes, labels: Iterable[float], number: int) -> bytes:
    """One framed record, as im2rec writes it; more than one label make a vector."""
    values = tuple(labels)
    if len(values) == 1:
        return recordio.frame_split(HEADER.pack(0, values[0], number, 0) + content)
    vector = struct.pack(f"<{len(values)}f", *values)
    return recordio.frame_split(HEADER.pack(len(values), 0.0, number, 0) + vector + content)


def decode(chunks: Iterable[bytes], name: str) -> Iterator[ImageRecord]:
    """Read a .rec file called `name`, holding about a megabyte. Raises BadRecord for framing or a header that is none."""
    for row, payload in enumerate(recordio.payloads(chunks), start=1):
        yield _record(payload, row, name)


def decode_pairs(chunks: Iterable[bytes], name: str) -> Iterator[ImageRecord]:
    """Read an augmented manifest's stream [contract: formats, section 9]: an image, its label as text, the next image, …"""
    payloads = enumerate(recordio.payloads(chunks), start=1)
    for row, content in payloads:
        _, label = next(payloads, (row, None))
        if label is None:
            raise BadRecord(
                row, "an image without a label: AttributeNames must list the image first and the label second."
            )
        yield ImageRecord(content, _labels(label, row), f"{name}, row {row}")


def _record(payload: bytes, row: int, name: str) -> ImageRecord:
    place = f"{name}, row {row}"
    if encoded.is_image(payload):  # as clients send them to an endpoint: framed, without a header
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
    """`0`, `1.0`, `[1, 0, 1]`."""
    try:
        value = json.loads(text)
        return tuple(float(label) for label in (value if isinstance(value, list) else [value]))
    except (ValueError, TypeError):
        shown = text[:40].decode(errors="replace")
        raise BadRecord(row, f"label {shown!r}, expected a number or a list of numbers such as [1, 0, 1].") from None
