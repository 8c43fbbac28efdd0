"""Single messages, in every way that protocol buffers allow, and what is wrong with others."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from wildsage.containers.codecs.records import message
from wildsage.containers.codecs.records.message import MalformedRecord, Schema, as_int32

FLOAT32, FLOAT64, INT32, BYTES = 2, 3, 7, 9


def varint(number: int) -> bytes:
    head = bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
    return head + varint(number >> 7) if number > 0x7F else head


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def entry(number: int, tensor: bytes, kind: int = FLOAT32, key: bytes = b"values") -> bytes:
    """A tensor in the map `number`, 1 for features and 2 for the label."""
    return field(number, field(1, key) + field(2, field(kind, tensor)))


def features(*numbers: float) -> bytes:
    return entry(1, field(1, floats(*numbers)))


def sparse(keys: list[int], shape: list[int], values: bytes | None = None) -> bytes:
    """A tensor with keys, and by default as many values, 1, 2, …"""
    values = floats(*range(1, len(keys) + 1)) if values is None else values
    packed = [b"".join(map(varint, numbers)) for numbers in (keys, shape)]
    return (field(1, values) if values else b"") + b"".join(
        field(number, content) for number, content in zip((2, 3), packed, strict=True) if content
    )


def read(content: bytes, schema: Schema | None = None):
    return message.read(memoryview(content), schema)


def test_a_dense_row_with_a_label():
    row = read(features(1.5, 2) + entry(2, field(1, floats(7))))
    assert (row.values_z.tolist(), row.keys_z, row.width, row.labels_nl.tolist()) == ([1.5, 2], None, 2, [[7]])
    assert row.counts_n.tolist() == [2] and read(features(1)).labels_nl is None


def test_a_label_without_values_is_no_label():
    assert read(features(1) + entry(2, b"")).labels_nl is None


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (FLOAT32, floats(0.1), np.float32([0.1])),
        (FLOAT64, struct.pack("<d", 0.1), np.float64([0.1])),
        (INT32, varint(5) + varint((1 << 64) - 3) + varint((1 << 31) - 1), np.int32([5, -3, 2147483647])),
    ],
)
def test_numbers_have_the_type_of_their_tensor(kind, values, expected):
    row = read(entry(1, field(1, values), kind))
    assert row.values_z.dtype == expected.dtype and row.values_z.tolist() == expected.tolist()


def test_the_low_half_of_a_varint_is_an_int32():
    assert as_int32(np.array([0, 1 << 31, (1 << 64) - 1, 1 << 32], np.uint64)).tolist() == [0, -(1 << 31), -1, 0]


def test_numbers_may_be_packed_or_not_and_in_several_pieces():
    tensor = field(1, floats(1)) + b"\x0d" + floats(2) + field(1, floats(3, 4))
    keys = field(2, b"\x00\x01") + bytes([2 << 3, 5, 2 << 3, 6])
    row = read(entry(1, tensor + keys + bytes([3 << 3, 9])))
    assert (row.values_z.tolist(), row.keys_z.tolist(), row.width) == ([1, 2, 3, 4], [0, 1, 5, 6], 9)


def test_of_tensors_of_several_kinds_the_last_counts_and_those_of_one_kind_are_joined():
    one, two = field(FLOAT32, field(1, floats(1))), field(FLOAT32, field(1, floats(2)))
    double = field(FLOAT64, field(1, struct.pack("<d", 3)))
    assert read(field(1, field(1, b"values") + field(2, one + two))).values_z.tolist() == [1, 2]
    assert read(field(1, field(1, b"values") + field(2, one + double))).values_z.tolist() == [3]
    assert read(field(1, field(1, b"values") + field(2, double + two))).values_z.tolist() == [2]


def test_of_entries_with_one_key_the_last_counts():
    assert read(features(1, 2) + features(3)).values_z.tolist() == [3]


def test_unknown_fields_of_every_type_are_passed_over():
    unknown = bytes([13 << 3, 200, 1]) + bytes([13 << 3 | 1]) + bytes(8) + bytes([13 << 3 | 5]) + bytes(4)
    unknown += field(3000, b"later")
    inner = field(1, b"values") + unknown + field(2, unknown + field(FLOAT32, unknown + field(1, floats(1)) + unknown))
    row = read(unknown + field(1, inner) + unknown)
    assert row.values_z.tolist() == [1]


@pytest.mark.parametrize(
    ("tensor", "values", "keys", "width"),
    [
        (sparse([0, 3], [4]), [1, 2], [0, 3], 4),
        (sparse([3, 3], [4]), [1, 2], [3, 3], 4),
        (sparse([], [4]), [], [], 4),
        (sparse([5], [2, 3]), [1], [5], 6),
        (sparse([(1 << 63) - 2], [(1 << 63) - 1]), [1], [(1 << 63) - 2], (1 << 63) - 1),
    ],
)
def test_a_tensor_with_keys_or_with_a_shape_alone_is_sparse(tensor, values, keys, width):
    row = read(entry(1, tensor))
    assert (row.values_z.tolist(), row.keys_z.tolist(), row.width) == (values, keys, width)
    assert row.counts_n.tolist() == [len(values)]


def test_a_dense_tensor_may_have_its_shape():
    row = read(entry(1, sparse([], [2, 2], floats(1, 2, 3, 4))))
    assert row.keys_z is None and row.width == 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no features, expected one tensor under the key 'values'"),
        (entry(2, field(1, floats(1))), "no features, expected one tensor"),
        (entry(1, b""), "the features have no values"),
        (entry(1, field(1, floats(1)), key=b"user"), "features under 'user', expected the one key 'values'"),
        (
            features(1) + entry(1, field(1, floats(1)), key=b"\xff"),
            "features under 'values', '\ufffd', expected the one key 'values'",
        ),
        (features(1) + entry(2, field(1, floats(1)), key=b"x"), "label under 'x', expected the one key 'values'"),
        (field(1, field(1, b"values")), "the features hold no tensor"),
        (features(1) + field(2, field(1, b"values")), "the label holds no tensor"),
        (entry(1, b"jpeg", BYTES), "features of kind bytes (an image?), expected a float32, float64 or int32 tensor"),
        (features(1) + entry(2, sparse([0], [1])), "the label is sparse, expected a dense one"),
        (entry(1, sparse([], [3], floats(1, 2))), "2 values, expected 3 (shape (3,))"),
        (entry(1, sparse([0, 1], [2], floats(1))), "2 keys and 1 values in a sparse tensor, expected as many of one"),
        (entry(1, sparse([0], [])), "a sparse tensor (it has keys) without shape, expected shape [columns]"),
        (entry(1, sparse([0], [0])), "shape (0,) of a sparse tensor, expected [columns], from 1 to 2^63 - 1"),
        (entry(1, sparse([], [1 << 63])), "of a sparse tensor, expected [columns], from 1 to 2^63 - 1"),
        (entry(1, sparse([0, 4], [4])), "key 4 is out of range, expected 0 to 3 (shape (4,))"),
        (entry(1, field(1, b"12345")), "5 bytes of values, expected a multiple of 4"),
        (entry(1, field(1, b"1234"), FLOAT64), "4 bytes of values, expected a multiple of 8"),
        (entry(1, bytes([1 << 3, 7])), "a varint where 4-byte floats are expected"),
        (bytes([1 << 3, 7]), "field 1 is a number, expected a message"),
        (field(1, bytes([1 << 3, 7])), "field 1 is a number, expected a message"),
        (field(1, field(1, b"values") + bytes([2 << 3, 7])), "field 2 is a number, expected a message"),
        (bytes([0, 7]), "a field with number 0, which a Record message cannot have"),
        (bytes([9 << 3 | 3]), "wire type 3 in field 9, which a Record message cannot have"),
        (bytes([9 << 3 | 5]) + bytes(3), "field 9 is cut short: 3 bytes, expected 4"),
        (bytes([9 << 3 | 1]) + bytes(7), "field 9 is cut short: 7 bytes, expected 8"),
        (bytes([9 << 3 | 2, 1]), "field 9 is cut short: 0 bytes, expected 1"),
        (bytes([9 << 3, 0x80]), "a number is cut short, so this is not a Record message"),
        (bytes([9 << 3]), "a number is cut short, so this is not a Record message"),
        (bytes([9 << 3]) + b"\x80" * 10 + b"\x01", "a number of more than ten bytes, so this is not a Record message"),
    ],
)
def test_a_message_that_is_not_a_row_says_why(content, problem):
    with pytest.raises(MalformedRecord) as caught:
        read(content)
    assert problem in str(caught.value)


def test_numbers_of_ten_bytes_are_read_modulo_two_to_the_64():
    assert read(features(1) + bytes([9 << 3]) + b"\xff" * 9 + b"\x7f").width == 1
    with_key = entry(1, field(1, floats(1)) + bytes([2 << 3]) + b"\x83" + b"\x80" * 8 + b"\x02" + field(3, b"\x04"))
    assert read(with_key).keys_z.tolist() == [3]


@pytest.mark.parametrize(
    ("label", "schema", "problem"),
    [
        (0, Schema(2, 0), None),
        (1, Schema(2, 1), None),
        (3, Schema(2, 3), None),
        (1, Schema(3, 1), "2 columns, expected 3 as in the rows before"),
        (0, Schema(2, 1), "no label, expected a label as in the rows before"),
        (1, Schema(2, 0), "a label, expected no label as in the rows before"),
        (2, Schema(2, 3), "a label of 2 values, expected a label of 3 values as in the rows before"),
    ],
)
def test_a_row_agrees_with_those_before_it(label, schema, problem):
    content = features(1, 2) + (entry(2, field(1, floats(*range(label)))) if label else b"")
    if problem is None:
        assert Schema.from_row(read(content, schema)) == schema
    else:
        with pytest.raises(MalformedRecord, match=f"^{problem}$"):
            read(content, schema)


def test_the_tensors_of_a_record_by_name():
    content = entry(2, field(1, floats(4)), key=b"closest") + entry(2, sparse([1], [3]), key=b"distances")
    found, label = message.tensors(memoryview(content + features(9)))
    assert found["values"].values.tolist() == [9] and not found["values"].sparse
    assert label["closest"].values.tolist() == [4] and list(label) == ["closest", "distances"]
    assert label["distances"].sparse and label["distances"].keys.tolist() == [1] and label["distances"].shape == (3,)
    with pytest.raises(MalformedRecord, match="the label holds no tensor"):
        message.tensors(memoryview(field(2, field(1, b"x"))))
    with pytest.raises(MalformedRecord, match="the features hold no tensor"):
        message.tensors(memoryview(field(1, field(1, b"x"))))
