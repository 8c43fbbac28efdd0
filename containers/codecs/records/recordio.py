"""RecordIO framing: a stream of bytes ⇄ payloads (contracts: dmlc-core recordio, SageMaker recordio-protobuf).

    uint32 magic · uint32 (part << 29 | length) · payload · zeros up to the next multiple of four

`part` is 0 for a whole record, and 1, 2 and 3 for the first, a middle and the last part of a split record. A record is split
where its payload holds the magic at a multiple of four bytes. The magic is dropped at the split and put back when joined.

Axes: n records of a block · b bytes of a block
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.pieces import PIECE_BYTES, pieces

MAGIC = 0xCED7230A
MAGIC_BYTES = struct.pack("<I", MAGIC)
HEADER_BYTES = 8
MAX_PAYLOAD_BYTES = (1 << 29) - 1
WHOLE, FIRST, MIDDLE, LAST = range(4)
SPARE_BYTES = 8
END = b""


@dataclass(frozen=True)
class Block:
    """n whole payloads: payload i is `bytes_b[starts_n[i]:stops_n[i]]`, and row `first_row + i` of the stream.

    The frame of payload i begins at byte `offsets_n[i]` of the stream. `SPARE_BYTES` follow the last payload, so that a word
    read at any byte of a payload stays inside the buffer. If `framed`, each payload has its header before it and its padding
    behind it.
    """

    bytes_b: NDArray[np.uint8]
    starts_n: NDArray[np.int64]
    stops_n: NDArray[np.int64]
    first_row: int
    offsets_n: NDArray[np.int64]
    framed: bool

    def __len__(self) -> int:
        return len(self.starts_n)


def blocks(chunks: Iterable[bytes], block_bytes: int = PIECE_BYTES) -> Iterator[Block]:
    """Read framed records from chunks of any size, about `block_bytes` at a time.

    One block is held, or the longest record if it is longer. The blocks do not depend on the sizes of the chunks. Raises
    BadRecord for a wrong magic, parts out of order and a truncated stream, after it has yielded all records before.
    """
    held: list[bytes | memoryview] = []
    held_bytes = offset = wanted = 0
    row = 1
    for piece in chain(pieces(chunks, block_bytes), [END]):
        held.append(piece)
        held_bytes += len(piece)
        if not held_bytes or (held_bytes < wanted and piece is not END):
            continue
        buffer = b"".join((*held, bytes(SPARE_BYTES)))
        block, used = _cut(buffer, row, offset)
        if len(block):
            yield block
        row += len(block)
        offset += used
        held = [buffer[used:-SPARE_BYTES]]
        held_bytes -= used
        wanted = 0 if used else 2 * held_bytes  # joining a record longer than a block takes linear time
    if held_bytes:
        raise _unfinished(b"".join(held), row, offset)


def payloads(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Read framed records one by one, and join split ones. Raises BadRecord as `blocks` does."""
    for _, payload in located_payloads(chunks):
        yield payload


