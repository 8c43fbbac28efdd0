"""The sizes of what is written, its edges, and messages of many lengths together; the SDK's own writers judge the bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.containers.codecs.records import bulk_writer, message, recordio
from wildsage.containers.codecs.records.message import FEATURES


def varint(number: int) -> bytes:
    """As protocol buffers write it: seven bits a byte, the lowest first."""
    head = bytes([number & 0x7F | (0x80 if number > 0x7F else 0)])
    return head + varint(number >> 7) if number > 0x7F else head


EDGES = sorted({max(0, (1 << bits) + off) for bits in range(0, 63, 7) for off in (-1, 0, 1)})


@given(st.lists(st.sampled_from(EDGES) | st.integers(0, (1 << 63) - 1), max_size=12))
def test_varints_have_seven_bits_a_byte(numbers):
    written = [varint(number) for number in numbers]
    array = np.array(numbers, np.int64)
    assert bulk_writer.varint_sizes(array).tolist() == list(map(len, written))
    assert bulk_writer.varint_bytes(array).tobytes() == b"".join(written)


def test_negative_numbers_take_ten_bytes():
    assert bulk_writer.varint_sizes(np.array([-1, -(1 << 31), 1])).tolist() == [10, 10, 1]
    assert bulk_writer.varint_bytes(np.array([-1])).tobytes() == varint((1 << 64) - 1)


def rows_of(framed: bytes) -> list[tuple[list, list | None, int]]:
    rows = [message.read(memoryview(payload), None) for payload in recordio.payloads([bytes(framed)])]
    return [(r.values_z.tolist(), None if r.keys_z is None else r.keys_z.tolist(), r.width) for r in rows]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_sparse_rows_of_any_lengths_stand_side_by_side(dtype):
    counts = np.array([2, 0, 1, 130])
    values = np.arange(counts.sum()).astype(dtype) - 1
    keys = np.arange(counts.sum()) * 7
    tensor = bulk_writer.sparse_tensor(counts, values, keys, 1000)
    stops = np.cumsum(counts)
    assert rows_of(bulk_writer.frames([bulk_writer.entry(FEATURES, "values", tensor)])) == [
        (values[stop - count : stop].tolist(), keys[stop - count : stop].tolist(), 1000)
        for stop, count in zip(stops, counts, strict=True)
    ]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers_up_to_both_ends_of_int32_are_written(dtype):
    ends = np.array([[-(1 << 31), (1 << 31) - 1]], dtype)
    framed = bulk_writer.frames([bulk_writer.entry(FEATURES, "values", bulk_writer.dense_tensor(ends))])
    assert rows_of(framed) == [(ends[0].tolist(), None, 2)]


@pytest.mark.parametrize("number", [1 << 31, -(1 << 31) - 1])
def test_integers_beyond_int32_are_rejected(number):
    with pytest.raises(ValueError, match="beyond 32 bits"):
        bulk_writer.dense_tensor(np.array([[0, number]]))


def test_a_row_is_as_long_as_a_record_may_be(monkeypatch):
    rows = bulk_writer.entry(FEATURES, "values", bulk_writer.dense_tensor(np.ones((2, 3), np.float32)))
    size = int(rows.sizes_n[0])
    monkeypatch.setattr(bulk_writer, "MAX_PAYLOAD_BYTES", size)
    assert len(rows_of(bulk_writer.frames([rows]))) == 2
    monkeypatch.setattr(bulk_writer, "MAX_PAYLOAD_BYTES", size - 1)
    with pytest.raises(ValueError, match=f"A row takes {size} bytes, a RecordIO record holds at most {size - 1}"):
        bulk_writer.frames([rows])


def test_a_row_of_zeros_alone_has_no_values():
    tensor = bulk_writer.sparse_tensor(np.array([0, 0]), np.empty(0, np.int64), np.empty(0, np.int64), 5)
    assert rows_of(bulk_writer.frames([bulk_writer.entry(FEATURES, "values", tensor)])) == [([], [], 5)] * 2


@pytest.mark.parametrize("dtype", [np.float16, np.uint32, np.int8, bool, complex])
def test_other_numbers_are_rejected(dtype):
    with pytest.raises(
        TypeError, match=f"^Values of dtype {np.dtype(dtype)}, expected float32, float64, int32 or int64"
    ):
        bulk_writer.dense_tensor(np.ones((1, 1), dtype))
