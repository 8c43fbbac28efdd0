"""Many messages at once: all of one layout are read, and nothing else than what the reader of single messages reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.containers.codecs.records import bulk_reader, message
from wildsage.containers.codecs.records.message import MalformedRecord, Schema
from wildsage.containers.codecs.records.recordio import SPARE_BYTES
from wildsage.containers.codecs.rows import FlatRows

FLOAT32, FLOAT64, INT32 = 2, 3, 7
BEFORE = b"\xffbefore"  # messages do not begin where the buffer does


def varint(number: int) -> bytes:
    head = bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
    return head + varint(number >> 7) if number > 0x7F else head


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def packed(numbers: list[int], kind: int) -> bytes:
    if kind == INT32:
        return b"".join(varint(number % (1 << 64)) for number in numbers)
    return np.array(numbers, "<f4" if kind == FLOAT32 else "<f8").tobytes()


def tensor(kind: int, values: list[int], keys: list[int] | None = None, shape: int | None = None) -> bytes:
    content = field(1, packed(values, kind)) if values else b""
    content += field(2, packed(keys, INT32)) if keys else b""
    content += field(3, varint(shape)) if shape is not None else b""
    return field(1, b"values") + field(2, field(kind, content))


def row(values: list[int], kind: int = FLOAT32, keys=None, shape=None, label=None, label_kind: int = FLOAT32) -> bytes:
    features = field(1, tensor(kind, values, keys, shape))
    return features + (field(2, tensor(label_kind, label)) if label is not None else b"")


def read(messages: list[bytes], schema: Schema) -> tuple[list[int], FlatRows | None]:
    stops = np.cumsum([len(BEFORE), *map(len, messages)])
    content = np.frombuffer(BEFORE + b"".join(messages) + bytes(SPARE_BYTES), np.uint8)
    found, rows = bulk_reader.read(content, stops[:-1], stops[1:], schema)
    return found.tolist(), rows


def one_by_one(messages: list[bytes], schema: Schema) -> dict[int, tuple]:
    """What is in the rows that the reader of single messages accepts, by their numbers."""
    found = {}
    for number, content in enumerate(messages):
        try:
            found[number] = plain(message.read(memoryview(content), schema))[0]
        except MalformedRecord:
            continue
    return found


def plain(rows: FlatRows) -> list[tuple]:
    """Each row as its type, its values and columns, and its label."""
    stops = np.cumsum(rows.counts_n)
    keys, values = rows.sparse_keys(), rows.values_z
    labels = [None] * len(rows) if rows.labels_nl is None else rows.labels_nl.tolist()
    return [
        (values.dtype, values[stop - count : stop].tobytes(), keys[stop - count : stop].tolist(), label)
        for stop, count, label in zip(stops, rows.counts_n, labels, strict=True)
    ]


LAYOUTS = {
    "float32": ([row([1, 2]), row([3, -4])], Schema(2, 0)),
    "float64": ([row([1, 2], FLOAT64), row([3, -4], FLOAT64)], Schema(2, 0)),
    "int32": ([row([1, 200], INT32), row([-3, 1 << 30], INT32)], Schema(2, 0)),
    "labelled": ([row([1, 2], label=[7]), row([3, 4], label=[8])], Schema(2, 1)),
    "several labels": ([row([1], label=[7, 8, 9]), row([3], label=[1, 2, 3])], Schema(1, 3)),
    "int32 labels": ([row([1], label=[7], label_kind=INT32), row([3], label=[-300], label_kind=INT32)], Schema(1, 1)),
    "float64 labels": ([row([1], label=[7], label_kind=FLOAT64)] * 2, Schema(1, 1)),
    "sparse": ([row([1, 2], keys=[0, 299], shape=300), row([3], keys=[5], shape=300)], Schema(300, 0)),
    "sparse of one length": ([row([1], keys=[0], shape=2), row([3], keys=[1], shape=2)], Schema(2, 0)),
    "sparse doubles": ([row([1, 2], FLOAT64, [0, 9], 10), row([3], FLOAT64, [5], 10)], Schema(10, 0)),
    "sparse integers": ([row([1, 500], INT32, [0, 9], 10), row([3], INT32, [5], 10)], Schema(10, 0)),
    "sparse and labelled": ([row([1], keys=[0], shape=9, label=[1]), row([2, 3], keys=[1, 8], shape=9, label=[0])], Schema(9, 1)),
    "wide": ([row([1], keys=[(1 << 55) - 2], shape=(1 << 55) - 1), row([1], keys=[1 << 40], shape=(1 << 55) - 1)], Schema((1 << 55) - 1, 0)),
    "zeros alone": ([row([], shape=4), row([], shape=4)], Schema(4, 0)),
    "dense with its shape": ([row([1, 2], shape=2), row([3, 4], shape=2)], Schema(2, 0)),
    "long": ([row(list(range(5000))), row(list(range(5000, 10_000)))], Schema(5000, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_all_messages_of_a_common_layout_are_read(name):
    messages, schema = LAYOUTS[name]
    found, rows = read(messages, schema)
    assert found == list(range(len(messages))) and rows.width == schema.width
    assert dict(enumerate(plain(rows))) == one_by_one(messages, schema)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("other", LAYOUTS)
def test_messages_of_another_layout_are_left_out(name, other):
    (first, second), schema = LAYOUTS[name]
    stranger = LAYOUTS[other][0][0]
    if stranger == first:
        return
    messages = [first, stranger, second]
    found, rows = read(messages, schema)
    expected = one_by_one(messages, schema)
    assert rows is None or {0, 2} <= set(found)
    assert rows is None or dict(zip(found, plain(rows), strict=True)) == {n: expected[n] for n in found}


@pytest.mark.parametrize(
    ("messages", "schema"),
    [
        ([row([1, 2])] * 2, Schema(3, 0)),
        ([row([1, 2])] * 2, Schema(2, 1)),
        ([row([1, 2], label=[1])] * 2, Schema(2, 0)),
        ([row([1, 2], label=[1])] * 2, Schema(2, 2)),
        ([row([1, 2], label=[])] * 2, Schema(2, 1)),
        ([row([1], keys=[4], shape=4)] * 2, Schema(4, 0)),
        ([row([1], keys=[1], shape=5)] * 2, Schema(4, 0)),
        ([row([1], keys=[1])] * 2, Schema(4, 0)),
        ([row([1, 2], keys=[1], shape=4)] * 2, Schema(4, 0)),
        ([row([1], shape=3)] * 2, Schema(1, 0)),
        ([row([])] * 2, Schema(1, 0)),
        ([row([], keys=[1], shape=4)] * 2, Schema(4, 0)),
        ([b""] * 2, Schema(1, 0)),
        ([row([1], 9)] * 2, Schema(1, 0)),
    ],
)
def test_where_the_first_message_cannot_be_read_nothing_is(messages, schema):
    assert read(messages, schema) == ([], None)


def test_a_message_that_ends_early_or_late_is_left_out():
    whole = row([1, 2], label=[7])
    messages = [whole, whole + b"\x70\x01", whole[:-1], whole[:-4], row([1, 2]), whole]
    assert read(messages, Schema(2, 1))[0] == [0, 5]


@given(st.sampled_from(sorted(LAYOUTS)), st.data())
def test_damaged_messages_are_left_out_or_read_as_single_ones_are(name, data):
    (first, second), schema = LAYOUTS[name]
    damaged = bytearray(second)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, min(len(damaged), 60) - 1))] = data.draw(st.integers(0, 255))
    messages = [first, bytes(damaged), second]
    found, rows = read(messages, schema)
    expected = one_by_one(messages, schema)
    if rows is not None:
        assert {0, 2} <= set(found) and {n: expected.get(n) for n in found} == dict(
            zip(found, plain(rows), strict=True)
        )
