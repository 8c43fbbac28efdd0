"""The framing of RecordIO, however the bytes arrive."""

from __future__ import annotations

import itertools
import struct
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.records import recordio
from wildsage.containers.codecs.records.recordio import MAGIC_BYTES, frame, frame_split, payloads

# Payloads made of words, many of them the magic, and a tail that leaves the last word unfinished.
tricky = st.builds(
    lambda words, tail: b"".join(words) + tail,
    st.lists(st.sampled_from([MAGIC_BYTES, b"word", b"\x00\x00\x00\x00"]), max_size=6),
    st.binary(max_size=5),
)


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[i : i + size] for i in range(0, len(content), size)]


def test_frame_is_magic_length_payload_padding():
    assert frame(b"abcde") == bytes.fromhex("0a23d7ce 05000000 6162636465 000000")
    assert frame(b"") == bytes.fromhex("0a23d7ce 00000000")


def test_frame_split_drops_the_magic_at_a_split():
    assert frame_split(b"abcd" + MAGIC_BYTES + b"e") == b"".join(
        [
            struct.pack("<4sI", MAGIC_BYTES, 1 << 29 | 4),
            b"abcd",
            struct.pack("<4sI", MAGIC_BYTES, 3 << 29 | 1),
            b"e\0\0\0",
        ]
    )


def test_frame_split_equals_frame_where_no_magic_stands_aligned():
    payload = b"a" + MAGIC_BYTES + b"b" * 9
    assert frame_split(payload) == frame(payload)


@given(st.lists(tricky), st.sampled_from([1, 7, 10_000]))
def test_round_trip_however_written_and_cut(written, size):
    for write in (frame, frame_split):
        content = b"".join(write(payload) for payload in written)
        assert list(payloads(cut(content, size))) == written


@given(st.lists(tricky, min_size=1), st.integers(8, 64))
def test_small_blocks_hold_the_same_records(written, block_bytes):
    content = b"".join(frame_split(payload) for payload in written)
    blocks = list(recordio.blocks([content], block_bytes))
    read = [bytes(b.bytes_b[i:j]) for b in blocks for i, j in zip(b.starts_n, b.stops_n, strict=True)]
    assert read == written
    assert [b.first_row for b in blocks] == list(1 + np.cumsum([0, *(len(b) for b in blocks)])[:-1])


def test_a_record_longer_than_a_block_arrives_whole():
    payload = bytes(range(256)) * 20_000
    content = frame(payload) + frame(b"next")
    assert list(payloads(cut(content, 65_536))) == [payload, b"next"]


def test_records_before_a_wrong_magic_are_read():
    stream = payloads([frame(b"good") + b"bad?bad?"])
    assert next(stream) == b"good"
    with pytest.raises(BadRecord, match=r"row 2: no RecordIO header at byte 12: got 62 61 64 3f, expected 0a 23 d7 ce"):
        next(stream)


def test_records_before_parts_out_of_order_are_read():
    stream = payloads([frame_split(MAGIC_BYTES) + frame(b"good") + frame_split(MAGIC_BYTES)[8:]])
    assert [next(stream), next(stream)] == [MAGIC_BYTES, b"good"]
    with pytest.raises(BadRecord, match="row 3: part 3 of a split record out of order at byte 28"):
        next(stream)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello, world", "row 1: no RecordIO header at byte 0: got 68 65 6c 6c"),
        (b"\x0a\x23x", "row 1: no RecordIO header at byte 0: got 0a 23 78"),
        (frame(b"abcd")[:5], "row 1: the stream ends inside the record at byte 0: 5 bytes .* expected a header of 8"),
        (
            frame(b"ab") + frame(b"abcd")[:-1],
            "row 2: the stream ends inside the record at byte 12: 11 bytes .* expected 12",
        ),
        (frame_split(MAGIC_BYTES)[:8], "expected more parts of a split record"),
        (frame_split(MAGIC_BYTES)[8:], "row 1: part 3 of a split record out of order at byte 0"),
        (frame_split(MAGIC_BYTES)[:8] + frame(b"x"), "row 1: part 0 of a split record out of order at byte 8"),
        (struct.pack("<4sI", MAGIC_BYTES, 5 << 29), "part 5"),
    ],
)
def test_damaged_streams_are_rejected_with_row_and_byte(content, message):
    with pytest.raises(BadRecord, match=message):
        list(payloads([content]))


def test_a_payload_beyond_29_bits_is_rejected(monkeypatch):
    monkeypatch.setattr(recordio, "MAX_PAYLOAD_BYTES", 4)
    with pytest.raises(ValueError, match="at most 4 bytes, got 5"):
        frame(b"abcde")


@pytest.mark.parametrize("block_bytes", [64, 1 << 20])
def test_frames_are_whole_records_where_they_began(block_bytes, monkeypatch):
    """Of whole records their own bytes; split ones, which MXNet writes, as whole ones."""
    payloads = [b"", b"a" * 5, MAGIC_BYTES * 2 + b"bc", b"d" * 400]
    monkeypatch.setattr(recordio, "blocks", partial(recordio.blocks, block_bytes=block_bytes))
    for write in (recordio.frame, recordio.frame_split):
        written = [write(payload) for payload in payloads]
        begins = list(itertools.accumulate(map(len, written[:-1]), initial=0))
        found = [(offset, bytes(frame)) for offset, frame in recordio.located_frames([b"".join(written)])]
        assert found == list(zip(begins, map(recordio.frame, payloads), strict=True))
