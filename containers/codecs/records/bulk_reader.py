"""Many Record messages → rows at once, for the layout that writers commonly use.

Each of n messages has a cursor, and all cursors move together, with one NumPy operation for each step of the format:

    features { key "values", value { tensor { values [keys] [shape] } } } [label { the same, values alone }]

The first message decides the type of the tensor and which of the bracketed parts exist. Messages that differ are left out of
the result, for another call or for the module `message`. Nothing here raises.

Axes: n messages · b bytes of the buffer · z stored values
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wildsage.containers.codecs.records.message import (
    FEATURES,
    FLOAT32,
    FLOAT64,
    FLOATS,
    INT32,
    KEY,
    KEYS,
    LABEL,
    LENGTH,
    MAP_KEY,
    SHAPE,
    VALUE,
    VALUES,
    Schema,
    as_int32,
)
from wildsage.containers.codecs.records.recordio import SPARE_BYTES
from wildsage.containers.codecs.rows import FlatRows, spread

Positions = NDArray[np.int64]


def field_tag(number: int) -> int:
    """The byte that starts a field with a length."""
    return number << 3 | LENGTH


MAP_KEY_WORD = np.frombuffer(bytes([field_tag(KEY), len(MAP_KEY)]) + MAP_KEY, "<u8")[0]
KINDS = {field_tag(kind): kind for kind in (FLOAT32, FLOAT64, INT32)}


@dataclass(frozen=True)
class Span:
    """Where a packed field starts and stops in each message."""

    starts_n: Positions
    stops_n: Positions

    def select(self, chosen_n: NDArray[np.bool_]) -> Span:
        """The same for the messages chosen by a mask (n,)."""
        return Span(self.starts_n[chosen_n], self.stops_n[chosen_n])


@dataclass(frozen=True)
class TensorSpans:
    """Where the fields of a tensor are; missing ones are None. `width_n` is its shape, of one dimension."""

    kind: int
    values: Span | None
    keys: Span | None
    width_n: NDArray[np.int64] | None


class Cursors:
    """One cursor per message, at `at_n`. `fits_n` turns false where a message leaves the layout of the first."""

    def __init__(self, bytes_b: NDArray[np.uint8], starts_n: Positions) -> None:
        self.bytes_b = bytes_b
        self.words_b = np.ndarray(len(bytes_b) - 7, "<u8", bytes_b, strides=(1,))
        self.at_n = starts_n
        self.fits_n = np.ones(len(starts_n), bool)

    def require(self, fits_n: NDArray[np.bool_]) -> None:
        """Drop the messages for which the mask (n,) is false."""
        self.fits_n &= fits_n

    def move(self, positions_n: Positions) -> None:
        """Move to these positions. A cursor that is lost stops `SPARE_BYTES` before the end of the buffer."""
        self.at_n = np.minimum(positions_n, len(self.bytes_b) - SPARE_BYTES)

    def byte(self) -> int:
        """Read a byte, which must be the same in all messages."""
        byte_n = self.bytes_b[self.at_n]
        self.require(byte_n == byte_n[0])
        self.move(self.at_n + 1)
        return int(byte_n[0])

    def word(self, expected: np.uint64) -> None:
        """Skip eight bytes, which must be the expected ones."""
        self.require(self.words_b[self.at_n] == expected)
        self.move(self.at_n + 8)

    def varint(self) -> NDArray[np.int64]:
        """Read a number below 2^56 of each message, (n,)."""
        number_n = self.bytes_b[self.at_n].astype(np.int64)
        at_n = self.at_n + 1
        longer = np.flatnonzero(number_n >= 0x80)
        number_n &= 0x7F
        for shift in range(7, 56, 7):
            if not len(longer):
                break
            byte = self.bytes_b[at_n[longer]].astype(np.int64)
            number_n[longer] |= (byte & 0x7F) << shift
            at_n[longer] += 1
            longer = longer[byte >= 0x80]
        self.fits_n[longer] = False
        self.move(at_n)
        return number_n

    def message(self) -> Positions:
        """Read the length of a message and return where it stops."""
        return self.varint() + self.at_n

    def present(self, number: int, stops_n: Positions) -> bool:
        """Read the tag of a field if the first message has it before its stop. All messages must agree."""
        present_n = (self.at_n < stops_n) & (self.bytes_b[self.at_n] == field_tag(number))
        self.require(present_n == present_n[0])
        self.move(self.at_n + int(present_n[0]))
        return bool(present_n[0])

    def packed(self, number: int, stops_n: Positions) -> Span | None:
        """Skip a packed field and return where it is, or None if it is missing."""
        if not self.present(number, stops_n):
            return None
        field_stops_n = self.message()
        self.require(field_stops_n <= stops_n)
        span = Span(self.at_n, field_stops_n)
        self.move(field_stops_n)
        return span


def read(
    bytes_b: NDArray[np.uint8], starts_n: Positions, stops_n: Positions, schema: Schema
) -> tuple[Positions, FlatRows | None]:
    """Read the messages that have the layout of the first and agree with the schema.

    `bytes_b` ends in `SPARE_BYTES` outside all messages. Returns the indices of the messages that were read, and their rows.
    If the first message has another layout, or one that fits has wrong content, nothing is read: the module `message` then
    reads them one by one, and says what is wrong.
    """
    nothing = np.empty(0, np.int64), None
    cursors = Cursors(bytes_b, starts_n)
    features = _tensor(cursors, FEATURES, stops_n)
    label = _tensor(cursors, LABEL, stops_n)
    cursors.require(cursors.at_n == stops_n)
    if features is None or not cursors.fits_n.any():
        return nothing
    rows = _features(bytes_b, features, cursors.fits_n, schema.width)
    if rows is None or (label is None) != (schema.label_width == 0):
        return nothing
    read_n = np.flatnonzero(cursors.fits_n)
    if label is None:
        return read_n, rows
    labels_nl = _label(bytes_b, label, cursors.fits_n, schema.label_width)
    if labels_nl is None:
        return nothing
    return read_n, FlatRows(rows.counts_n, rows.values_z, rows.keys_z, rows.width, labels_nl)


def _tensor(cursors: Cursors, number: int, stops_n: Positions) -> TensorSpans | None:
    """Read the map entry with the key `values`; return None if it is missing."""
    if not cursors.present(number, stops_n):
        return None
    entry_stops_n = cursors.message()
    cursors.word(MAP_KEY_WORD)
    if not cursors.present(VALUE, entry_stops_n):
        return None
    value_stops_n = cursors.message()
    kind = KINDS.get(cursors.byte())
    tensor_stops_n = cursors.message()
    if kind is None:
        return None
    values = cursors.packed(VALUES, tensor_stops_n)
    keys = cursors.packed(KEYS, tensor_stops_n)
    width_n = None
    if cursors.present(SHAPE, tensor_stops_n):
        shape_stops_n = cursors.message()
        width_n = cursors.varint()
        cursors.require(cursors.at_n == shape_stops_n)
    for each_stops_n in (tensor_stops_n, value_stops_n, entry_stops_n):
        cursors.require(cursors.at_n == each_stops_n)
    return TensorSpans(kind, values, keys, width_n)


def _features(
    bytes_b: NDArray[np.uint8], tensor: TensorSpans, fits_n: NDArray[np.bool_], width: int
) -> FlatRows | None:
    if tensor.width_n is not None and (tensor.width_n[fits_n] != width).any():
        return None
    if tensor.values is None:
        return _empty_rows(int(fits_n.sum()), width) if tensor.keys is None and tensor.width_n is not None else None
    values = _numbers(bytes_b, tensor.kind, tensor.values.select(fits_n))
    if values is None:
        return None
    counts_n, values_z = values
    if tensor.keys is None:
        return FlatRows(counts_n, values_z, None, width) if (counts_n == width).all() else None
    keys = _varints(bytes_b, tensor.keys.select(fits_n))
    if keys is None or tensor.width_n is None or not np.array_equal(keys[0], counts_n) or not counts_n.all():
        return None
    return FlatRows(counts_n, values_z, keys[1].astype(np.int64), width) if (keys[1] < width).all() else None


def _empty_rows(count: int, width: int) -> FlatRows:
    """Sparse rows of zeros only. Their messages have a shape, but no values and keys."""
    return FlatRows(np.zeros(count, np.int64), np.empty(0, np.float32), np.empty(0, np.int64), width)


def _label(bytes_b: NDArray[np.uint8], tensor: TensorSpans, fits_n: NDArray[np.bool_], width: int) -> NDArray | None:
    if tensor.values is None or tensor.keys is not None or tensor.width_n is not None:
        return None
    numbers = _numbers(bytes_b, tensor.kind, tensor.values.select(fits_n))
    if numbers is None or not (numbers[0] == width).all():
        return None
    return numbers[1].reshape(-1, width)


def _numbers(bytes_b: NDArray[np.uint8], kind: int, span: Span) -> tuple[NDArray[np.int64], NDArray] | None:
    """Return how many numbers each span has, and all of them as one array; None if a span has another length."""
    if kind == INT32:
        varints = _varints(bytes_b, span)
        return None if varints is None else (varints[0], as_int32(varints[1]))
    dtype = FLOATS[kind]
    lengths_n = span.stops_n - span.starts_n
    if (lengths_n % dtype.itemsize).any():
        return None
    counts_n = lengths_n // dtype.itemsize
    if (lengths_n == lengths_n[0]).all():
        windows = sliding_window_view(bytes_b, int(lengths_n[0]))
        return counts_n, windows[span.starts_n].reshape(-1).view(dtype)
    values_at_b = np.ndarray(len(bytes_b) - dtype.itemsize + 1, dtype, bytes_b, strides=(1,))
    return counts_n, values_at_b[spread(span.starts_n, counts_n, dtype.itemsize)]


def _varints(bytes_b: NDArray[np.uint8], span: Span) -> tuple[NDArray[np.int64], NDArray[np.uint64]] | None:
    """The same for packed varints."""
    lengths_n = span.stops_n - span.starts_n
    packed_b = bytes_b[spread(span.starts_n, lengths_n)]
    final_b = packed_b < 0x80
    stops_n = np.cumsum(lengths_n)
    if not final_b[stops_n[lengths_n > 0] - 1].all():
        return None
    before_b1 = np.concatenate([np.zeros(1, np.int64), np.cumsum(final_b)])
    counts_n = before_b1[stops_n] - before_b1[stops_n - lengths_n]
    lasts_z = np.flatnonzero(final_b)
    firsts_z = np.concatenate([np.zeros(1, np.int64), lasts_z + 1])[:-1]
    sizes_z = lasts_z - firsts_z + 1
    numbers_z = (packed_b[firsts_z] & 0x7F).astype(np.uint64)
    for size in range(1, int(sizes_z.max(initial=0))):
        longer = np.flatnonzero(sizes_z > size)
        bits = (packed_b[firsts_z[longer] + size] & 0x7F).astype(np.uint64)
        numbers_z[longer] |= bits << np.uint64(7 * size)
    return (counts_n, numbers_z) if sizes_z.max(initial=0) <= 10 else None
