"""REST-JSON beyond InvokeEndpoint's raw body: headers with types, answers as JSON, streams and other statuses."""

import botocore.session
import orjson
import pytest
from botocore.parsers import RestJSONParser
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from wildsage.local_runner.wire.protocols import Rest

SERVICE = botocore.session.get_session().get_service_model("sagemaker-runtime")
ASYNC = SERVICE.operation_model("InvokeEndpointAsync")


def asked(**headers: str) -> dict:
    named = {f"X-Amzn-SageMaker-{name}": value for name, value in headers.items()}
    builder = EnvironBuilder("/endpoints/there/async-invocations", method="POST", headers=named)
    operation, values = Rest().parse(Request(builder.get_environ()), SERVICE)
    assert operation.name == "InvokeEndpointAsync"
    return values


def test_a_number_in_a_header_is_a_number():
    values = asked(InputLocation="s3://b/k", RequestTTLSeconds="60", InvocationTimeoutSeconds="soon")
    assert values["EndpointName"] == "there"
    assert values["InputLocation"] == "s3://b/k"
    assert values["RequestTTLSeconds"] == 60
    assert values["InvocationTimeoutSeconds"] == "soon"  # the check of types rejects it, in AWS's words


def test_members_of_a_request_without_a_place_are_a_json_object():
    service = botocore.session.get_session().get_service_model("sagemaker-metrics")
    body = orjson.dumps({"TrialComponentName": "there", "MetricData": [], "Other": None})
    builder = EnvironBuilder("/BatchPutMetrics", method="PUT", data=body)
    operation, values = Rest().parse(Request(builder.get_environ()), service)
    assert (operation.name, values) == ("BatchPutMetrics", {"TrialComponentName": "there", "MetricData": []})


def test_members_without_a_place_are_a_json_object():
    answer = Rest().reply(ASYNC, {"InferenceId": "i", "OutputLocation": "s3://b/o", "FailureLocation": None})
    assert answer.status_code == 202
    assert answer.headers["X-Amzn-SageMaker-OutputLocation"] == "s3://b/o"
    assert "X-Amzn-SageMaker-FailureLocation" not in answer.headers
    assert orjson.loads(answer.data) == {"InferenceId": "i"}


def test_botocore_reads_an_asynchronous_answer():
    answer = Rest().reply(ASYNC, {"InferenceId": "i", "OutputLocation": "s3://b/o"})
    whole = {"status_code": answer.status_code, "headers": dict(answer.headers), "body": answer.data}
    read = RestJSONParser().parse(whole, ASYNC.output_shape)
    assert (read["InferenceId"], read["OutputLocation"]) == ("i", "s3://b/o")


@pytest.mark.parametrize("parts", [[], [b"one"], [b"one", b"", b"two"]])
def test_a_stream_is_read_by_botocore(parts):
    operation = SERVICE.operation_model("InvokeEndpointWithResponseStream")
    events = ({"PayloadPart": {"Bytes": part}} for part in parts)
    answer = Rest().reply(operation, {"Body": events, "ContentType": "text/csv", "InvokedProductionVariant": "v0"})
    raw = _Raw(answer.data)
    whole = {"status_code": 200, "headers": dict(answer.headers), "body": raw, "context": {"operation_name": "x"}}
    read = RestJSONParser().parse(whole, operation.output_shape)
    assert read["ContentType"] == "text/csv"
    assert [event["PayloadPart"]["Bytes"] for event in read["Body"]] == parts


class _Raw:
    """As much of urllib3's response as botocore's stream reader asks for."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]
