"""Requests that no client of AWS sends are rejected in the caller's protocol; nothing of them is an internal error."""

from __future__ import annotations

import errno
import io
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3
from werkzeug import Request
from werkzeug.test import Client, EnvironBuilder

from wildsage.containers.contract.patient_worker import ClientTooSlow
from wildsage.local_runner.server import app
from wildsage.local_runner.server.app import ApiCall, App
from wildsage.local_runner.server.services import Regions
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.wire.errors import AwsError, NotImplementedHere


def nested(depth: int, begin: str, end: str) -> bytes:
    return (begin * depth + '{"Name": "TrainingJobName"}' + end * depth).encode()


@pytest.mark.parametrize(
    "expression",
    [
        nested(5_000, '{"a":', "}"),
        nested(900, '{"a":', "}"),
        nested(200, '{"SubExpressions": [', "]}"),
        nested(60, '{"SubExpressions": [', "]}"),
    ],
)
def test_a_document_that_is_nested_deeply_is_rejected(aws, expression):
    headers = {
        "X-Amz-Target": "SageMaker.Search",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": "AWS4-HMAC-SHA256 Credential=me/20260101/us-east-1/sagemaker/aws4_request",
    }
    body = b'{"Resource": "TrainingJob", "SearchExpression": ' + expression + b"}"
    answer = urllib3.request("POST", aws.endpoint, headers=headers, body=body, retries=False, timeout=240)
    assert answer.status == 400
    assert answer.json()["__type"] in ("SerializationException", "ValidationException")


# Handlers, without a server

SCOPE = "AWS4-HMAC-SHA256 Credential=key/20260101/{}/aws4_request, SignedHeaders=host"


def call(
    path: str = "/", method: str = "GET", data: Path = Path("/data"), body: bytes = b"", **headers: str
) -> ApiCall:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    builder = EnvironBuilder(
        path, method=method, headers=named, input_stream=io.BytesIO(body), content_length=len(body)
    )
    return ApiCall(Request(builder.get_environ()), ServerSettings(data))


def found(*arguments, **named) -> tuple[str, str]:
    given = call(*arguments, **named)
    assert app.find_service(given) is None
    return given.service, given.region


@pytest.mark.parametrize(
    ("scope", "headers", "path", "expected"),
    [
        ("eu-west-1/sts", {}, "/", ("sts", "eu-west-1")),
        ("sts", {}, "/", ("sts", "us-east-1")),
        ("eu-west-1/s3", {}, "/b/k", ("s3", "eu-west-1")),
        ("eu-west-1/s3express", {}, "/b/k", ("s3", "eu-west-1")),
        ("eu-west-1/monitoring", {}, "/", ("cloudwatch", "eu-west-1")),
        ("eu-west-1/states", {}, "/", ("stepfunctions", "eu-west-1")),
        ("eu-west-1/sagemaker", {"X_Amz_Target": "SageMaker.ListModels"}, "/", ("sagemaker", "eu-west-1")),
        ("eu-west-1/sagemaker", {}, "/", ("sagemaker", "eu-west-1")),
        ("eu-west-1/sagemaker", {}, "/endpoints/e/invocations", ("sagemaker-runtime", "eu-west-1")),
        ("eu-west-1/sagemaker", {}, "/endpoints/e/invocations-response-stream", ("sagemaker-runtime", "eu-west-1")),
        ("eu-west-1/sagemaker", {}, "/endpoints/e/async-invocations", ("sagemaker-runtime", "eu-west-1")),
        ("eu-west-1/sagemaker", {}, "/endpoints/e/f/invocations", ("sagemaker", "eu-west-1")),
        ("eu-west-1/sagemaker", {}, "/BatchPutMetrics", ("sagemaker-metrics", "eu-west-1")),
        ("eu-west-1/sagemaker", {}, "/FeatureGroup/g", ("sagemaker-featurestore-runtime", "eu-west-1")),
        ("eu-west-1/sagemaker", {"X_Amz_Target": "SageMaker.X"}, "/FeatureGroup/g", ("sagemaker", "eu-west-1")),
        ("eu-west-1/iam", {}, "/endpoints/e/invocations", ("iam", "eu-west-1")),
        ("eu-west-1/iam", {}, "/BatchPutMetrics", ("iam", "eu-west-1")),
    ],
)
def test_a_signature_names_service_and_region(scope, headers, path, expected):
    assert found(path, Authorization=SCOPE.format(scope), **headers) == expected
    credential = f"key%2F20260101%2F{scope.replace('/', '%2F')}%2Faws4_request"
    assert found(f"{path}?X-Amz-Credential={credential}", **headers) == expected


