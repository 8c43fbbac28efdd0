"""InvokeEndpoint: which instance may be asked for what, and how failures of a container look to the caller."""

from __future__ import annotations

import contextlib
import http.client
import io
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3

from wildsage.local_runner.jobs.hosting.container import NoAnswer
from wildsage.local_runner.jobs.hosting.endpoint import KIND
from wildsage.local_runner.jobs.hosting.instance import Answer, TooManyRequests
from wildsage.local_runner.jobs.hosting.invocations import InvocationTimes
from wildsage.local_runner.jobs.hosting.multi_model import NotLoaded
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.request_slots import RequestSlots
from wildsage.local_runner.operations.sagemaker_runtime.invoke import (
    MAX_BODY_BYTES,
    invoke_endpoint,
    invoke_endpoint_with_response_stream,
)
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.wire.errors import AwsError


class Instance:
    """Answers with what it was told to, or fails with it."""

    variant = "v"

    def __init__(self, answer: Any, *, multi_model: bool = False, direct: bool = False) -> None:
        self._answer = answer
        self.is_multi_model, self.is_direct = multi_model, direct
        self.containers = [SimpleNamespace(name=name) for name in ("first", "second")]
        self.asked: list[dict[str, Any]] = []

    def invoke(self, body: bytes, headers: dict[str, str], **options: Any) -> Answer:
        self.asked.append({"body": body, "headers": headers, **options})
        if isinstance(self._answer, Exception):
            raise self._answer
        status, content, fields = self._answer
        http = urllib3.HTTPResponse(io.BytesIO(content), fields, status, preload_content=options["whole"])
        return Answer("primary", http)


class Endpoints:
    """One endpoint e with one instance, or none. `limit`: it takes no more requests."""

    def __init__(self, instance: Instance | None, capture: dict | None = None, limit: int | None = None) -> None:
        self._instance, self._capture, self._limit = instance, capture, limit
        self.invocations = InvocationTimes()

    def asynchronous(self, name: str) -> dict | None:
        return {"OutputConfig": {}} if name == "asynchronous" else None

    def capture(self, name: str) -> dict | None:
        return self._capture

    @contextlib.contextmanager
    def lease(self, name: str, variant: str | None):
        if self._limit is not None:
            raise TooManyRequests(self._limit)
        yield self._instance if variant in (None, "v") else None


def serving(context: RequestContext, endpoints: Endpoints, slots: int = 1) -> RequestContext:
    document = {"EndpointName": "e", "EndpointStatus": "InService", "CreationTime": 1.0}
    context.services.store.insert(KIND.name, "e", document)
    return RequestContext(replace(context.services, endpoints=endpoints, slots=RequestSlots(slots)))


def rejection(context: RequestContext, call: Any = invoke_endpoint, **fields: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        call(context, {"EndpointName": "e", "Body": b"1", **fields})
    return caught.value


ANSWER = (200, b"[1]", {"Content-Type": "application/json", "X-Amzn-SageMaker-Custom-Attributes": "c"})


@pytest.mark.parametrize("call", [invoke_endpoint, invoke_endpoint_with_response_stream])
def test_the_body_and_headers_go_there_and_come_back(context, call):
    instance = Instance(ANSWER)
    view = serving(context, Endpoints(instance))
    found = call(view, {"EndpointName": "e", "Body": b"1,2", "ContentType": "text/csv"})
    whole = call is invoke_endpoint
    assert instance.asked == [
        {"body": b"1,2", "headers": {"Content-Type": "text/csv"}, "whole": whole, "target_model": "", "hostname": ""}
    ]
    body = found.pop("Body")
    assert (body if whole else b"".join(part["PayloadPart"]["Bytes"] for part in body)) == b"[1]"
    assert found == {"ContentType": "application/json", "InvokedProductionVariant": "v", "CustomAttributes": "c"}
    with view.services.slots.acquire() as acquired:
        assert acquired
    assert view.services.endpoints.invocations.summary("e", "v", 60).count == 1


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ({}, {}, ""),
        ({}, {"TargetModel": "m"}, "TargetModel is for multi-model endpoints"),
        ({}, {"TargetContainerHostname": "first"}, "TargetContainerHostname is for models whose"),
        ({"multi_model": True}, {"TargetModel": "m"}, ""),
        ({"multi_model": True}, {}, "A multi-model endpoint needs TargetModel"),
        ({"direct": True}, {"TargetContainerHostname": "second"}, ""),
        ({"direct": True}, {"TargetContainerHostname": "x"}, "got x, expected one of first, second"),
        ({"direct": True}, {}, "got None, expected one of first, second"),
    ],
)
def test_a_request_names_a_model_or_container_where_there_are_several(context, kind, fields, words):
    instance = Instance(ANSWER, **kind)
    view = serving(context, Endpoints(instance))
    if words:
        error = rejection(view, **fields)
        assert error.code == "ValidationError" and words in str(error)
        assert instance.asked == []
    else:
        invoke_endpoint(view, {"EndpointName": "e", "Body": b"", **fields})
        assert instance.asked[0]["target_model"] == fields.get("TargetModel", "")
        assert instance.asked[0]["hostname"] == fields.get("TargetContainerHostname", "")


