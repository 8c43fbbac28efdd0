"""One `aialgs.data.Record` message → one row. This reader says what is wrong with a record.

The module `bulk_reader` reads the layout that writers commonly use, many records at a time. Everything else that protocol
buffers allow (fields in any order, unpacked, repeated, unknown, matrices) is read here. Field numbers: contract, section 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wildsage.containers.codecs.rows import FlatRows

FEATURES, LABEL = 1, 2
KEY, VALUE = 1, 2
VALUES, KEYS, SHAPE = 1, 2, 3
FLOAT32, FLOAT64, INT32, BYTES = 2, 3, 7, 9
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

MAP_KEY = b"values"
FLOATS: dict[int, np.dtype[Any]] = {FLOAT32: np.dtype("<f4"), FLOAT64: np.dtype("<f8")}

Content = memoryview | int


class MalformedRecord(ValueError):
    """A record that cannot be read as a row; the text says why."""


@dataclass(frozen=True)
class Schema:
    """What all records of a stream share: the number of columns, and of values in a label (0 without labels)."""

    width: int
    label_width: int

    @classmethod
    def from_row(cls, row: FlatRows) -> Schema:
        """The schema of a row."""
        return cls(row.width, 0 if row.labels_nl is None else row.labels_nl.shape[1])


@dataclass(frozen=True)
class RecordTensor:
    """A tensor message. `values` are float32, float64 or int32; `shape` is empty if the message does not have one."""

    values: NDArray
    keys: NDArray[np.uint64]
    shape: tuple[int, ...]

    @property
    def sparse(self) -> bool:
        """True with keys, and with a shape but no values: a sparse tensor of zeros only."""
        return len(self.keys) > 0 or (len(self.values) == 0 and len(self.shape) > 0)


def read(payload: memoryview, schema: Schema | None) -> FlatRows:
    """Read one record. Raises MalformedRecord, also for a record that differs from the `schema` of the rows before it."""
    maps = _maps(payload)
    if not maps[FEATURES]:
        raise MalformedRecord("no features, expected one tensor under the key 'values'")
    features = _tensor(_only_value(maps[FEATURES], "features"), "features")
    label = _tensor(_only_value(maps[LABEL], "label"), "label") if maps[LABEL] else None
    row = _row(features, label)
    if schema is not None:
        _agree(row, schema)
    return row


def tensors(payload: memoryview) -> tuple[dict[str, RecordTensor], dict[str, RecordTensor]]:
    """Return the tensors of one record by name: those of its features, and those of its label. Raises MalformedRecord."""
    maps = _maps(payload)
    features, label = (
        {key.decode(errors="replace"): _tensor(value, what) for key, value in maps[number].items()}
        for number, what in ((FEATURES, "features"), (LABEL, "label"))
    )
    return features, label


def _maps(payload: memoryview) -> dict[int, dict[bytes, memoryview]]:
    """The entries of both maps: key → bytes of a Value message."""
    maps: dict[int, dict[bytes, memoryview]] = {FEATURES: {}, LABEL: {}}
    for number, content in _fields(payload):
        if number in maps:
            key, value = _entry(_message(number, content))
            maps[number][key] = value
    return maps


def _row(features: RecordTensor, label: RecordTensor | None) -> FlatRows:
    if label is not None and label.sparse:
        raise MalformedRecord("the label is sparse, expected a dense one")
    labels_nl = None if label is None or not len(label.values) else label.values[None]
    counts_n = np.array([len(features.values)])
    if not features.sparse:
        _check_dense(features)
        return FlatRows(counts_n, features.values, None, len(features.values), labels_nl)
    width = _sparse_width(features)
    return FlatRows(counts_n, features.values, features.keys.astype(np.int64), width, labels_nl)


def _check_dense(features: RecordTensor) -> None:
    if not len(features.values):
        raise MalformedRecord("the features have no values")
    if features.shape and _size(features.shape) != len(features.values):
        raise MalformedRecord(
            f"{len(features.values)} values, expected {_size(features.shape)} (shape {features.shape})"
        )


def _sparse_width(features: RecordTensor) -> int:
    keys, values = len(features.keys), len(features.values)
    if keys != values:
        raise MalformedRecord(
            f"{keys} keys and {values} values in a sparse tensor, expected as many of one as of the other"
        )
    if not features.shape:
        raise MalformedRecord("a sparse tensor (it has keys) without shape, expected shape [columns]")
    width = _size(features.shape)
    if not 0 < width < 1 << 63:
        raise MalformedRecord(f"shape {features.shape} of a sparse tensor, expected [columns], from 1 to 2^63 - 1")
    if keys and int(features.keys.max()) >= width:
        raise MalformedRecord(
            f"key {features.keys.max()} is out of range, expected 0 to {width - 1} (shape {features.shape})"
        )
    return width


def _agree(row: FlatRows, schema: Schema) -> None:
    given = Schema.from_row(row)
    if given.width != schema.width:
        raise MalformedRecord(f"{given.width} columns, expected {schema.width} as in the rows before")
    if given.label_width != schema.label_width:
        names = {0: "no label", 1: "a label"}
        got, expected = (names.get(n, f"a label of {n} values") for n in (given.label_width, schema.label_width))
        raise MalformedRecord(f"{got}, expected {expected} as in the rows before")


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _only_value(entries: dict[bytes, memoryview], what: str) -> memoryview:
    if set(entries) != {MAP_KEY}:
        got = ", ".join(repr(key.decode(errors="replace")) for key in entries)
        raise MalformedRecord(f"{what} under {got}, expected the one key 'values'")
    return entries[MAP_KEY]


def _entry(message: memoryview) -> tuple[bytes, memoryview]:
    key, value = b"", memoryview(b"")
    for number, content in _fields(message):
        if number == KEY:
            key = bytes(_message(number, content))
        elif number == VALUE:
            value = _message(number, content)
    return key, value


def _tensor(value: memoryview, what: str) -> RecordTensor:
    """Read the tensor of a Value. Of several kinds the last counts; several of one kind are joined."""
    kind, body = None, b""
    for number, content in _fields(value):
        if number in (FLOAT32, FLOAT64, INT32, BYTES):
            body = bytes(_message(number, content)) if number != kind else body + bytes(_message(number, content))
            kind = number
    if kind is None:
        raise MalformedRecord(f"the {what} hold no tensor" if what == "features" else f"the {what} holds no tensor")
    if kind == BYTES:
        raise MalformedRecord(f"{what} of kind bytes (an image?), expected a float32, float64 or int32 tensor")
    numbers: dict[int, list[NDArray]] = {VALUES: [], KEYS: [], SHAPE: []}
    for number, content in _fields(memoryview(body)):
        if number in numbers:
            dtype = FLOATS.get(kind) if number == VALUES else None
            numbers[number].append(_integers(content) if dtype is None else _floats(content, dtype))
    values = np.concatenate([np.empty(0, FLOATS.get(kind, np.uint64)), *numbers[VALUES]])
    keys, shape = (np.concatenate([np.empty(0, np.uint64), *numbers[n]]) for n in (KEYS, SHAPE))
    return RecordTensor(as_int32(values) if kind == INT32 else values, keys, tuple(shape.tolist()))


def as_int32(varints: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return the low halves. Protocol buffers write a negative int32 as the varint of its 64-bit complement."""
    return varints.astype(np.uint32).view(np.int32)