@pytest.mark.parametrize(
    ("method", "path", "headers", "service"),
    [
        ("POST", "/", {"X_Amz_Target": "SageMaker.ListModels"}, "sagemaker"),
        ("POST", "/", {"X_Amz_Target": "Logs_20140328.GetLogEvents"}, "logs"),
        ("POST", "/", {"X_Amz_Target": "Coffee.Make"}, "coffee"),
        ("POST", "/endpoints/e/invocations", {}, "sagemaker-runtime"),
        ("GET", "/endpoints/e/invocations", {}, "s3"),
        ("POST", "/service/x", {"Smithy_Protocol": "rpc-v2-cbor"}, "cloudwatch"),
        ("POST", "/", {"Content_Type": "application/x-www-form-urlencoded"}, "sts"),
        ("POST", "/", {"Content_Type": "application/x-www-form-urlencoded; charset=utf-8"}, "sts"),
        ("POST", "/bucket", {"Content_Type": "application/x-www-form-urlencoded"}, "s3"),
        ("PUT", "/", {"Content_Type": "application/x-www-form-urlencoded"}, "s3"),
        ("POST", "/", {"Content_Type": "text/xml"}, "s3"),
        ("GET", "/bucket", {}, "s3"),
    ],
)
def test_a_request_without_a_signature_names_its_service_by_its_form(method, path, headers, service):
    assert found(path, method, **headers) == (service, "us-east-1")


def test_a_service_that_nobody_knows_is_named_in_the_protocol_of_the_request():
    given = call("/", "POST", X_Amz_Target="Coffee.Make")
    app.find_service(given)
    with pytest.raises(NotImplementedHere, match="Operation Make of coffee"):
        app.choose_protocol(given)
    assert given.protocol.fail(AwsError("C", "m")).get_json(force=True)["__type"] == "C"


def test_a_region_is_one_of_amazons():
    given = call()
    for region in ("us-east-1", "cn-north-1"):
        given.region = region
        assert app.reject_unknown_region(given) is None
    given.region = "mars-north-1"
    with pytest.raises(AwsError, match=r"not 'mars-north-1'. Choose one of AWS's, such as us-east-1") as caught:
        app.reject_unknown_region(given)
    assert (caught.value.code, caught.value.status) == ("InvalidSignatureException", 403)


def test_a_body_may_have_six_mebibytes():
    longest = bytes(6 << 20)
    given = call(method="POST", body=longest)
    assert app.reject_large_body(given) is None and given.request.get_data() == longest
    given = call(method="POST", body=longest + b"x")
    with pytest.raises(AwsError, match="exceeded 6291456 bytes") as caught:
        app.reject_large_body(given)
    assert (caught.value.code, caught.value.status) == ("", 413)
    assert given.request.environ["wsgi.input"].read() == b""  # the client gets its answer


def test_a_body_that_stops_is_the_clients_error():
    class Slow:
        def read(self, *_: int) -> bytes:
            raise ClientTooSlow

    given = call(method="POST", body=b"xx")
    given.request.environ["wsgi.input"] = Slow()
    with pytest.raises(AwsError) as caught:
        app.reject_large_body(given)
    assert (caught.value.code, caught.value.status) == ("RequestTimeoutException", 408)


@pytest.mark.parametrize(
    ("headers", "browser"),
    [
        ({}, False),
        ({"Accept": "application/json"}, False),
        ({"Accept": "text/html,*/*"}, True),
        ({"Sec_Fetch_Mode": "cors"}, True),
    ],
)
def test_a_browser_is_told_by_what_it_asks_for(headers, browser):
    assert app.from_browser(call(**headers).request) is browser


def test_health_is_asked_for_under_its_path_alone():
    assert app.answer_health(call("/_wildsage/health")).get_json()["status"] == "running"
    assert app.answer_health(call("/bucket")) is None


