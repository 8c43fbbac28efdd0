"""Who may call: S3 with keys, and requests as botocore signs them."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from werkzeug import Request
from werkzeug.test import Client, TestResponse

from wildsage.local_runner.s3.access import Access
from wildsage.local_runner.s3.protocol import S3
from wildsage.local_runner.signatures.keys import Keys

KEYS = Keys("WILDSAGE234567234567", "secret")
CREDENTIALS = Credentials(KEYS.access_key, KEYS.secret)
ADDRESS = "http://localhost/bucket/key"


@pytest.fixture
def clock():
    """How much later than now it is."""
    return [timedelta()]


@pytest.fixture
def http(local, clock):
    local.store.put("bucket", "key", [b"content"])
    s3 = S3(local.store, access=Access(KEYS, lambda: datetime.now(UTC) + clock[0]))
    return Client(lambda environ, start: s3.respond(Request(environ))(environ, start))


def header(request: AWSRequest, credentials: Credentials = CREDENTIALS) -> AWSRequest:
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    return request


def address(request: AWSRequest, credentials: Credentials = CREDENTIALS) -> AWSRequest:
    S3SigV4QueryAuth(credentials, "s3", "us-east-1", 60).add_auth(request)
    return request


def old_header(request: AWSRequest, credentials: Credentials = CREDENTIALS) -> AWSRequest:
    request.auth_path = urlsplit(request.url).path
    HmacV1Auth(credentials).add_auth(request)
    return request


def old_address(request: AWSRequest, credentials: Credentials = CREDENTIALS) -> AWSRequest:
    request.auth_path = urlsplit(request.url).path
    HmacV1QueryAuth(credentials, 60).add_auth(request)
    return request


def send(http: Client, request: AWSRequest, **changes: str) -> TestResponse:
    url = urlsplit(request.url)
    headers = {name: value for name, value in {**dict(request.headers), **changes}.items() if value is not None}
    body = request.data or b""
    return http.open(
        url.path,
        method=request.method,
        query_string=url.query,
        headers=headers,
        input_stream=BytesIO(body),
        content_length=len(body),
        base_url="http://localhost",
    )


def code(answer: TestResponse) -> str:
    return answer.text.partition("<Code>")[2].partition("</Code>")[0]


@pytest.mark.parametrize("sign", [header, address, old_header, old_address])
def test_a_request_is_answered_if_it_is_signed_with_the_keys(http, sign):
    assert send(http, sign(AWSRequest("GET", ADDRESS))).data == b"content"
    for credentials, expected in [
        (Credentials("other", KEYS.secret), "InvalidAccessKeyId"),
        (Credentials(KEYS.access_key, "other"), "SignatureDoesNotMatch"),
    ]:
        answer = send(http, sign(AWSRequest("GET", ADDRESS), credentials))
        assert (answer.status_code, code(answer)) == (403, expected)
        assert b"<AWSAccessKeyId>" in answer.data


def test_a_request_that_is_not_signed_is_denied(http):
    answer = http.get("/bucket/key")
    assert (answer.status_code, code(answer), "Access Denied" in answer.text) == (403, "AccessDenied", True)


def test_a_bucket_in_the_host_is_signed_as_a_path(http, local):
    local.store.put("bucket", "a b", [b"with a blank"])
    request = AWSRequest("GET", "http://bucket.s3.amazonaws.com/a%20b")
    request.auth_path = "/bucket/a%20b"
    HmacV1Auth(CREDENTIALS).add_auth(request)
    answer = http.get("/a b", headers=dict(request.headers), base_url="http://bucket.s3.amazonaws.com")
    assert answer.data == b"with a blank"


def test_what_cannot_be_a_signature_is_malformed(http):
    signed = header(AWSRequest("GET", ADDRESS))
    answer = send(http, signed, Authorization="AWS4-HMAC-SHA256 x")
    assert (answer.status_code, code(answer)) == (400, "AuthorizationHeaderMalformed")
    answer = http.get("/bucket/key?X-Amz-Signature=x")
    assert (answer.status_code, code(answer)) == (400, "AuthorizationQueryParametersError")
    request = AWSRequest("GET", ADDRESS)
    SigV4Auth(CREDENTIALS, "s3", "us-east-1").add_auth(request)  # of other services, without a hash of the body
    answer = send(http, request)
    assert (code(answer), "Missing required header" in answer.text) == ("AuthorizationHeaderMalformed", True)
    for wrong in ("x" * 64, "0" * 63, "UNSIGNED"):
        request = AWSRequest("GET", ADDRESS, {"X-Amz-Content-SHA256": wrong})
        assert code(send(http, header(request), **{"X-Amz-Content-SHA256": wrong})) == "AuthorizationHeaderMalformed"


def test_a_header_of_aws_that_is_not_signed_is_denied(http):
    answer = send(http, header(AWSRequest("GET", ADDRESS)), **{"x-amz-acl": "public-read"})
    assert (answer.status_code, code(answer)) == (403, "AccessDenied")
    assert "<HeadersNotSigned>x-amz-acl</HeadersNotSigned>" in answer.text


@pytest.mark.parametrize("sign", [header, old_header])
def test_a_request_of_another_time_is_denied(http, clock, sign):
    signed = sign(AWSRequest("GET", ADDRESS))
    for minutes, status in ((14, 200), (-14, 200), (16, 403), (-16, 403)):
        clock[0] = timedelta(minutes=minutes)
        assert send(http, signed).status_code == status
    answer = send(http, signed)
    assert code(answer) == "RequestTimeTooSkewed"
    assert "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>" in answer.text
    assert "<RequestTime>" in answer.text and "<Skew>" not in answer.text


@pytest.mark.parametrize("sign", [address, old_address])
def test_an_address_expires(http, clock, sign):
    signed = sign(AWSRequest("GET", ADDRESS))
    assert send(http, signed).status_code == 200
    clock[0] = timedelta(seconds=70)
    answer = send(http, signed)
    assert (code(answer), "Request has expired" in answer.text, "<Expires>" in answer.text) == (
        "AccessDenied",
        True,
        True,
    )


def test_the_body_is_the_signed_one(http, local):
    signed = AWSRequest("PUT", ADDRESS, data=b"right")
    signed.headers["X-Amz-Content-SHA256"] = hashlib.sha256(b"right").hexdigest()
    signed = header(signed)
    signed.data = b"wrong"
    assert code(send(http, signed)) == "XAmzContentSHA256Mismatch"
    assert local.store.get("bucket", "key").path.read_bytes() == b"content"


def test_the_body_of_a_presigned_address_is_any(http, local):
    assert send(http, address(AWSRequest("PUT", ADDRESS)), Content_Type="x").status_code == 200
    signed = address(AWSRequest("PUT", ADDRESS))
    signed.data = b"anything"
    assert send(http, signed).status_code == 200
    assert local.store.get("bucket", "key").path.read_bytes() == b"anything"


def form(version: str) -> dict[str, str]:
    s3 = boto3.client(
        "s3",
        "us-east-1",
        endpoint_url="http://localhost",
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret,
        config=Config(signature_version=version),
    )
    return s3.generate_presigned_post("bucket", "form")["fields"]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_form_is_signed_in_its_policy(http, local, version):
    def post(**changes: str | None) -> TestResponse:
        fields = {name: value for name, value in {**form(version), **changes}.items() if value is not None}
        return http.post("/bucket", data={**fields, "file": (BytesIO(b"by form"), "name")}, base_url="http://localhost")

    assert post().status_code == 204
    assert local.store.get("bucket", "form").path.read_bytes() == b"by form"
    other = base64.b64encode(json.dumps({"expiration": "2099-01-01T00:00:00Z", "conditions": []}).encode()).decode()
    signature = "signature" if version == "s3" else "x-amz-signature"
    for changes, expected in [
        ({"policy": None}, "AccessDenied"),
        ({"policy": other}, "SignatureDoesNotMatch"),
        ({signature: "x"}, "SignatureDoesNotMatch"),
    ]:
        answer = post(**changes)
        assert (answer.status_code, code(answer)) == (403, expected)


def test_without_a_clock_of_its_own_it_is_now(local):
    s3 = S3(local.store, access=Access(KEYS))
    now = Client(lambda environ, start: s3.respond(Request(environ))(environ, start))
    local.store.put("bucket", "key", [b"content"])
    assert send(now, header(AWSRequest("GET", ADDRESS))).data == b"content"