@pytest.mark.parametrize(
    ("answer", "code", "status", "words"),
    [
        ((400, b"bad row", {}), "ModelError", 424, 'Received client error (400) from primary with message "bad row"'),
        ((500, b"\xff", {}), "ModelError", 424, 'Received server error (500) from primary with message "\ufffd"'),
        (NoAnswer("first", "It ended."), "ModelError", 424, 'server error (0) from first with message "It ended."'),
        (NotLoaded("first", 404, "gone"), "ModelError", 424, 'client error (404) from first with message "gone"'),
        (
            S3Error("NoSuchKey", "Gone."),
            "ValidationError",
            400,
            "Failed to download model data for TargetModel . Gone.",
        ),
    ],
)
def test_what_fails_in_a_container_is_told_in_sagemakers_words(context, answer, code, status, words):
    view = serving(context, Endpoints(Instance(answer)))
    for call in (invoke_endpoint, invoke_endpoint_with_response_stream):
        error = rejection(view, call)
        assert (error.code, error.status) == (code, status) and words in str(error)
    with view.services.slots.acquire() as acquired:
        assert acquired


def test_without_a_free_slot_or_beyond_a_concurrency_a_request_is_sent_away(context):
    view = serving(context, Endpoints(Instance(ANSWER)), slots=0)
    error = rejection(view)
    assert (error.code, error.status) == ("ServiceUnavailable", 503) and "48 requests are already waiting" in str(error)
    limited = RequestContext(replace(view.services, endpoints=Endpoints(None, limit=2), slots=RequestSlots(1)))
    error = rejection(limited)
    assert (error.code, error.status) == ("ThrottlingException", 429)
    assert "Endpoint e answers 2 requests at a time" in str(error)


def test_a_body_has_six_mebibytes_at_most():
    assert MAX_BODY_BYTES == 6 * 1024 * 1024


def test_what_is_not_in_service_says_what_it_is(context):
    view = serving(context, Endpoints(None))
    assert str(rejection(view, TargetVariant="w")) == "Variant w not found in endpoint e."
    context.services.store.update(KIND.name, "e", EndpointStatus="Creating")
    for fields in ({}, {"TargetVariant": "w"}):
        text = str(rejection(view, **fields))
        assert text == "Endpoint e of account 000000000000 is Creating, not yet able to answer."
    assert "not found" in str(rejection(view, EndpointName="absent"))
    assert "answers InvokeEndpointAsync only" in str(rejection(view, EndpointName="asynchronous"))


def test_what_was_asked_and_answered_is_captured_where_that_is_configured(context):
    recorded: list[tuple] = []
    for capture in (None, {"EnableCapture": True}):
        captures = SimpleNamespace(record=lambda *arguments: recorded.append(arguments))
        endpoints = Endpoints(Instance(ANSWER), capture)
        view = RequestContext(replace(context.services, endpoints=endpoints, captures=captures))
        invoke_endpoint(view, {"EndpointName": "e", "Body": b"1", "ContentType": "text/csv", "InferenceId": "i"})
    ((config, endpoint, variant, asked, answered, inference_id),) = recorded
    assert (config, endpoint, variant, inference_id) == ({"EnableCapture": True}, "e", "v", "i")
    assert (asked.content_type, answered.content_type) == ("text/csv", "application/json")


class Streaming(Instance):
    """Answers with these bytes of HTTP."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(None)
        self._raw = raw

    def invoke(self, body: bytes, headers: dict[str, str], **options: Any) -> Answer:
        read = http.client.HTTPResponse(SimpleNamespace(makefile=lambda mode: io.BytesIO(self._raw)), method="POST")
        read.begin()
        self.http = urllib3.HTTPResponse(
            read, dict(read.headers), read.status, preload_content=False, original_response=read
        )
        return Answer("primary", self.http)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"


def stream(context: RequestContext, raw: bytes) -> tuple[Iterator[dict], RequestContext, Streaming]:
    """The pieces of a streamed answer; the view, which has one slot; and the instance."""
    instance = Streaming(raw)
    view = serving(context, Endpoints(instance))
    return invoke_endpoint_with_response_stream(view, {"EndpointName": "e", "Body": b"1"})["Body"], view, instance


def slot_is_free(view: RequestContext) -> bool:
    with view.services.slots.acquire() as acquired:
        return acquired


def test_the_pieces_of_a_stream_are_those_of_the_container_and_hold_a_slot_to_the_last(context):
    parts, view, instance = stream(context, CHUNKED)
    assert next(parts) == {"PayloadPart": {"Bytes": b"first"}}
    assert not slot_is_free(view) and not instance.http.closed
    assert list(parts) == [{"PayloadPart": {"Bytes": b"second"}}]
    assert slot_is_free(view) and instance.http.closed


def test_a_stream_that_nobody_reads_to_its_end_frees_its_slot(context):
    parts, view, instance = stream(context, CHUNKED)
    next(parts)
    parts.close()
    assert slot_is_free(view) and instance.http.closed


def test_a_stream_that_breaks_says_so_in_the_stream(context):
    parts, view, _ = stream(context, CHUNKED.partition(b"6\r\n")[0])
    assert next(parts) == {"PayloadPart": {"Bytes": b"first"}}
    with pytest.raises(AwsError, match=r"The container primary interrupted its answer: .*\.") as caught:
        next(parts)
    assert (caught.value.code, caught.value.fields) == ("ModelStreamError", {"ErrorCode": "ModelStreamInterrupted"})
    assert slot_is_free(view)


def test_an_answer_that_was_not_written_in_pieces_is_streamed_too(context):
    body = bytes(100_000)
    parts, _, _ = stream(context, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body)
    assert b"".join(part["PayloadPart"]["Bytes"] for part in parts) == body
