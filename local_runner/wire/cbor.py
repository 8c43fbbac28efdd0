"""The part of CBOR (RFC 8949) that Smithy's RPC protocol uses: integers, floats, text, bytes, lists, maps, times."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any

FALSE, TRUE, NULL, FLOAT64, BREAK = 0xF4, 0xF5, 0xF6, 0xFB, 0xFF
EPOCH_TIME_TAG = 1
FLOATS = {25: ">e", 26: ">f", 27: ">d"}
SIMPLE = {20: False, 21: True, 22: None, 23: None}


def encode(value: Any) -> bytes:
    """Encode a value. Datetimes become tagged seconds since 1970. Raises TypeError for values of other types."""
    if value is None or value is True or value is False:
        return bytes([{None: NULL, True: TRUE, False: FALSE}[value]])
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return bytes([FLOAT64]) + struct.pack(">d", value)
    if isinstance(value, datetime):
        return _head(6, EPOCH_TIME_TAG) + encode(value.timestamp())
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        return _head(5, len(value)) + b"".join(encode(key) + encode(member) for key, member in value.items())
    raise TypeError(f"CBOR: got {type(value).__name__}, expected text, bytes, a number, a time, a list or a map.")


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([major << 5 | 24 + size.bit_length() - 1]) + number.to_bytes(size, "big")


def decode(body: bytes) -> Any:
    """Decode a whole body. Tagged times become seconds since 1970. Raises ValueError for a malformed body."""
    try:
        value, end = _decode(body, 0)
    except (IndexError, struct.error, TypeError, RecursionError) as error:
        raise ValueError(f"The CBOR body is incomplete or malformed ({error}).") from None
    if end != len(body):
        raise ValueError(f"The CBOR body has {len(body) - end} bytes after its value.")
    return value


def _decode(body: bytes, at: int) -> tuple[Any, int]:
    major, info = body[at] >> 5, body[at] & 31
    if major == 7:
        return _simple(body, at + 1, info)
    if info == 31:
        return _indefinite(body, at + 1, major)
    number, at = _number(body, at + 1, info)
    if major in (0, 1):
        return (number if major == 0 else -1 - number), at
    if major in (2, 3):
        piece = _exactly(body, at, number)
        return (piece if major == 2 else piece.decode()), at + number
    if major == 4:
        return _items(body, at, number)
    if major == 5:
        flat, at = _items(body, at, 2 * number)
        return dict(zip(flat[::2], flat[1::2], strict=True)), at
    return _decode(body, at)


def _number(body: bytes, at: int, info: int) -> tuple[int, int]:
    if info < 24:
        return info, at
    if info > 27:
        raise ValueError(f"CBOR: reserved length {info}.")
    size = 1 << info - 24
    return int.from_bytes(_exactly(body, at, size), "big"), at + size


def _exactly(body: bytes, at: int, size: int) -> bytes:
    piece = body[at : at + size]
    if len(piece) != size:
        raise IndexError(f"expected {size} bytes at {at}, got {len(piece)}")
    return piece


def _items(body: bytes, at: int, count: int) -> tuple[list[Any], int]:
    found = []
    for _ in range(count):
        value, at = _decode(body, at)
        found.append(value)
    return found, at


def _indefinite(body: bytes, at: int, major: int) -> tuple[Any, int]:
    found = []
    while body[at] != BREAK:
        value, at = _decode(body, at)
        found.append(value)
    if major == 5:
        return dict(zip(found[::2], found[1::2], strict=True)), at + 1
    joined: dict[int, Callable[[list], Any]] = {2: b"".join, 3: "".join, 4: list}
    if major not in joined:
        raise ValueError(f"CBOR: type {major} cannot have an indefinite length.")
    return joined[major](found), at + 1


def _simple(body: bytes, at: int, info: int) -> tuple[Any, int]:
    if info in SIMPLE:
        return SIMPLE[info], at
    if info not in FLOATS:
        raise ValueError(f"CBOR: unknown simple value {info}.")
    size = struct.calcsize(FLOATS[info])
    return struct.unpack(FLOATS[info], _exactly(body, at, size))[0], at + size