def located_payloads(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The same, each with the byte of the stream at which its frame begins."""
    for _, view, offset, start, stop in _places(chunks):
        yield offset, bytes(view[start:stop])


def located_frames(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes | memoryview]]:
    """The same with its framing, split records as whole ones. Views are not copies."""
    for framed, view, offset, start, stop in _places(chunks):
        yield offset, view[start - HEADER_BYTES : (stop + 3) & ~3] if framed else frame(bytes(view[start:stop]))


def _places(chunks: Iterable[bytes]) -> Iterator[tuple[bool, memoryview, int, int, int]]:
    """Of each payload: whether it is framed in its buffer, the buffer, its offset in the stream, its start and its stop."""
    for block in blocks(chunks):
        view = block.bytes_b.data
        places = zip(block.offsets_n.tolist(), block.starts_n.tolist(), block.stops_n.tolist(), strict=True)
        for offset, start, stop in places:
            yield block.framed, view, offset, start, stop


def frame(payload: bytes) -> bytes:
    """Return one whole record, not split, as the SageMaker Python SDK writes it. Raises ValueError beyond 2^29 - 1 bytes."""
    return _part(WHOLE, payload)


def frame_split(payload: bytes) -> bytes:
    """Return one record as MXNet writes it: split where the payload holds the magic at a multiple of four bytes.

    For other payloads the bytes are those of `frame`. Raises ValueError for a part beyond 2^29 - 1 bytes.
    """
    words = np.frombuffer(payload, "<u4", count=len(payload) // 4)
    cuts = [4 * int(word) for word in np.flatnonzero(words == MAGIC)]
    if not cuts:
        return frame(payload)
    starts = [0, *(cut + len(MAGIC_BYTES) for cut in cuts)]
    stops = [*cuts, len(payload)]
    kinds = [FIRST, *[MIDDLE] * (len(cuts) - 1), LAST]
    return b"".join(_part(k, payload[a:b]) for k, a, b in zip(kinds, starts, stops, strict=True))


def _part(kind: int, payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"A RecordIO record holds at most {MAX_PAYLOAD_BYTES} bytes, got {len(payload)}.")
    return struct.pack("<II", MAGIC, kind << 29 | len(payload)) + payload + bytes(-len(payload) % 4)


def _cut(buffer: bytes, row: int, offset: int) -> tuple[Block, int]:
    """Return the whole records at the start of a buffer that ends in spare bytes, and the number of their bytes."""
    words = np.frombuffer(buffer, "<u4", count=(len(buffer) - SPARE_BYTES) // 4)
    if len(words) and words[0] != MAGIC:
        raise _wrong_magic(buffer, row, offset)
    heads = _heads(words)
    headers = words[heads + 1]
    starts = 4 * heads + HEADER_BYTES
    stops = starts + (headers & MAX_PAYLOAD_BYTES)
    kinds = headers >> 29
    if kinds.any():
        return _joined(buffer, kinds, starts, stops, row, offset)
    used = int(stops[-1] + 3) // 4 * 4 if len(stops) else 0
    return Block(np.frombuffer(buffer, np.uint8), starts, stops, row, offset + 4 * heads, framed=True), used


def _heads(words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the word index of each header whose frame is complete, up to the first word that is not a header."""
    evenly = np.arange(0, len(words) - 1, _frame_words(words[1]) if len(words) > 1 else 1)
    if (words[evenly] == MAGIC).all() and (words[evenly + 1] == words[1:2]).all():
        heads = evenly
    else:
        heads = np.flatnonzero(words[:-1] == MAGIC)
    following = heads + _frame_words(words[heads + 1])
    if not np.array_equal(following[:-1], heads[1:]):
        return _heads_one_by_one(words)
    return heads[following <= len(words)]


def _frame_words(header: Any) -> Any:
    """The length of a frame in words of four bytes, with its header."""
    return 2 + ((header & MAX_PAYLOAD_BYTES) + 3) // 4


def _heads_one_by_one(words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The same for payloads that hold the magic, so that not every magic begins a record."""
    heads = []
    at = 0
    while at + 1 < len(words) and words[at] == MAGIC:
        following = at + _frame_words(int(words[at + 1]))
        if following > len(words):
            break
        heads.append(at)
        at = following
    return np.array(heads, np.int64)


def _joined(buffer: bytes, kinds: NDArray, starts: NDArray, stops: NDArray, row: int, offset: int) -> tuple[Block, int]:
    """The same for split records: their joined payloads are copied, one after the other, to a new buffer.

    Stops before parts out of order. Raises BadRecord if there is nothing before them.
    """
    whole: list[bytes] = []
    parts: list[bytes] = []
    offsets: list[int] = []
    used = 0
    for kind, start, stop in zip(kinds.tolist(), starts.tolist(), stops.tolist(), strict=True):
        if kind > LAST or (kind in (MIDDLE, LAST)) != bool(parts):
            if whole:
                break
            problem = f"part {kind} of a split record out of order at byte {offset + start - HEADER_BYTES}"
            raise BadRecord(row, f"{problem}; expected 0 (whole) or 1, 2, …, 3. Is the file damaged?")
        if not parts:
            offsets.append(offset + start - HEADER_BYTES)
        parts.append(buffer[start:stop])
        if kind in (WHOLE, LAST):
            whole.append(MAGIC_BYTES.join(parts))
            parts = []
            used = (stop + 3) // 4 * 4
    stops_n = np.cumsum([len(payload) for payload in whole], dtype=np.int64)
    starts_n = np.concatenate([np.zeros(1, np.int64), stops_n])[:-1]
    joined = b"".join((*whole, bytes(SPARE_BYTES)))
    offsets_n = np.array(offsets[: len(whole)], np.int64)
    found = np.frombuffer(joined, np.uint8)
    return Block(found, starts_n[: len(whole)], stops_n, row, offsets_n, framed=False), used


def _wrong_magic(rest: bytes, row: int, offset: int) -> BadRecord:
    got = rest[:4].hex(" ")
    return BadRecord(
        row,
        f"no RecordIO header at byte {offset}: got {got}, expected {MAGIC_BYTES.hex(' ')}. "
        "Is this file of another type, or damaged?",
    )


def _unfinished(rest: bytes, row: int, offset: int) -> BadRecord:
    if not MAGIC_BYTES.startswith(rest[:4]):
        return _wrong_magic(rest, row, offset)
    there = f"{len(rest)} bytes of it are there, expected"
    if len(rest) < HEADER_BYTES:
        expected = f"a header of {HEADER_BYTES}"
    else:
        header = struct.unpack_from("<I", rest, 4)[0]
        frame_bytes = HEADER_BYTES + (header & MAX_PAYLOAD_BYTES) + 3 & ~3
        expected = "more parts of a split record" if frame_bytes <= len(rest) else str(frame_bytes)
    return BadRecord(row, f"the stream ends inside the record at byte {offset}: {there} {expected}. Truncated?")
