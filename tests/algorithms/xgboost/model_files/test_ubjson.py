"""UBJSON as bytes of its specification, and back."""

import struct

import numpy as np
import pytest

from wildsage.algorithms.xgboost.model_files import ubjson

DOCUMENT = {
    "text": "é",
    "whole": -3,
    "real": 0.5,
    "list": [1, "a", [2.5], {}],
    "tuple": (1, 2),
    "floats": np.array([1.5, -2], np.float32),
    "doubles": np.array([0.1]),
    "ints": np.array([-1, 2**31 - 1], np.int32),
    "longs": np.array([2**40], np.int64),
    "bytes": np.array([0, 255], np.uint8),
    "none": np.array([], np.int32),
}


def test_what_is_written_is_read():
    found = ubjson.read(ubjson.write(DOCUMENT))
    assert list(found) == list(DOCUMENT)
    for name, value in DOCUMENT.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[name], value)
            assert found[name].dtype.newbyteorder("=") == value.dtype
        else:
            assert found[name] == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("ab", b"SL\0\0\0\0\0\0\0\x02ab"),
        (1, b"L\0\0\0\0\0\0\0\x01"),
        (-0.5, b"d\xbf\0\0\0"),
        ({"a": 1}, b"{L\0\0\0\0\0\0\0\x01aL\0\0\0\0\0\0\0\x01}"),
        ([1, ""], b"[#L\0\0\0\0\0\0\0\x02L\0\0\0\0\0\0\0\x01SL\0\0\0\0\0\0\0\0"),
        (np.array([1, 256], np.int32), b"[$l#L\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\x01\0"),
    ],
)
def test_bytes_are_those_of_the_specification(value, content):
    assert ubjson.write(value) == content


def test_other_values_have_no_place():
    for value in (None, object(), {"a": None}):
        with pytest.raises(TypeError, match="has no place in a model"):
            ubjson.write(value)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"i\xff", -1), (b"U\xff", 255), (b"I\xff\xfe", -2), (b"l\0\0\0\x07", 7), (b"L" + struct.pack(">q", -9), -9),
        (b"d" + struct.pack(">f", 0.25), 0.25), (b"D" + struct.pack(">d", 0.1), 0.1), (b"T", True), (b"F", False), (b"Z", None),
        (b"[]", []), (b"[i\x01i\x02]", [1, 2]), (b"[#i\x02TF", [True, False]), (b"[#U\0", []), (b"SU\x02ab", "ab"), (b"{}", {}),
        (b"{i\x01aT}", {"a": True}), (b"[#I\0\x01Z", [None]),
    ],
)  # fmt: skip
def test_every_marker_that_xgboost_writes_is_read(content, value):
    found = ubjson.read(content)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "byte 0 is b'', expected the marker of a value"),
        (b"C", "byte 0 is b'C', expected the marker of a value"),
        (b"TT", "1 bytes follow its end"),
        (b"l\0\0\0", "it ends in the middle of a number"),
        (b"SU\x03ab", "a length is 3, and 2 bytes follow it"),
        (b"Si\xffab", "a length is -1, and 2 bytes follow it"),
        (b"Sd\0\0\0\0", "byte 1 is b'd', expected the marker of a length"),
        (b"SD" + bytes(8), "byte 1 is b'D', expected the marker of a length"),
        (b"{", "byte 1 is b'', expected the marker of a length"),
        (b"[", "byte 1 is b'', expected the marker of a value"),
        (b"[#i\x02T", "a length is 2, and 1 bytes follow it"),
        (b"[$T#i\x01", "byte 2 is b'T', expected the type of an array and its length"),
        (b"[$li\x01\0\0\0\0", "byte 2 is b'l', expected the type of an array and its length"),
        (b"[$l#i\x02" + bytes(7), "an array has 2 members, and 7 bytes follow"),
    ],
)
def test_what_xgboost_does_not_write_is_rejected(content, problem):
    with pytest.raises(ValueError) as raised:
        ubjson.read(content)
    assert str(raised.value) == problem


def test_an_array_may_end_with_the_document():
    assert ubjson.read(b"[$l#i\x02" + struct.pack(">2i", 3, 4)).tolist() == [3, 4]
    assert ubjson.read(b"{U\x01a[$U#U\x02\x05\x06}")["a"].tolist() == [5, 6]


@pytest.mark.parametrize(("depth", "valid"), [(64, True), (65, False)])
def test_a_document_may_be_nested_64_times(depth, valid):
    content = b"[" * depth + b"T" + b"]" * depth
    if valid:
        ubjson.read(content)
    else:
        with pytest.raises(ValueError, match="it is nested deeper than 64"):
            ubjson.read(content)
    objects = b"{U\x01a" * depth + b"T" + b"}" * depth
    if valid:
        ubjson.read(objects)
    else:
        with pytest.raises(ValueError, match="it is nested deeper than 64"):
            ubjson.read(objects)


def test_all_arrays_below_a_key_are_found_in_their_order():
    two = [{"w": np.array([1.5, 2], np.float32), "other": np.array([9], np.int32)}, {"w": np.array([3], np.int64)}]
    found = [array.tolist() for array in ubjson.arrays_under(ubjson.write(two), "w")]
    assert found == [[1.5, 2], [3]]
    assert list(ubjson.arrays_under(ubjson.write({"w": 1}), "w")) == []
