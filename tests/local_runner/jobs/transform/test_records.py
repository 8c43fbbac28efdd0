"""How an object is cut into records and records into requests: for any content, any limit."""

import io
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


PAYLOADS = st.lists(st.binary(max_size=40) | st.just(b"head" + recordio.MAGIC_BYTES + b"tail"), max_size=40)


@given(PAYLOADS, st.integers(60, 200), st.integers(1, 300))
def test_requests_that_are_cut_whole_hold_the_same_records(payloads, limit, block_bytes):
    """As those that are put together record by record, where blocks end anywhere and some records are split."""
    content = b"".join(recordio.frame_split(payload) for payload in payloads)
    one_by_one = list(batches(SPLITTERS["RecordIO"](io.BytesIO(content), limit, True), b"", limit, False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records.recordio, "blocks", partial(recordio.blocks, block_bytes=block_bytes))
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
