"""What a caller cannot do: reach files outside the data folder, store secrets in it, or exhaust the server.

The requests go to S3, to the operations and to the server, so the file belongs to no single package.
"""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
OUTSIDE = ["..", "../x", "/etc", "a/../../b", "%2e%2e", "a\x00b", "~root"]


def send(aws, method: str, path: str, body: bytes = b"", service: str = "s3", **headers: str) -> tuple[int, bytes]:
    """One request, exactly as written: no client in between that would mend it."""
    connection = http.client.HTTPConnection(urlsplit(aws.endpoint).netloc, timeout=240)
    connection.putrequest(method, path, skip_accept_encoding=True)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in {"Authorization": SIGNED.format(service), "Content-Length": str(len(body)), **named}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    return response.status, response.read()


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_a_bucket_cannot_leave_the_folder(aws, name, method):
    before = sorted(aws.data.parent.iterdir())
    status, _ = send(aws, method, f"/{quote(name, safe='')}/key", b"x" if method == "PUT" else b"")
    assert status in (400, 404)
    assert sorted(aws.data.parent.iterdir()) == before


@pytest.mark.parametrize("key", [*OUTSIDE[:-2], ".", "a/./b", "a//b", "../../../../../../etc/passwd"])
def test_a_key_cannot_leave_the_folder_and_works(aws, key):
    aws.s3.create_bucket(Bucket="safety")
    path = f"/safety/{quote(key, safe='')}"
    assert send(aws, "PUT", path, b"content")[0] == 200
    assert send(aws, "GET", path) == (200, b"content")
    inside = [path for path in aws.data.rglob("*") if path.is_file() and path.read_bytes() == b"content"]
    assert inside
    assert all(path.resolve().is_relative_to(aws.data) for path in inside)
    send(aws, "DELETE", path)


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize(
    "operation", ["CreateTrainingJob", "CreateModel", "CreateEndpointConfig", "CreateTransformJob"]
)
def test_a_name_of_a_resource_cannot_leave_the_folder(aws, name, operation):
    field = {"CreateEndpointConfig": "EndpointConfigName"}.get(operation, f"{operation.removeprefix('Create')}Name")
    body = json.dumps({field: name}).encode()
    status, answer = send(aws, "POST", "/", body, "sagemaker", X_Amz_Target=f"SageMaker.{operation}")
    assert status == 400
    assert (
        "failed to satisfy constraint: Member must satisfy regular expression pattern" in json.loads(answer)["message"]
    )


@pytest.mark.parametrize("group", ["..", ".", "/..", "../s3", "..%2f"])
def test_a_log_group_cannot_leave_the_folder(aws, group):
    for operation, more in (("DescribeLogStreams", {}), ("GetLogEvents", {"logStreamName": "server.json"})):
        body = json.dumps({"logGroupName": group, **more}).encode()
        status, answer = send(aws, "POST", "/", body, "logs", X_Amz_Target=f"Logs_20140328.{operation}")
        assert status == 400, answer
        assert json.loads(answer)["__type"] in ("ResourceNotFoundException", "ValidationException")


@pytest.mark.parametrize("stream", ["..", ".", "../../server.json"])
def test_a_log_stream_cannot_leave_the_folder(aws, stream):
    aws.finished(aws.train(lines="something"))
    body = json.dumps({"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamName": stream}).encode()
    status, answer = send(aws, "POST", "/", body, "logs", X_Amz_Target="Logs_20140328.GetLogEvents")
    assert (status, json.loads(answer)["__type"]) == (400, "ResourceNotFoundException")


def test_credentials_are_nowhere_in_the_folder_and_no_job_sees_the_owners(tmp_path, monkeypatch, start_aws):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY-of-the-owner")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "CANARY-of-the-owner")
    server = start_aws()
    session = boto3.Session("CANARYKEY", "CANARYSECRET", "CANARYTOKEN", region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1})
    s3, sagemaker = (session.client(name, endpoint_url=server.endpoint, config=config) for name in ("s3", "sagemaker"))
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    presigned = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    address = urlsplit(presigned)
    assert send(server, "GET", f"{address.path}?{address.query}", Authorization="")[0] == 200
    with pytest.raises(ClientError):
        sagemaker.describe_model(ModelName="nobody")
    seen = server.seen(server.train())["environment"]
    assert not [name for name, value in seen.items() if "CANARY" in value]
    server.stop()
    kept = [path for path in server.data.rglob("*") if path.is_file() and b"CANARY" in path.read_bytes()]
    assert not kept


def test_a_body_over_the_limit_is_rejected_and_the_next_request_answered(aws):
    body = b" " * (6_291_456 + 1)
    target = "SageMaker.ListModels"
    status, _ = send(aws, "POST", "/", body, "sagemaker", X_Amz_Target=target)
    assert status == 413
    assert send(aws, "POST", "/", b"{}", "sagemaker", X_Amz_Target=target)[0] == 200


def test_idle_connections_do_not_keep_others_out(aws):
    address = urlsplit(aws.endpoint)
    idle = [socket.create_connection((address.hostname, address.port), timeout=240) for _ in range(100)]
    try:
        assert send(aws, "POST", "/", b"{}", "sagemaker", X_Amz_Target="SageMaker.ListModels")[0] == 200
    finally:
        for connection in idle:
            connection.close()
