"""How an object is cut into records and records into requests: for any content, any limit."""

import io
import struct
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.records import recordio
from wildsage.local_runner.jobs.transform import records
from wildsage.local_runner.jobs.transform.records import SPLITTERS, batches

LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"").strip(b"\r")))


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_lines_lose_their_ends_and_empty_ones_are_none(lines, end, ended):
    content = end.join(lines) + (end if ended else b"")
    assert list(SPLITTERS["Line"](io.BytesIO(content), 40, True)) == [line for line in lines if line]


@given(st.lists(st.binary(max_size=60)), st.booleans())
def test_recordio_is_cut_with_or_without_its_frames(payloads, framed):
    frames = [recordio.frame(payload) for payload in payloads]
    found = list(SPLITTERS["RecordIO"](io.BytesIO(b"".join(frames)), 100, framed))
    assert found == (frames if framed else payloads)


def test_a_split_record_of_images_becomes_whole():
    payload = b"head" + recordio.MAGIC_BYTES + b"tail"
    content = io.BytesIO(recordio.frame_split(payload))
    assert list(SPLITTERS["RecordIO"](content, 100, False)) == [payload]


@given(st.lists(st.binary(min_size=1, max_size=30)), st.integers(30, 100), st.booleans())
def test_requests_keep_order_and_limit_and_are_as_few_as_can_be(records, limit, single):
    found = list(batches(records, b"\n", limit, single))
    assert [record for batch in found for record in batch] == records
    assert all(len(b"\n".join(batch)) <= limit for batch in found)
    if single:
        assert all(len(batch) == 1 for batch in found)
    else:
        assert all(len(b"\n".join([*a, b[0]])) > limit for a, b in pairwise(found))


def test_a_request_may_have_exactly_the_limit():
    records = [b"1234", b"56", b"7890"]
    assert list(batches(records, b"\n", 7, False)) == [records[:2], records[2:]]
    assert list(batches(records, b"\n", 6, False)) == [records[:1], records[1:2], records[2:]]
    assert list(batches(records, b"", 10, False)) == [records]
    assert list(batches(records, b"", 9, False)) == [records[:2], records[2:]]


PAYLOADS = st.lists(st.binary(max_size=40) | st.just(b"head" + recordio.MAGIC_BYTES + b"tail"), max_size=40)


