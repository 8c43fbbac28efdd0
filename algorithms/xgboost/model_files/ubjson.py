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
