"""Many Record messages written at once, as a tree of segments. A segment knows its size in every message.

All sizes are known before the first byte is written, so that one NumPy operation writes a segment into all messages. Field
numbers: contract, section 2.

Axes: n messages · b bytes of the output · z numbers
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wildsage.containers.codecs.records.message import FLOAT32, FLOAT64, INT32, KEY, KEYS, LENGTH, SHAPE, VALUE, VALUES
from wildsage.containers.codecs.records.recordio import HEADER_BYTES, MAGIC, MAX_PAYLOAD_BYTES
from wildsage.containers.codecs.rows import spread

Sizes = NDArray[np.int64]
Output = NDArray[np.uint8]


class Segment(Protocol):
    """A range of bytes in every message, `sizes_n` bytes long."""

    sizes_n: Sizes

    def write(self, out_b: Output, at_n: Sizes) -> None:
        """Write it at these positions."""


class Constant:
    """The same bytes in every message."""

    def __init__(self, content: bytes, count: int) -> None:
        self.content = np.frombuffer(content, np.uint8)
        self.sizes_n = np.full(count, len(content))

    def write(self, out_b: Output, at_n: Sizes) -> None:
        _windows(out_b, len(self.content))[at_n] = self.content


class Packed:
    """A packed field: message i has the next `counts_n[i]` of `numbers_z`, and no field if that is 0."""

    def __init__(self, field: int, counts_n: Sizes, numbers_z: NDArray) -> None:
        self.tag = field << 3 | LENGTH
        self.counts_n = counts_n
        self.numbers_z = numbers_z
        self.lengths_n = counts_n * numbers_z.itemsize
        self.sizes_n = np.where(counts_n > 0, 1 + varint_sizes(self.lengths_n) + self.lengths_n, 0)

    def write(self, out_b: Output, at_n: Sizes) -> None:
        present_n = self.counts_n > 0
        if not present_n.any():
            return
        counts_n, lengths_n = self.counts_n[present_n], self.lengths_n[present_n]
        at_n = _write_head(out_b, at_n[present_n], self.tag, lengths_n)
        if (lengths_n == lengths_n[0]).all():
            numbers_nb = self.numbers_z.view(np.uint8).reshape(len(lengths_n), -1)
            _windows(out_b, int(lengths_n[0]))[at_n] = numbers_nb
        else:
            dtype = self.numbers_z.dtype
            places_b = np.ndarray(len(out_b) - dtype.itemsize + 1, dtype, out_b, strides=(1,))
            places_b[spread(at_n, counts_n, dtype.itemsize)] = self.numbers_z


class Message:
    """A field that holds other segments, one after the other."""

    def __init__(self, field: int, segments: Sequence[Segment]) -> None:
        self.tag = field << 3 | LENGTH
        self.segments = segments
        self.lengths_n = sum_of_sizes(segments)
        self.sizes_n = 1 + varint_sizes(self.lengths_n) + self.lengths_n

    def write(self, out_b: Output, at_n: Sizes) -> None:
        write_segments(out_b, _write_head(out_b, at_n, self.tag, self.lengths_n), self.segments)


def entry(field: int, key: str, tensor: Message) -> Message:
    """Return an entry of the map `features` or `label`: key → Value with a tensor."""
    name = key.encode()
    head = bytes([KEY << 3 | LENGTH]) + varint_bytes(np.array([len(name)])).tobytes() + name
    return Message(field, [Constant(head, len(tensor.sizes_n)), Message(VALUE, [tensor])])


def dense_tensor(values_nm: NDArray) -> Message:
    """Return a tensor of m values for each of n rows (n, m): float32, float64, or integers that fit int32.

    Raises TypeError for another dtype, ValueError for integers beyond int32.
    """
    counts_n = np.full(len(values_nm), values_nm.shape[1])
    return _tensor(counts_n, values_nm.reshape(-1), [])


def sparse_tensor(counts_n: Sizes, values_z: NDArray, keys_z: NDArray[np.int64], width: int) -> Message:
    """Return a tensor of `counts_n` values per row, in the columns `keys_z` of `width`. Raises as `dense_tensor` does."""
    shape = varint_bytes(np.array([width]))
    shapes = Packed(SHAPE, np.full(len(counts_n), len(shape)), np.tile(shape, len(counts_n)))
    return _tensor(counts_n, values_z, [_packed_varints(KEYS, counts_n, keys_z), shapes])


def _tensor(counts_n: Sizes, values_z: NDArray, others: list[Packed]) -> Message:
    if values_z.dtype in (np.float32, np.float64):
        kind = FLOAT32 if values_z.dtype == np.float32 else FLOAT64
        return Message(kind, [Packed(VALUES, counts_n, np.ascontiguousarray(values_z)), *others])
    if values_z.dtype not in (np.int32, np.int64):
        raise TypeError(f"Values of dtype {values_z.dtype}, expected float32, float64, int32 or int64.")
    if len(values_z) and not -(1 << 31) <= values_z.min() <= values_z.max() < 1 << 31:
        raise ValueError("Integers beyond 32 bits: a Record holds int32 only.")
    return Message(INT32, [_packed_varints(VALUES, counts_n, values_z.astype(np.int64)), *others])


def frames(segments: Sequence[Segment]) -> bytearray:
    """Return RecordIO records of the messages that these segments make up, not split, as the SageMaker Python SDK writes them.

    Raises ValueError for a message beyond 2^29 - 1 bytes.
    """
    lengths_n = sum_of_sizes(segments)
    if not len(lengths_n):
        return bytearray()
    if lengths_n.max() > MAX_PAYLOAD_BYTES:
        raise ValueError(f"A row takes {lengths_n.max()} bytes, a RecordIO record holds at most {MAX_PAYLOAD_BYTES}.")
    frames_n = HEADER_BYTES + (lengths_n + 3) // 4 * 4
    at_n = np.cumsum(frames_n) - frames_n
    framed = bytearray(int(frames_n.sum()))
    out_b = np.frombuffer(framed, np.uint8)
    words = out_b.view("<u4")
    words[at_n // 4] = MAGIC
    words[at_n // 4 + 1] = lengths_n
    write_segments(out_b, at_n + HEADER_BYTES, segments)
    return framed


def write_segments(out_b: Output, at_n: Sizes, segments: Sequence[Segment]) -> None:
    """Write segments one after the other, in each message from `at_n` on."""
    for segment in segments:
        segment.write(out_b, at_n)
        at_n = at_n + segment.sizes_n


def sum_of_sizes(segments: Sequence[Segment]) -> Sizes:
    """Bytes of all segments together, in each message."""
    return np.sum([segment.sizes_n for segment in segments], axis=0)


def varint_sizes(numbers: NDArray) -> Sizes:
    """Return how many bytes each number takes as a varint, in the shape of `numbers`.

    Negative numbers take ten, as 64-bit complements.
    """
    unsigned = numbers.astype(np.uint64)
    sizes = np.ones(len(unsigned), np.int64)
    largest = int(unsigned.max(initial=0))
    for bits in range(7, 70, 7):
        if largest >> bits == 0:
            break
        sizes += unsigned >= np.uint64(1 << bits)
    return sizes


def varint_bytes(numbers: NDArray) -> NDArray[np.uint8]:
    """Return the numbers as varints, one after the other, in one flat array."""
    sizes = varint_sizes(numbers)
    out_b = np.empty(int(sizes.sum()), np.uint8)
    _write_varints(out_b, np.cumsum(sizes) - sizes, numbers, sizes)
    return out_b


def _packed_varints(field: int, counts_n: Sizes, numbers_z: NDArray) -> Packed:
    ends_z1 = np.concatenate([np.zeros(1, np.int64), np.cumsum(varint_sizes(numbers_z))])
    stops_n = np.cumsum(counts_n)
    return Packed(field, ends_z1[stops_n] - ends_z1[stops_n - counts_n], varint_bytes(numbers_z))


def _write_head(out_b: Output, at_n: Sizes, tag: int, lengths_n: Sizes) -> Sizes:
    """Write tag and length, and return the positions after them."""
    sizes_n = varint_sizes(lengths_n)
    out_b[at_n] = tag
    _write_varints(out_b, at_n + 1, lengths_n, sizes_n)
    return at_n + 1 + sizes_n


def _write_varints(out_b: Output, at: Sizes, numbers: NDArray, sizes: Sizes) -> None:
    if (sizes == 1).all():
        out_b[at] = numbers
        return
    rest = numbers.astype(np.uint64)
    while len(rest):
        longer = np.flatnonzero(rest >= 0x80)
        low = (rest & np.uint64(0x7F)).astype(np.uint8)
        low[longer] |= 0x80
        out_b[at] = low
        at, rest = at[longer] + 1, rest[longer] >> np.uint64(7)


def _windows(out_b: Output, width: int) -> NDArray[np.uint8]:
    return sliding_window_view(out_b, width, writeable=True)
