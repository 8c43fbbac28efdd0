"""Splits an object of a batch transform into records, and groups the records into requests.

Sources: CreateTransformJob's SplitType and BatchStrategy (API reference), container contract section 5. According
to the reference, the framing of binary records (RecordIO, TFRecord) is removed for SingleRecord and kept for MultiRecord.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import UserError

if TYPE_CHECKING:  # what reads RecordIO imports it itself: NumPy is slow to import, and few servers need it
    import numpy as np
    from numpy.typing import NDArray

    from wildsage.containers.codecs.records import recordio


class ObjectRecord(bytes):
    """A record, and the byte of its object at which it begins."""

    offset: int


CHUNK_BYTES = 262_144  # mutants: equivalent: the pieces of a stream may have any size
LINE_ENDS = b"\r\n"
TFRECORD_HEAD = struct.Struct("<QI")  # length and its checksum; payload and its checksum follow
TFRECORD_CHECKSUM_BYTES = 4


def whole(file: BinaryIO, limit: int, framed: bool) -> Iterator[ObjectRecord]:
    """The object as one record. Raises UserError for an object of more than `limit` bytes."""
    yield _located(_fitting(file.read(limit + 1), limit, "the object"), 0)


def lines(file: BinaryIO, limit: int, framed: bool) -> Iterator[ObjectRecord]:
    """One record for each line that is not empty. Raises UserError for a line of more than `limit` bytes."""
    number = offset = 0
    while line := file.readline(limit + len(LINE_ENDS) + 1):
        number += 1
        if record := line.rstrip(LINE_ENDS):
            yield _located(_fitting(record, limit, f"line {number}"), offset)
        offset += len(line)


def recordio_records(file: BinaryIO, limit: int, framed: bool) -> Iterator[ObjectRecord]:
    """Records in MXNet's framing. Raises BadRecord, and UserError for a record of more than `limit` bytes."""
    from wildsage.containers.codecs.records import recordio

    content = other_formats.reject(chunks(file), "SplitType RecordIO", other_formats.RECORDIO)
    found = recordio.located_frames(content) if framed else recordio.located_payloads(content)
    for number, (offset, record) in enumerate(found, start=1):
        yield _located(_fitting(record, limit, f"record {number}"), offset)


@dataclass(frozen=True)
class FramedRequest:
    """Whole records in their framing as the object holds them, in `pieces`, and where each record begins in the object."""

    pieces: list[memoryview]
    offsets: list[int]


def framed_requests(file: BinaryIO, limit: int) -> Iterator[FramedRequest]:
    """As many framed records as fit into `limit` bytes, request by request, cut out of the object without a look at each record.

    The requests are those of `batches` over `recordio_records`, with the same errors.
    """
    import numpy as np

    from wildsage.containers.codecs.records import recordio

    pieces: list[memoryview] = []
    offsets: list[int] = []
    held_bytes = 0
    content = other_formats.reject(chunks(file), "SplitType RecordIO", other_formats.RECORDIO)
    for block in recordio.blocks(content):
        view, offsets_n, ends_n = _frames(block)
        first = 0
        begins = 0
        while first < len(offsets_n):
            fit = int(np.searchsorted(ends_n, begins + limit - held_bytes, side="right"))
            if fit > first:
                stop = int(ends_n[fit - 1])
                pieces.append(view[begins:stop])
                offsets += offsets_n[first:fit].tolist()
                held_bytes += stop - begins
                first, begins = fit, stop
            elif pieces:
                yield FramedRequest(pieces, offsets)
                pieces, offsets, held_bytes = [], [], 0
            else:
                raise _too_large(f"record {block.first_row + first}", int(ends_n[first]) - begins, limit)
    if pieces:
        yield FramedRequest(pieces, offsets)


def _frames(block: recordio.Block) -> tuple[memoryview, NDArray[np.int64], NDArray[np.int64]]:
    """The frames of a block, one after the other; where each begins in the object, and where it ends in the frames.

    Split records are framed anew, as whole ones.
    """
    import numpy as np

    from wildsage.containers.codecs.records import recordio

    if block.framed:  # the first frame begins with the block
        return block.bytes_b.data, block.offsets_n, block.stops_n + 3 & ~3
    payloads = zip(block.starts_n.tolist(), block.stops_n.tolist(), strict=True)
    frames = [recordio.frame(block.bytes_b[start:stop].tobytes()) for start, stop in payloads]
    return memoryview(b"".join(frames)), block.offsets_n, np.cumsum([len(one) for one in frames], dtype=np.int64)


def tfrecord_records(file: BinaryIO, limit: int, framed: bool) -> Iterator[ObjectRecord]:
    """Records in TensorFlow's framing: `uint64 length · uint32 checksum · payload · uint32 checksum`.

    Raises UserError for a cut-off object, and for a record of more than `limit` bytes.
    """
    number = offset = 0
    while head := file.read(TFRECORD_HEAD.size):
        number += 1
        length = TFRECORD_HEAD.unpack(head)[0] if len(head) == TFRECORD_HEAD.size else 0
        if length > limit:
            raise _too_large(f"record {number}", length, limit)
        payload, checksum = file.read(length), file.read(TFRECORD_CHECKSUM_BYTES)
        if len(checksum) < TFRECORD_CHECKSUM_BYTES:
            raise UserError(
                f"record {number}: the object ends inside it. Check that it is complete and in TFRecord format."
            )
        frame = head + payload + checksum
        yield _located(_fitting(frame if framed else payload, limit, f"record {number}"), offset)
        offset += len(frame)


SPLITTERS: Mapping[str, Callable[[BinaryIO, int, bool], Iterator[ObjectRecord]]] = {
    "None": whole,
    "Line": lines,
    "RecordIO": recordio_records,
    "TFRecord": tfrecord_records,
}
"""By SplitType: the records of an open object, each of at most `limit` bytes; `framed` keeps the framing of binary records.

Each raises UserError for a larger record, and for an object of another type."""

SEPARATORS: Mapping[str, bytes] = {"Line": b"\n"}
"""By SplitType: the bytes between two records of a request."""


def batches(
    records: Iterable[ObjectRecord], separator: bytes, limit: int, single: bool
) -> Iterator[list[ObjectRecord]]:
    """The records of each request: one if `single`, otherwise as many as fit into `limit` bytes."""
    held: list[ObjectRecord] = []
    held_bytes = 0
    for record in records:
        if held and (single or held_bytes + len(separator) + len(record) > limit):
            yield held
            held, held_bytes = [], 0
        held_bytes += len(record) + (len(separator) if held else 0)
        held.append(record)
    if held:
        yield held


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """The rest of a file in chunks."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _located(content: bytes | memoryview, offset: int) -> ObjectRecord:
    record = ObjectRecord(content)
    record.offset = offset
    return record


def _fitting(record: bytes | memoryview, limit: int, place: str) -> bytes | memoryview:
    if len(record) > limit:
        raise _too_large(place, len(record), limit)
    return record


def _too_large(place: str, size: int, limit: int) -> UserError:
    return UserError(
        f"Too much data for max payload size: {place} has {size} bytes or more, expected at most {limit}. "
        "Raise MaxPayloadInMB, or choose a SplitType that splits the object into records."
    )
