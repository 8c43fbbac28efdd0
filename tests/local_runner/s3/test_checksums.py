"""Checksums beside published check values."""

from __future__ import annotations

import base64
import importlib.util
import sys
import zlib
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest

from wildsage.local_runner.s3 import checksums

#: Of the nine digits 123456789: the check values of the CRC catalogue and RFC 3174-style digests.
CHECK = {
    "CRC32": "cbf43926",
    "CRC32C": "e3069283",
    "CRC64NVME": "ae8b14860a799888",
    "SHA1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "MD5": "25f9e794323b453885f5181f1b624d0b",
}


@pytest.mark.parametrize("algorithm", CHECK)
@pytest.mark.parametrize("pieces", [[b"123456789"], [b"12", b"", b"3456789"]])
def test_check_values(algorithm, pieces):
    if algorithm not in checksums.ALGORITHMS:
        pytest.skip(f"{algorithm} needs awscrt, which is not installed")
    running = checksums.ALGORITHMS[algorithm]()
    for piece in pieces:
        running.update(piece)
    assert running.digest().hex() == CHECK[algorithm]


def test_a_composite_is_the_checksum_of_checksums():
    parts = [zlib.crc32(part).to_bytes(4, "big") for part in (b"a", b"b")]
    expected = base64.b64encode(zlib.crc32(b"".join(parts)).to_bytes(4, "big")).decode() + "-2"
    assert checksums.composite("CRC32", [base64.b64encode(part).decode() for part in parts]) == expected
    assert checksums.composite("XXHASH3", ["AAAA"]) is None


def test_a_checksum_before_the_first_byte_is_that_of_nothing():
    for name, start in checksums.ALGORITHMS.items():
        assert (
            len(start().digest())
            == {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32, "SHA512": 64, "MD5": 16}[name]
        )
    assert checksums.ALGORITHMS["CRC32"]().digest() == bytes(4)


def test_every_algorithm_that_can_be_computed_is_one_that_a_client_may_send():
    assert checksums.ALGORITHMS.keys() <= set(checksums.NAMES)
    assert checksums.header("CRC64NVME") == "x-amz-checksum-crc64nvme"
    assert checksums.base64_text(b"\x00\x01") == "AAE="


def test_a_composite_of_one_part_says_so():
    (part,) = [base64.b64encode(zlib.crc32(b"a").to_bytes(4, "big")).decode()]
    assert checksums.composite("CRC32", iter([part])).endswith("-1")


def bitwise(polynomial: int, width: int) -> Callable[[bytes, int], int]:
    """A reflected CRC, one bit at a time, with the interface of awscrt."""
    ones = (1 << 8 * width) - 1

    def step(data: bytes, previous: int = 0) -> int:
        value = previous ^ ones
        for byte in data:
            value ^= byte
            for _ in range(8):
                value = value >> 1 ^ polynomial * (value & 1)
        return value ^ ones

    return step


def with_awscrt(monkeypatch) -> ModuleType:
    """The module as it is where awscrt is installed: here with the two functions that it asks for."""
    functions = SimpleNamespace(crc32c=bitwise(0x82F63B78, 4), crc64nvme=bitwise(0x9A6C9329AC4BC9B5, 8))
    monkeypatch.setitem(sys.modules, "awscrt", SimpleNamespace(checksums=functions))
    spec = importlib.util.spec_from_file_location("with_awscrt", checksums.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("algorithm", ["CRC32C", "CRC64NVME"])
def test_awscrt_computes_two_more_checksums(monkeypatch, algorithm):
    running = with_awscrt(monkeypatch).ALGORITHMS[algorithm]()
    for piece in (b"12", b"3456789"):
        running.update(piece)
    assert running.digest().hex() == CHECK[algorithm]