def _floats(content: Content, dtype: np.dtype) -> NDArray:
    """Read packed floats, or one that is not packed."""
    if isinstance(content, int):
        raise MalformedRecord(f"a varint where {dtype.itemsize}-byte floats are expected")
    if len(content) % dtype.itemsize:
        raise MalformedRecord(f"{len(content)} bytes of values, expected a multiple of {dtype.itemsize}")
    return np.frombuffer(content, dtype)


def _integers(content: Content) -> NDArray[np.uint64]:
    """Read packed varints, or one that is not packed."""
    if isinstance(content, int):
        return np.array([content], np.uint64)
    numbers = []
    at = 0
    while at < len(content):
        number, at = _varint(content, at)
        numbers.append(number)
    return np.array(numbers, np.uint64)


def _message(number: int, content: Content) -> memoryview:
    if isinstance(content, int):
        raise MalformedRecord(f"field {number} is a number, expected a message")
    return content


def _fields(message: memoryview) -> Iterator[tuple[int, Content]]:
    """Yield number and content of each field: a varint as int, anything else as bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if not number:
            raise MalformedRecord("a field with number 0, which a Record message cannot have")
        if wire_type == VARINT:
            content, at = _varint(message, at)
            yield number, content
            continue
        if wire_type == LENGTH:
            length, at = _varint(message, at)
        elif wire_type in (FIXED32, FIXED64):
            length = 4 if wire_type == FIXED32 else 8
        else:
            raise MalformedRecord(f"wire type {wire_type} in field {number}, which a Record message cannot have")
        if at + length > len(message):
            raise MalformedRecord(f"field {number} is cut short: {len(message) - at} bytes, expected {length}")
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read the number at a position, modulo 2^64. Return it with the position after it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise MalformedRecord("a number is cut short, so this is not a Record message")
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & (1 << 64) - 1, at
    raise MalformedRecord("a number of more than ten bytes, so this is not a Record message")
