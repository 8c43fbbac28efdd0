"""CBOR: vectors of RFC 8949, appendix A, and botocore's own reader and writer as judges."""

import contextlib
import io
from datetime import UTC, datetime

import pytest
from botocore.parsers import RpcV2CBORParser
from hypothesis import given
from hypothesis import strategies as st

from wildsage.local_runner.wire import cbor

NUMBERS = st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
SIMPLE = NUMBERS | st.text() | st.binary()
VALUES = st.recursive(SIMPLE, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)

VECTORS = [
    ("00", 0),
    ("17", 23),
    ("1818", 24),
    ("18ff", 255),
    ("190100", 256),
    ("1903e8", 1000),
    ("19ffff", 65_535),
    ("1a00010000", 65_536),
    ("1a000f4240", 1_000_000),
    ("1affffffff", 2**32 - 1),
    ("1b0000000100000000", 2**32),
    ("1b000000e8d4a51000", 1_000_000_000_000),
    ("1bffffffffffffffff", 2**64 - 1),
    ("20", -1),
    ("29", -10),
    ("37", -24),
    ("3818", -25),
    ("3903e7", -1000),
    ("3bffffffffffffffff", -(2**64)),
    ("fb3ff199999999999a", 1.1),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("40", b""),
    ("60", ""),
    ("80", []),
    ("a0", {}),
    ("4401020304", b"\x01\x02\x03\x04"),
    ("62c3bc", "ü"),
    ("83010203", [1, 2, 3]),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
]
ONLY_READ = [
    ("f93e00", 1.5),
    ("fa47c35000", 100000.0),
    ("c11a514b67b0", 1363896240),
    ("f7", None),
    ("1817", 23),
    ("1b0000000000000001", 1),
    ("5fff", b""),
    ("9fff", []),
    ("bfff", {}),
    ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
    ("7f657374726561646d696e67ff", "streaming"),
    ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
    ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
]


@pytest.mark.parametrize(("hexadecimal", "value"), VECTORS)
def test_the_vectors_both_ways(hexadecimal, value):
    assert cbor.encode(value).hex() == hexadecimal
    assert cbor.decode(bytes.fromhex(hexadecimal)) == value


@pytest.mark.parametrize(("hexadecimal", "value"), ONLY_READ)
def test_forms_that_others_write(hexadecimal, value):
    assert cbor.decode(bytes.fromhex(hexadecimal)) == value


@pytest.mark.parametrize(
    ("hexadecimal", "text"),
    [
        ("", "incomplete or malformed"),
        ("18", "expected 1 bytes at 1, got 0"),
        ("1a000f42", "expected 4 bytes at 1, got 3"),
        ("430102", "expected 3 bytes at 1, got 2"),
        ("fb3ff199", "expected 8 bytes at 1, got 3"),
        ("8201", "incomplete or malformed"),
        ("9f01", "incomplete or malformed"),
        ("a18001", "incomplete or malformed"),
        ("81" * 100_000, "incomplete or malformed"),
        ("0000", "has 1 bytes after its value"),
        ("f6000000", "has 3 bytes after its value"),
        ("1c", "reserved length 28"),
        ("5e", "reserved length 30"),
        ("1fff", "type 0 cannot have an indefinite length"),
        ("dfff", "type 6 cannot have an indefinite length"),
        ("f8", "unknown simple value 24"),
        ("f0", "unknown simple value 16"),
        ("61ff", "utf-8"),
        ("bf00ff", "argument"),
    ],
)
def test_what_is_wrong_with_a_body_is_named(hexadecimal, text):
    with pytest.raises(ValueError, match=text):
        cbor.decode(bytes.fromhex(hexadecimal))


@pytest.mark.parametrize("value", [object(), (1, 2), {1}, {"a": [object()]}])
def test_values_of_other_types_are_not_written(value):
    with pytest.raises(TypeError, match="expected text, bytes, a number, a time, a list or a map"):
        cbor.encode(value)


@given(VALUES)
def test_what_is_written_can_be_read(value):
    assert cbor.decode(cbor.encode(value)) == value


@given(VALUES)
def test_botocore_reads_what_we_write(value):
    read = RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(cbor.encode(value))))
    assert read == value


def test_times_are_tagged_seconds():
    assert cbor.encode(datetime(2013, 3, 21, 20, 4, 0, 500_000, UTC)).hex() == "c1fb41d452d9ec200000"


@given(st.binary(max_size=40))
def test_garbage_is_a_value_or_a_value_error(body):
    with contextlib.suppress(ValueError):
        cbor.decode(body)
