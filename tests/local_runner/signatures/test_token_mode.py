"""A server that asks for signatures, called by boto3 as any program does, and by those who have no keys."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.client
import io
import os
import stat
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import boto3
import pytest
import urllib3
from botocore import UNSIGNED
from botocore import auth as botocore_auth
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from wildsage.containers.contract.paths import DEFAULT_ROOT
from wildsage.local_runner.processes import mounts
from wildsage.local_runner.signatures import keys
from wildsage.local_runner.signatures.chunks import SIGNED_CHUNKS, SIGNED_CHUNKS_AND_TRAILER, ChunkSignatures
from wildsage.local_runner.signatures.rejections import Mismatch
from wildsage.local_runner.signatures.request import SignedRequest
from wildsage.local_runner.signatures.version4 import canonical_request, claim, sign, signing_key

REGION = "us-east-1"
SIGNED_FOR_NOBODY = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
)


class Caller:
    """Clients of one server, with given keys."""

    def __init__(self, endpoint: str, access_key: str, secret: str) -> None:
        self.endpoint, self.access_key, self.secret = endpoint, access_key, secret

    def client(self, service: str, **config: Any) -> Any:
        config = Config(retries={"total_max_attempts": 1}, **config)
        signed = {"aws_access_key_id": self.access_key, "aws_secret_access_key": self.secret}
        return boto3.client(service, region_name=REGION, endpoint_url=self.endpoint, config=config, **signed)


@pytest.fixture(scope="module")
def server(tmp_path_factory, aws_class) -> Iterator[Any]:
    aws = aws_class.start(tmp_path_factory.mktemp("token"), "0", "process", "1", "token")
    yield aws
    aws.stop()


@pytest.fixture(scope="module")
def owner(server) -> Caller:
    found = keys.read(server.data)
    return Caller(server.endpoint, found.access_key, found.secret)


@pytest.fixture(scope="module")
def bucket(owner) -> str:
    owner.client("s3").create_bucket(Bucket="bucket")
    return "bucket"


CALLS = {
    "sagemaker": ("list_models", {}),
    "logs": ("describe_log_groups", {}),
    "ecr": ("describe_repositories", {}),
    "sts": ("get_caller_identity", {}),
    "iam": ("list_roles", {}),
    "cloudwatch": ("list_metrics", {}),
    "sagemaker-runtime": ("invoke_endpoint", {"EndpointName": "nobody", "Body": b"x"}),
    "s3": ("list_buckets", {}),
}
UNKNOWN = {
    **dict.fromkeys(("sagemaker", "logs", "ecr", "cloudwatch", "sagemaker-runtime"), "UnrecognizedClientException"),
    **dict.fromkeys(("sts", "iam"), "InvalidClientTokenId"),
    "s3": "InvalidAccessKeyId",
}
MISMATCH = {
    **dict.fromkeys(("sagemaker", "logs", "ecr", "cloudwatch", "sagemaker-runtime"), "InvalidSignatureException"),
    **dict.fromkeys(("sts", "iam", "s3"), "SignatureDoesNotMatch"),
}
MISSING = {
    **dict.fromkeys(
        ("sagemaker", "logs", "ecr", "cloudwatch", "sagemaker-runtime"), "MissingAuthenticationTokenException"
    ),
    **dict.fromkeys(("sts", "iam"), "MissingAuthenticationToken"),
    "s3": "AccessDenied",
}


def call(caller: Caller, service: str) -> str:
    """The code of the error, or "" without one."""
    operation, request = CALLS[service]
    try:
        getattr(caller.client(service), operation)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


@pytest.mark.parametrize("service", CALLS)
def test_the_owner_is_answered(owner, service):
    assert call(owner, service) in ("", "ValidationError", "NotImplemented")


@pytest.mark.parametrize("service", CALLS)
def test_another_key_is_rejected_in_the_words_of_the_service(server, service):
    assert call(Caller(server.endpoint, "AKIAIOSFODNN7EXAMPLE", "x" * 40), service) == UNKNOWN[service]


@pytest.mark.parametrize("service", CALLS)
def test_another_secret_is_rejected_in_the_words_of_the_service(owner, service):
    assert call(Caller(owner.endpoint, owner.access_key, owner.secret + "x"), service) == MISMATCH[service]


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_wrong_is_rejected(owner, service, minutes, monkeypatch):
    there = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(botocore_auth, "get_current_datetime", lambda remove_tzinfo=True: there.replace(tzinfo=None))
    assert call(owner, service) == ("RequestTimeTooSkewed" if service == "s3" else MISMATCH[service])


@pytest.mark.parametrize("service", CALLS)
def test_a_request_without_a_signature_is_rejected(owner, service):
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    operation, request = CALLS[service]
    client = boto3.client(service, region_name=REGION, endpoint_url=owner.endpoint, config=config)
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)(**request)
    assert raised.value.response["Error"]["Code"] == MISSING[service]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "HEAD"])
@pytest.mark.parametrize(
    "path", ["/", "/bucket", "/bucket/key", "/endpoints/e/invocations", "//", "/bucket?policy", "/latest/meta-data"]
)
def test_a_stranger_gets_nothing(server, bucket, method, path):
    for headers in (
        {},
        {"Authorization": SIGNED_FOR_NOBODY.format("s3")},
        {"Authorization": SIGNED_FOR_NOBODY.format("sagemaker")},
    ):
        answer = urllib3.request(method, server.endpoint + path, headers=headers, retries=False, timeout=240)
        assert answer.status in (400, 403), (headers, answer.data)


# S3


def test_objects_of_all_kinds_of_uploads_come_back(owner, bucket):
    s3 = owner.client("s3", s3={"payload_signing_enabled": True})
    large = os.urandom(9 << 20)
    s3.put_object(Bucket=bucket, Key="a b/ü+%&=~.txt", Body=b"content", Metadata={"note": "two  words"})
    s3.upload_fileobj(io.BytesIO(large), bucket, "large")
    assert s3.get_object(Bucket=bucket, Key="a b/ü+%&=~.txt")["Body"].read() == b"content"
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == large
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü+%&=~.txt"})
    found = s3.list_objects_v2(Bucket=bucket, Prefix="a b/ü+", Delimiter="/", StartAfter="a")
    assert [one["Key"] for one in found["Contents"]] == ["a b/ü+%&=~.txt"]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "large"}]})


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_addresses_work_until_they_expire_and_for_what_they_are(owner, bucket, version):
    s3 = owner.client("s3", signature_version=version)
    target = {"Bucket": bucket, "Key": f"by {version}/+ü"}
    put = s3.generate_presigned_url("put_object", Params=target)
    assert urllib3.request("PUT", put, body=b"presigned", timeout=240).status == 200
    get = s3.generate_presigned_url("get_object", Params={**target, "ResponseContentType": "text/x"})
    answer = urllib3.request("GET", get, timeout=240)
    assert (answer.status, answer.data, answer.headers["Content-Type"]) == (200, b"presigned", "text/x")
    for method, url, headers in (
        ("DELETE", get, {}),
        ("GET", get.replace("%2B", "%2b").replace("by%20", "By%20"), {}),
        ("GET", get.replace("text%2Fx", "text%2Fhtml"), {}),
        ("PUT", put, {"x-amz-copy-source": f"{bucket}/large"}),
        ("PUT", put, {"x-amz-meta-a": "b"}),
    ):
        answer = urllib3.request(method, url, headers=headers, timeout=240)
        assert answer.status == 403, (method, url, headers)
    past = s3.generate_presigned_url("get_object", Params=target, ExpiresIn=-1 if version == "s3" else 1)
    if version == "s3v4":
        past = _signed_a_while_ago(owner, past)
    answer = urllib3.request("GET", past, timeout=240)
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in answer.data


def _signed_a_while_ago(owner: Caller, url: str) -> str:
    """The same address, signed an hour before."""
    address = urlsplit(url)
    query = dict(parse_qsl(address.query))
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    query["X-Amz-Date"] = before.strftime("%Y%m%dT%H%M%SZ")
    query["X-Amz-Credential"] = f"{owner.access_key}/{before:%Y%m%d}/{REGION}/s3/aws4_request"
    del query["X-Amz-Signature"]
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": address.path.replace("%20", " ")
        .replace("%2B", "+")
        .replace("%C3%BC", "ü".encode().decode("latin-1")),
        "QUERY_STRING": urlencode({**query, "X-Amz-Signature": "x"}, quote_via=quote),
        "HTTP_HOST": address.netloc,
    }
    request = SignedRequest.from_environ(environ)
    claimed = claim(request)
    digest = hashlib.sha256(canonical_request(request, claimed, "UNSIGNED-PAYLOAD")).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", claimed.stamp, claimed.scope, digest))
    query["X-Amz-Signature"] = sign(signing_key(keys.Keys(owner.access_key, owner.secret), claimed.scope), text)
    return f"{address.scheme}://{address.netloc}{address.path}?{urlencode(query, quote_via=quote)}"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_form_is_accepted_with_a_signed_policy_only(owner, bucket, version):
    s3 = owner.client("s3", signature_version=version)
    form = s3.generate_presigned_post(bucket, f"form-{version}")

    def post(**changes: str | None) -> urllib3.BaseHTTPResponse:
        fields = {name: value for name, value in {**form["fields"], **changes}.items() if value is not None}
        return urllib3.request("POST", form["url"], fields={**fields, "file": ("name", b"by form")}, timeout=240)

    assert post().status == 204
    signature = "signature" if version == "s3" else "x-amz-signature"
    other = s3.generate_presigned_post(bucket, "other")["fields"]["policy"]
    for change, code in (
        ({signature: "x" * 64}, b"SignatureDoesNotMatch"),
        ({"policy": other}, b"SignatureDoesNotMatch"),
        ({"policy": None}, b"AccessDenied"),
        ({signature: None}, b"SignatureDoesNotMatch"),
        ({"key": "another"}, b"AccessDenied"),
    ):
        answer = post(**change)
        assert answer.status == 403 and b"<Code>" + code in answer.data, (change, answer.data)


class _Stated(S3SigV4Auth):
    """Signs with a stated hash of the body."""

    def __init__(self, owner: Caller, stated: str) -> None:
        super().__init__(Credentials(owner.access_key, owner.secret), "s3", REGION)
        self._stated = stated

    def payload(self, request: Any) -> str:
        return self._stated


def _put(owner: Caller, payload: str, body: bytes, sent: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """PutObject with a stated payload; `body` is what is signed for, `sent` what is sent."""
    request = AWSRequest(
        "PUT", f"{owner.endpoint}/bucket/chunked", {name.replace("_", "-"): v for name, v in headers.items()}, body
    )
    _Stated(owner, payload).add_auth(request)
    answer = urllib3.request(
        "PUT", request.url, headers=dict(request.headers), body=body if sent is None else sent, timeout=240
    )
    return answer.status, answer.data


def test_a_body_other_than_the_signed_one_is_rejected(owner, bucket):
    digest = hashlib.sha256(b"right").hexdigest()
    assert _put(owner, digest, b"right")[0] == 200
    status, answer = _put(owner, digest, b"right", b"wrong")
    assert status == 400 and b"<Code>XAmzContentSHA256Mismatch</Code>" in answer
    assert owner.client("s3").get_object(Bucket=bucket, Key="chunked")["Body"].read() == b"right"


def _chunks(
    owner: Caller, pieces: list[bytes], trailer: str, stated: str, headers: dict[str, str]
) -> tuple[Any, list[bytes]]:
    """A request in signed chunks: its headers, and the chunks with their signatures."""
    request = AWSRequest("PUT", f"{owner.endpoint}/bucket/chunked", headers, b"")
    _Stated(owner, stated).add_auth(request)
    stamp, header = request.headers["X-Amz-Date"], request.headers["Authorization"]
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    key, previous = signing_key(keys.Keys(owner.access_key, owner.secret), scope), header.rpartition("=")[2]
    lines = []
    for piece in (*pieces, b""):
        hashes = (hashlib.sha256(b"").hexdigest(), hashlib.sha256(piece).hexdigest())
        previous = sign(key, "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, previous, *hashes)))
        lines.append(f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + (b"\r\n" if piece else b""))
    if trailer:
        digest = hashlib.sha256(f"{trailer}\n".encode()).hexdigest()
        signature = sign(key, "\n".join(("AWS4-HMAC-SHA256-TRAILER", stamp, scope, previous, digest)))
        lines.append(f"{trailer}\r\nx-amz-trailer-signature:{signature}\r\n".encode())
    lines.append(b"\r\n")
    return request, lines


@pytest.mark.parametrize("trailer", [False, True], ids=["without", "with a trailer"])
def test_chunks_are_signed_one_after_the_other(owner, bucket, trailer):
    pieces = [b"one" * 30_000, b"two"]
    headers = {"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(sum(map(len, pieces)))}
    line = ""
    if trailer:
        line = f"x-amz-checksum-crc32:{base64.b64encode(zlib.crc32(b''.join(pieces)).to_bytes(4)).decode()}"
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    stated = SIGNED_CHUNKS_AND_TRAILER if trailer else SIGNED_CHUNKS

    def put(change: Any = lambda lines: lines) -> tuple[int, bytes]:
        request, lines = _chunks(owner, pieces, line, stated, headers)
        answer = urllib3.request(
            "PUT", request.url, headers=dict(request.headers), body=b"".join(change(lines)), timeout=240
        )
        return answer.status, answer.data

    status, answer = put()
    assert status == 200, answer
    assert owner.client("s3").get_object(Bucket=bucket, Key="chunked")["Body"].read() == b"".join(pieces)
    changes = [
        lambda lines: [lines[0].replace(b"one", b"eno"), *lines[1:]],
        lambda lines: [lines[0].partition(b";")[0] + b"\r\n" + lines[0].partition(b"\r\n")[2], *lines[1:]],
        lambda lines: [line.replace(b"0;chunk-signature=", b"0;chunk-signature=0") for line in lines],
        lambda lines: [b"0\r\n\r\n"],
    ]
    if trailer:
        changes.append(lambda lines: [line.replace(b"trailer-signature:", b"trailer-signature:0") for line in lines])
    for change in changes:
        status, answer = put(change)
        assert status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in answer, answer
    assert owner.client("s3").get_object(Bucket=bucket, Key="chunked")["Body"].read() == b"".join(pieces)


# Other services


def test_a_body_that_somebody_changed_on_the_way_is_rejected(owner):
    request = AWSRequest("POST", f"{owner.endpoint}/", {"X-Amz-Target": "SageMaker.ListModels"}, b"{}")
    SigV4Auth(Credentials(owner.access_key, owner.secret), "sagemaker", REGION).add_auth(request)
    for body, status in ((b"{}", 200), (b'{"MaxResults": 1}', 400)):
        assert (
            urllib3.request("POST", request.url, headers=dict(request.headers), body=body, timeout=240).status == status
        )


def test_a_header_of_aws_that_is_not_signed_is_rejected(owner):
    """The target is the operation: who sees a signed request must not turn it into another."""
    request = AWSRequest("POST", f"{owner.endpoint}/", {}, b"{}")
    SigV4Auth(Credentials(owner.access_key, owner.secret), "sagemaker", REGION).add_auth(request)
    headers = {**dict(request.headers), "X-Amz-Target": "SageMaker.ListModels"}
    answer = urllib3.request("POST", request.url, headers=headers, body=b"{}", timeout=240)
    assert answer.status == 400
    assert "x-amz-target" in answer.json()["message"]


def test_keys_of_an_assumed_role_work(owner):
    role = owner.client("sts").assume_role(RoleArn="arn:aws:iam::000000000000:role/R", RoleSessionName="session")[
        "Credentials"
    ]
    session = boto3.Session(role["AccessKeyId"], role["SecretAccessKey"], role["SessionToken"], region_name=REGION)
    assert session.client("sagemaker", endpoint_url=owner.endpoint).list_models()["Models"] == []


def test_the_secret_is_in_one_file_that_others_cannot_read(server):
    path = server.data / keys.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.read(server.data) == keys.ensure(server.data)
    secret = keys.read(server.data).secret
    assert secret not in repr(keys.read(server.data))
    found = [file for file in server.data.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]
    assert found == [path]


PROGRAM = "import boto3; print('account', boto3.client('sts').get_caller_identity()['Account'])"


@pytest.mark.skipif(mounts.problem(DEFAULT_ROOT) is not None, reason="jobs have no /opt/ml of their own here")
def test_code_in_a_job_is_signed(server, owner, bucket):
    sagemaker = owner.client("sagemaker")
    sagemaker.create_training_job(
        TrainingJobName="signs",
        AlgorithmSpecification={
            "TrainingImage": "a/b:c",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python", "-c", PROGRAM],
        },
        RoleArn="arn:aws:iam::000000000000:role/R",
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/output"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 600},
    )
    job = server.until(
        lambda: sagemaker.describe_training_job(TrainingJobName="signs"),
        lambda job: job["TrainingJobStatus"] != "InProgress",
    )
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    logs = owner.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="signs/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert "account 000000000000" in [event["message"] for event in events]


MALFORMED = [
    "AWS4-HMAC-SHA256",
    "AWS4-HMAC-SHA256 ",
    "AWS4-HMAC-SHA256 Credential={key}/{day}/us-east-1/s3/aws4_request",
    "AWS4-HMAC-SHA256 Credential={key}/{day}/us-east-1/s3/aws4_request, SignedHeaders=, Signature=0",
    "AWS4-HMAC-SHA256 Credential={key}/{day}/us-east-1/s3/aws4_request, SignedHeaders=;, Signature=0",
    "AWS4-HMAC-SHA256 Credential={key}/{day}/us-east-1/s3/aws4_request, SignedHeaders=host;host, Signature=0",
    "AWS4-HMAC-SHA256 Credential={key}/{day}/us-east-1/s3/aws4_request, SignedHeaders=no-such-header, Signature=0",
    "AWS4-HMAC-SHA256 Credential={key}/{day}/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=\xff\xe9",
    "AWS4-HMAC-SHA256 Credential=\xff/{day}/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
    "AWS4-HMAC-SHA256 Credential={key}/{day}/../s3/aws4_request, SignedHeaders=host, Signature=0",
    "AWS4-HMAC-SHA256 Credential={key}/99999999/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
    "AWS4-HMAC-SHA256 Credential=a, Credential=b, SignedHeaders=host, Signature=0",
    "AWS4-ECDSA-P256-SHA256 Credential={key}/{day}/s3/aws4_request, SignedHeaders=host, Signature=0",
    "AWS {key}:",
    "AWS {key}:\xff",
    "AWS :",
    "AWS",
    "Bearer {key}",
    "Basic YTpi",
]


@pytest.mark.parametrize("header", MALFORMED)
@pytest.mark.parametrize("dated", [True, False])
def test_what_is_no_signature_is_an_error_of_the_caller(server, header, dated):
    now = datetime.datetime.now(datetime.UTC)
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=240)
    connection.putrequest("GET", "/bucket/key")
    connection.putheader(
        "Authorization", header.format(key=keys.read(server.data).access_key, day=f"{now:%Y%m%d}").encode("latin-1")
    )
    if dated:
        connection.putheader("X-Amz-Date", f"{now:%Y%m%dT%H%M%SZ}")
        connection.putheader("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status in (400, 403), answer.read()


QUERIES = [
    {"X-Amz-Signature": ""},
    {"X-Amz-Signature": "x"},
    {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Expires": "-1"},
    {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Expires": "9" * 30},
    {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Expires": "\u0661"},
    {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Date": "20260101T256199Z"},
    {"Signature": "x"},
    {"Signature": "x", "AWSAccessKeyId": "KEY"},
    {"Signature": "x", "AWSAccessKeyId": "KEY", "Expires": "9" * 400},
    {"Signature": "x", "AWSAccessKeyId": "KEY", "Expires": "nan"},
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_what_is_no_signature_in_an_address_is_an_error_of_the_caller(server, query):
    key = keys.read(server.data).access_key
    full = (
        {"X-Amz-Credential": f"{key}/20260101/us-east-1/s3/aws4_request", "X-Amz-SignedHeaders": "host"}
        if "X-Amz-Algorithm" in query
        else {}
    )
    full |= {"X-Amz-Date": "20260101T000000Z", "X-Amz-Signature": "0" * 64} if full else {}
    text = urlencode({**full, **query}).replace("KEY", key)
    answer = urllib3.request("GET", f"{server.endpoint}/bucket/key?{text}", retries=False, timeout=240)
    assert answer.status in (400, 403), answer.data
    assert (b"AuthorizationQueryParametersError" in answer.data) == ("X-Amz-Signature" in text), answer.data


def test_chunk_signatures_know_no_other_order(owner):
    """The same chunk twice is not the same signature."""
    environ = {
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "HTTP_HOST": "h",
        "HTTP_X_AMZ_DATE": "20260101T000000Z",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={owner.access_key}/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=00",
    }
    claimed = claim(SignedRequest.from_environ(environ))
    own = keys.Keys(owner.access_key, owner.secret)
    key = signing_key(own, claimed.scope)
    empty, chunk = hashlib.sha256(b"").hexdigest(), hashlib.sha256(b"x").hexdigest()
    first = sign(key, "\n".join(("AWS4-HMAC-SHA256-PAYLOAD", claimed.stamp, claimed.scope, "00", empty, chunk)))
    signatures = ChunkSignatures(claimed, own)
    signatures.update(b"x")
    signatures.end_chunk(first)
    signatures.update(b"x")
    with pytest.raises(Mismatch) as raised:
        signatures.end_chunk(first)
    assert raised.value.details["SignatureProvided"] == first