def test_a_request_of_another_site_is_rejected():
    assert app.reject_cross_site(call()) is None
    assert app.reject_cross_site(call(Origin="https://evil.example")).status_code == 403
    given = call(Host="10.0.0.1")
    assert app.reject_cross_site(given).status_code == 403
    given.settings = replace(given.settings, open_to_network=True)
    assert app.reject_cross_site(given) is None


def test_a_failure_has_a_reference_in_the_log_and_shows_nothing(caplog):
    for error, status, text in [
        (RuntimeError("a secret"), 500, "Wildsage failed. Its server.log has the reason under "),
        (OSError(errno.ENOSPC, "full", "/data/s3/x"), 507, "No space left on device: /data/s3."),
    ]:
        before = app.internal_error(call(), error)
        said = before.get_data(as_text=True)
        assert before.status_code == status and text in said and "secret" not in said
        given = call("/", "POST", X_Amz_Target="SageMaker.ListModels")
        app.find_service(given)
        app.choose_protocol(given)
        answer = app.internal_error(given, error)
        assert answer.status_code == status and answer.get_json(force=True)["__type"] == "InternalFailure"
        assert text in answer.get_json(force=True)["message"]
        assert answer.get_json(force=True)["message"].rstrip(".")[-8:] in caplog.text


def test_deep_nesting_is_an_error_of_the_request():
    with pytest.raises(AwsError, match="nested too deeply") as caught, app.reject_deep_nesting():
        raise RecursionError
    assert (caught.value.code, caught.value.status) == ("SerializationException", 400)


# The application in this process


@pytest.fixture
def local(tmp_path):
    regions = Regions(ServerSettings(tmp_path))
    application = App(regions)
    yield Client(application), tmp_path
    application.close()


def ask(client: Client, target: str, body: str = "{}", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {"X-Amz-Target": target, "Authorization": SCOPE.format("us-east-1/sagemaker"), **named}
    return client.post("/", data=body, headers=given)


def test_a_request_goes_from_its_service_to_its_answer(local):
    client, data = local
    assert ask(client, "SageMaker.ListModels").get_json(force=True) == {"Models": []}
    assert (data / "regions" / "us-east-1").is_dir()
    assert b"ListAllMyBucketsResult" in client.get("/").data
    assert client.get("/_wildsage/health").status_code == 200
    assert client.get("/", headers={"Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        ("SageMaker.MakeCoffee", "{}", 501, "NotImplemented"),
        ("SageMaker.CreateDevices", "{}", 501, "NotImplemented"),
        ("SageMaker.ListModels", "{", 400, "SerializationException"),
        ("SageMaker.ListModels", '{"MaxResults": 0}', 400, "ValidationException"),
        ("SageMaker.DescribeModel", '{"ModelName": "absent"}', 400, "ValidationException"),
    ],
)
def test_a_request_that_cannot_be_answered_has_its_error(local, target, body, status, code):
    client, data = local
    answer = ask(client, target, body)
    assert (answer.status_code, answer.get_json(force=True)["__type"]) == (status, code)
    noted = (data / "not-implemented.txt").read_text() if (data / "not-implemented.txt").exists() else ""
    assert noted == (f"sagemaker {target.partition('.')[2]}\n" if status == 501 else "")


def test_an_object_that_a_browser_loads_may_run_nothing(local):
    client, _ = local
    for headers, policy in (({"Sec-Fetch-Mode": "navigate"}, "sandbox"), ({}, None)):
        answer = client.get("/bucket/key", headers={"Authorization": SCOPE.format("us-east-1/s3"), **headers})
        assert answer.headers.get("Content-Security-Policy") == policy


def test_where_requests_have_to_be_signed_others_are_rejected(tmp_path):
    application = App(Regions(ServerSettings(tmp_path, keys=Keys("WILDSAGE234567234567", "secret"))))
    client = Client(application)
    answer = ask(client, "SageMaker.ListModels", Authorization="")
    assert (answer.status_code, answer.get_json(force=True)["__type"]) == (400, "MissingAuthenticationTokenException")
    assert client.get("/bucket/key").status_code == 403
    assert client.get("/_wildsage/health").status_code == 200
    application.close()