@given(PAYLOADS, st.integers(60, 200), st.integers(1, 300))
def test_requests_that_are_cut_whole_hold_the_same_records(payloads, limit, block_bytes):
    """As those that are put together record by record, where blocks end anywhere and some records are split."""
    content = b"".join(recordio.frame_split(payload) for payload in payloads)
    one_by_one = list(batches(SPLITTERS["RecordIO"](io.BytesIO(content), limit, True), b"", limit, False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recordio, "blocks", partial(recordio.blocks, block_bytes=block_bytes))
        cut = list(records.framed_requests(io.BytesIO(content), limit))
    assert [b"".join(request.pieces) for request in cut] == [b"".join(batch) for batch in one_by_one]
    assert [request.offsets for request in cut] == [[record.offset for record in batch] for batch in one_by_one]


def test_a_record_that_no_request_can_hold_is_named():
    content = b"".join(recordio.frame(b"x" * size) for size in (4, 4, 100))
    requests = records.framed_requests(io.BytesIO(content), 50)
    assert len(next(requests).offsets) == 2
    with pytest.raises(UserError, match=r"record 3 has 108 bytes or more, expected at most 50\."):
        next(requests)


@pytest.mark.parametrize("split", ["None", "Line"])
def test_no_more_of_a_record_is_read_than_the_limit_lets_pass(split):
    """A file of one endless line: whoever read it whole would never end."""

    class Endless(io.RawIOBase):
        taken = 0

        def readinto(self, buffer):
            self.taken += len(buffer)
            assert self.taken < 100_000, "read on and on"
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

        def readable(self):
            return True

    with pytest.raises(UserError, match="Too much data for max payload size"):
        list(SPLITTERS[split](io.BufferedReader(Endless()), 10_000, True))


@given(st.lists(st.binary(max_size=40)), st.sampled_from([recordio.frame, recordio.frame_split]), st.booleans())
def test_records_know_the_byte_at_which_they_begin(payloads, framing, framed):
    payloads = [recordio.MAGIC_BYTES + payload for payload in payloads]
    frames = [framing(payload) for payload in payloads]
    found = list(SPLITTERS["RecordIO"](io.BytesIO(b"".join(frames)), 100, framed))
    assert [record.offset for record in found] == [sum(map(len, frames[:place])) for place in range(len(frames))]


def tfrecord(payload: bytes) -> bytes:
    """A frame whose checksums, which nothing reads here, are any bytes."""
    return struct.pack("<Q", len(payload)) + b"head" + payload + b"body"


@given(st.lists(st.binary(max_size=40)), st.booleans())
def test_tfrecords_are_cut_with_or_without_their_frames_and_know_their_place(payloads, framed):
    frames = [tfrecord(payload) for payload in payloads]
    found = list(SPLITTERS["TFRecord"](io.BytesIO(b"".join(frames)), 56, framed))
    assert found == (frames if framed else payloads)
    assert [record.offset for record in found] == [sum(map(len, frames[:place])) for place in range(len(frames))]


@pytest.mark.parametrize("cut", [1, 11, 12, 15, 16, 19])
def test_a_tfrecord_that_ends_early_is_named(cut):
    found = SPLITTERS["TFRecord"](io.BytesIO(tfrecord(b"abcd") + tfrecord(b"efgh")[:cut]), 100, False)
    assert next(found) == b"abcd"
    with pytest.raises(UserError, match=r"^record 2: the object ends inside it"):
        next(found)


@given(LINES)
def test_lines_know_the_byte_at_which_they_begin(lines):
    content = b"\r\n".join(lines)
    for record in SPLITTERS["Line"](io.BytesIO(content), 40, True):
        assert content[record.offset :].startswith(record)


LIMIT = 20
SECOND_RECORDS = {
    "Line": (lambda size: b"a\n" + b"x" * size, "line 2", False),
    "RecordIO": (lambda size: recordio.frame(b"a") + recordio.frame(b"x" * size), "record 2", False),
    "RecordIO with frames": (lambda size: recordio.frame(b"a") + recordio.frame(b"x" * (size - 8)), "record 2", True),
    "TFRecord": (lambda size: tfrecord(b"a") + tfrecord(b"x" * size), "record 2", False),
    "TFRecord with frames": (lambda size: tfrecord(b"a") + tfrecord(b"x" * (size - 16)), "record 2", True),
}


@pytest.mark.parametrize("name", SECOND_RECORDS)
def test_a_record_may_have_exactly_the_limit_and_one_that_has_more_is_named(name):
    content, place, framed = SECOND_RECORDS[name]
    split = SPLITTERS[name.split()[0]]
    assert len(list(split(io.BytesIO(content(LIMIT)), LIMIT, framed))[1]) == LIMIT
    more = LIMIT + (4 if name == "RecordIO with frames" else 1)  # frames are padded to four bytes
    with pytest.raises(UserError, match=f": {place} has {more} bytes or more, expected at most {LIMIT}"):
        list(split(io.BytesIO(content(more)), LIMIT, framed))


def test_an_object_may_have_exactly_the_limit_and_an_empty_one_is_a_record():
    assert list(SPLITTERS["None"](io.BytesIO(b"x" * LIMIT), LIMIT, True)) == [b"x" * LIMIT]
    (empty,) = SPLITTERS["None"](io.BytesIO(b""), LIMIT, True)
    assert (empty, empty.offset) == (b"", 0)
    with pytest.raises(UserError, match=f"the object has {LIMIT + 1} bytes or more"):
        list(SPLITTERS["None"](io.BytesIO(b"x" * (LIMIT + 1)), LIMIT, True))


def test_a_line_may_have_exactly_the_limit_beside_its_end():
    assert list(SPLITTERS["Line"](io.BytesIO(b"x" * LIMIT + b"\r\ny"), LIMIT, True)) == [b"x" * LIMIT, b"y"]
