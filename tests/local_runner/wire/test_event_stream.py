"""Event streams, read back by botocore's own parser."""

import json

import botocore.session
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from wildsage.local_runner.wire import event_stream
from wildsage.local_runner.wire.errors import AwsError

SHAPE = (
    botocore.session.get_session()
    .get_service_model("sagemaker-runtime")
    .operation_model("InvokeEndpointWithResponseStream")
    .get_event_stream_output()
)


def read(content: bytes) -> list[tuple[dict, bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(content)
    return [(dict(message.headers), message.payload) for message in buffer]


@given(st.lists(st.binary(max_size=2000), max_size=5))
def test_botocore_reads_the_parts(parts):
    content = b"".join(event_stream.messages(({"PayloadPart": {"Bytes": part}} for part in parts), SHAPE))
    found = read(content)
    assert [payload for _, payload in found] == parts
    assert all(headers[":event-type"] == "PayloadPart" for headers, _ in found)


def test_a_failure_on_the_way_is_the_last_message():
    def broken():
        yield {"PayloadPart": {"Bytes": b"half"}}
        raise AwsError("ModelStreamError", "the container went away", ErrorCode="ModelInvocationTimeExceeded")

    (_, payload), (headers, exception) = read(b"".join(event_stream.messages(broken(), SHAPE)))
    assert payload == b"half"
    assert headers[":message-type"] == "exception"
    assert headers[":exception-type"] == "ModelStreamError"
    assert json.loads(exception) == {"Message": "the container went away", "ErrorCode": "ModelInvocationTimeExceeded"}


@pytest.mark.parametrize("cut", [1, 11, 15, 20])
def test_a_message_says_how_long_it_is(cut):
    whole = event_stream.message({":event-type": "PayloadPart"}, b"payload")
    assert int.from_bytes(whole[:4], "big") == len(whole)
    assert read(whole[:-cut]) == []
