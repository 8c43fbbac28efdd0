"""Checksums of S3, computed chunk by chunk. Values are the big-endian digest in base64, as in S3's headers."""

from __future__ import annotations

import base64
import functools
import hashlib
import zlib
from collections.abc import Callable, Iterable
from typing import Protocol

try:
    from awscrt import checksums as crt
except ImportError:  # an optional package of boto3; without it local clients cannot compute the two checksums either
    crt = None


class Hash(Protocol):
    """The part of hashlib's interface that the store uses."""

    def update(self, data: bytes, /) -> None:
        """Add the next chunk."""

    def digest(self) -> bytes:
        """Bytes of the checksum of all chunks so far."""


class RunningCrc:
    """A CRC with the interface of hashlib. `step(data, previous)` continues a checksum of `width` bytes."""

    def __init__(self, step: Callable[[bytes, int], int], width: int) -> None:
        self._step, self._width, self._value = step, width, 0

    def update(self, data: bytes) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        """The CRC of all chunks so far, big-endian."""
        return self._value.to_bytes(self._width, "big")


ALGORITHMS: dict[str, Callable[[], Hash]] = {
    "CRC32": lambda: RunningCrc(zlib.crc32, 4),
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": hashlib.md5,
}
if crt is not None:
    ALGORITHMS["CRC32C"] = lambda: RunningCrc(crt.crc32c, 4)
    ALGORITHMS["CRC64NVME"] = lambda: RunningCrc(crt.crc64nvme, 8)

#: All names that a client may send. Values of those not in ALGORITHMS are stored and returned without a check.
NAMES = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")


@functools.cache
def header(algorithm: str) -> str:
    """Header of an algorithm: `x-amz-checksum-crc32` for `CRC32`."""
    return f"x-amz-checksum-{algorithm.lower()}"


def base64_text(digest: bytes) -> str:
    """A digest in base64, as S3's headers have it."""
    return base64.b64encode(digest).decode("ascii")


def composite(algorithm: str, part_values: Iterable[str]) -> str | None:
    """Checksum of the checksums of N parts, `value-N`; None if the algorithm cannot be computed here."""
    if algorithm not in ALGORITHMS:
        return None
    values = list(part_values)
    whole = ALGORITHMS[algorithm]()
    for value in values:
        whole.update(base64.b64decode(value))
    return f"{base64_text(whole.digest())}-{len(values)}"
