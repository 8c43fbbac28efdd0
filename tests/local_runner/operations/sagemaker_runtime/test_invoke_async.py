"""InvokeEndpointAsync: where the answer and a failure will lie, how long the request waits, and what is rejected."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from wildsage.local_runner.jobs.hosting.endpoint import KIND
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker_runtime.invoke_async import invoke_endpoint_async
from wildsage.local_runner.wire.errors import AwsError


@pytest.fixture
def submitted() -> list[dict[str, Any]]:
    """The requests that were accepted."""
    return []


@pytest.fixture
def asynchronous(context, submitted) -> RequestContext:
    """An endpoint e with a place for answers, f with one for failures too, and one without."""
    places = {
        "e": {"S3OutputPath": "s3://b/out/"},
        "f": {"S3OutputPath": "s3://b/out", "S3FailurePath": "s3://b/failed/"},
    }
    for name, output in places.items():
        deployment = {"AsyncInferenceConfig": {"OutputConfig": output}}
        context.services.store.insert(KIND.name, name, {"Deployment": deployment, "CreationTime": 1.0})
    context.services.store.insert(KIND.name, "plain", {"Deployment": {}, "CreationTime": 1.0})
    inferences = SimpleNamespace(submit=submitted.append)
    return RequestContext(replace(context.services, inferences=inferences))


def asked(endpoint: str = "e", **fields: Any) -> dict[str, Any]:
    return {"EndpointName": endpoint, "InputLocation": "s3://b/in", **fields}


def test_an_answer_lies_below_the_output_path_under_a_name_of_its_own(asynchronous, submitted):
    before = time.time()
    answers = [invoke_endpoint_async(asynchronous, asked(ContentType="text/csv")) for _ in range(2)]
    first, second = submitted
    assert first["Id"] != second["Id"]
    assert answers[0] == {
        "InferenceId": first["Id"],
        "OutputLocation": f"s3://b/out/{first['Id']}.out",
        "FailureLocation": None,
    }
    assert before + 21_600 <= first.pop("ExpiresAt") <= time.time() + 21_600
    assert first == {
        "Id": first["Id"],
        "EndpointName": "e",
        "InputLocation": "s3://b/in",
        "Headers": {"Content-Type": "text/csv"},
        "OutputLocation": answers[0]["OutputLocation"],
        "TimeoutInSeconds": 900,
    }


def test_a_failure_has_a_place_where_one_is_configured(asynchronous, submitted):
    answer = invoke_endpoint_async(asynchronous, asked("f"))
    assert answer["FailureLocation"] == f"s3://b/failed/{submitted[0]['Id']}-error.out"
    assert answer["OutputLocation"] == f"s3://b/out/{submitted[0]['Id']}.out"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"Filename": "mine.csv"}, "s3://b/out/mine.csv"),
        ({"Filename": "x", "S3OutputPathExtension": "/day/one/"}, "s3://b/out/day/one/x"),
        ({"Filename": "x", "S3OutputPathExtension": "day"}, "s3://b/out/day/x"),
        ({"Filename": "x", "S3OutputPathExtension": "/"}, "s3://b/out/x"),
    ],
)
def test_a_caller_may_name_the_answer(asynchronous, fields, place):
    assert invoke_endpoint_async(asynchronous, asked(**fields))["OutputLocation"] == place


def test_a_caller_may_name_the_inference_and_its_limits(asynchronous, submitted):
    before = time.time()
    limits = {"RequestTTLSeconds": 60, "InvocationTimeoutSeconds": 5}
    assert invoke_endpoint_async(asynchronous, asked(InferenceId="i", **limits))["InferenceId"] == "i"
    assert before + 60 <= submitted[0]["ExpiresAt"] <= time.time() + 60
    assert submitted[0]["TimeoutInSeconds"] == 5


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"EndpointName": "e"}, "ValidationError", "needs an InputLocation"),
        (asked() | {"InputLocation": "https://b/in"}, "ValidationException", "https://b/in"),
        (asked("absent"), "ValidationError", "Endpoint absent of account 000000000000 not found"),
        (asked("plain"), "ValidationError", "Endpoint plain has no AsyncInferenceConfig. Use InvokeEndpoint."),
    ],
)
def test_other_requests_are_rejected(asynchronous, submitted, request_, code, words):
    with pytest.raises(AwsError, match=words) as caught:
        invoke_endpoint_async(asynchronous, request_)
    assert caught.value.code == code
    assert submitted == []
