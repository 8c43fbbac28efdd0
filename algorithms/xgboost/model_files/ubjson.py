"""UBJSON (ubjson.org, draft 12) as XGBoost writes its models: lengths are int64, arrays of one type are big-endian bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARKERS = {"float32": b"d", "float64": b"D", "int32": b"l", "int64": b"L", "uint8": b"U"}


def write(value: Any) -> bytes:
    """A document of mappings, sequences, texts, numbers (reals as float32) and NumPy arrays. Raises TypeError for anything else."""
    return b"".join(_parts(value))


def _parts(value: Any) -> Iterator[bytes]:
    match value:
        case Mapping():
            yield b"{"
            for key, each in value.items():
                yield _sized(key)
                yield from _parts(each)
            yield b"}"
        case np.ndarray():
            yield from _array(value)
        case str():
            yield b"S" + _sized(value)
        case int():
            yield b"L" + struct.pack(">q", value)
        case float():
            yield b"d" + struct.pack(">f", value)
        case list() | tuple():
            yield b"[#L" + struct.pack(">q", len(value))
            for each in value:
                yield from _parts(each)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a model")


def _array(values: NDArray) -> Iterator[bytes]:
    yield b"[$" + MARKERS[values.dtype.name] + b"#L" + struct.pack(">q", len(values))
    yield values.astype(values.dtype.newbyteorder(">")).tobytes()


def _sized(text: str) -> bytes:
    raw = text.encode()
    return b"L" + struct.pack(">q", len(raw)) + raw


def read(document: bytes) -> Any:
    """The inverse of `write`: mappings, lists, texts, numbers, and NumPy arrays where all members have one type.

    Raises ValueError for what XGBoost does not write, for sizes beyond the document's end, and for bytes after it.
    """
    value, end = _value(document, 0, 0)
    if end != len(document):
        raise ValueError(f"{len(document) - end} bytes follow its end")
    return value


MOST_DEPTH = 64
NUMBERS = {b"i": "b", b"U": "B", b"I": ">h", b"l": ">i", b"L": ">q", b"d": ">f", b"D": ">d"}
CONSTANTS = {b"T": True, b"F": False, b"Z": None}


def _value(document: bytes, at: int, depth: int) -> tuple[Any, int]:
    marker, at = document[at : at + 1], at + 1
    if depth > MOST_DEPTH:
        raise ValueError(f"it is nested deeper than {MOST_DEPTH}")
    if marker == b"{":
        return _object(document, at, depth)
    if marker == b"[":
        return _list(document, at, depth)
    if marker == b"S":
        return _text(document, at)
    if marker in NUMBERS:
        return _number(document, at, NUMBERS[marker])
    if marker in CONSTANTS:
        return CONSTANTS[marker], at
    raise ValueError(f"byte {at - 1} is {marker!r}, expected the marker of a value")


def _number(document: bytes, at: int, form: str) -> tuple[Any, int]:
    size = struct.calcsize(form)
    if at + size > len(document):
        raise ValueError("it ends in the middle of a number")
    return struct.unpack_from(form, document, at)[0], at + size


def _size(document: bytes, at: int) -> tuple[int, int]:
    """A length with its marker. Each thing it counts takes a byte or more."""
    marker = document[at : at + 1]
    if marker not in NUMBERS or marker in (b"d", b"D"):
        raise ValueError(f"byte {at} is {marker!r}, expected the marker of a length")
    size, at = _number(document, at + 1, NUMBERS[marker])
    if not 0 <= size <= len(document) - at:
        raise ValueError(f"a length is {size}, and {len(document) - at} bytes follow it")
    return size, at


def _text(document: bytes, at: int) -> tuple[str, int]:
    size, at = _size(document, at)
    return document[at : at + size].decode(), at + size


def _object(document: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while document[at : at + 1] != b"}":
        key, at = _text(document, at)
        found[key], at = _value(document, at, depth + 1)
    return found, at + 1


def _list(document: bytes, at: int, depth: int) -> tuple[Any, int]:
    if document[at : at + 1] == b"$":
        return _typed_array(document, at + 1)
    if document[at : at + 1] == b"#":
        count, at = _size(document, at + 1)
    else:
        count = None
    found: list[Any] = []
    while len(found) != count if count is not None else document[at : at + 1] != b"]":
        value, at = _value(document, at, depth + 1)
        found.append(value)
    return found, at + (count is None)


def _typed_array(document: bytes, at: int) -> tuple[NDArray, int]:
    marker = document[at : at + 1]
    if marker not in NUMBERS or document[at + 1 : at + 2] != b"#":
        raise ValueError(f"byte {at} is {marker!r}, expected the type of an array and its length")
    count, at = _size(document, at + 2)
    dtype = np.dtype(NUMBERS[marker])
    if count * dtype.itemsize > len(document) - at:
        raise ValueError(f"an array has {count} members, and {len(document) - at} bytes follow")
    return np.frombuffer(document, dtype, count, at), at + count * dtype.itemsize


def arrays_under(document: bytes, key: str) -> Iterator[NDArray]:
    """The arrays of one type that stand under a key, wherever it occurs, in the order of the document."""
    mark = _sized(key) + b"[$"
    types = {marker: np.dtype(name).newbyteorder(">") for name, marker in MARKERS.items()}
    at = document.find(mark)
    while at >= 0:
        at += len(mark)
        dtype = types[document[at : at + 1]]
        (count,) = struct.unpack_from(">q", document, at + len(b"d#L"))
        yield np.frombuffer(document, dtype, count, at + len(b"d#L") + 8)
        at = document.find(mark, at)
