"""The check of requests to services but S3, and the errors of their protocols."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from wildsage.local_runner.signatures import aws, version4
from wildsage.local_runner.signatures.aws import JSON, QUERY, REST, words_of
from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.request import SignedRequest
from wildsage.local_runner.wire.errors import AwsError
from wildsage.local_runner.wire.protocols import Cbor, Ec2, Json, Query, Rest, RestXml

KEYS = Keys("WILDSAGE234567234567", "secret")
BODY = b'{"NameContains": "a"}'


def environ(keys: Keys = KEYS, **headers: str) -> dict[str, str]:
    """A request as botocore signs it now."""
    request = AWSRequest("POST", "http://localhost/", {"X-Amz-Target": "SageMaker.ListModels", **headers}, BODY)
    SigV4Auth(Credentials(keys.access_key, keys.secret), "sagemaker", "us-east-1").add_auth(request)
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    return {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "HTTP_HOST": "localhost", **named}


def check(given: dict[str, str], body: bytes = BODY, words: aws.Words = JSON, later: timedelta = timedelta()) -> None:
    aws.verify(given, body, KEYS, words, lambda: aws.utc_now() + later)


def error(*arguments: object, **named: object) -> AwsError:
    with pytest.raises(AwsError) as caught:
        check(*arguments, **named)  # type: ignore[arg-type]
    return caught.value


def test_what_botocore_signs_is_accepted():
    check(environ())
    assert abs(datetime.now(UTC) - aws.utc_now()) < timedelta(minutes=1)


def test_a_body_may_be_left_out_of_the_signature_where_the_request_says_so():
    unsigned = environ(**{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    check(unsigned, b"anything")
    stated = environ(**{"X-Amz-Content-SHA256": hashlib.sha256(BODY).hexdigest()})
    check(stated)
    assert error(stated, b"other").code == JSON.mismatch


@pytest.mark.parametrize(
    ("protocol", "words"),
    [(Query(), QUERY), (Ec2(), QUERY), (RestXml(), QUERY), (Rest(), REST), (Json(), JSON), (Cbor(), JSON)],
)
def test_each_protocol_has_its_words(protocol, words):
    assert words_of(protocol) is words


@pytest.mark.parametrize(("words", "status"), [(QUERY, 403), (JSON, 400), (REST, 403)])
def test_each_reason_has_its_code_and_status(words, status):
    signed = environ()
    unsigned = {name: value for name, value in signed.items() if name != "HTTP_AUTHORIZATION"}
    for given, code, of_reason in [
        (unsigned, words.missing, status),
        ({**signed, "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256"}, words.incomplete, 400),
        (environ(Keys("other", "secret")), words.unknown_key, status),
        (environ(Keys(KEYS.access_key, "other")), words.mismatch, status),
        ({**signed, "HTTP_X_AMZ_MORE": "x"}, words.mismatch, status),
    ]:
        found = error(given, words=words)
        assert (found.code, found.status) == (code, of_reason)


def test_an_error_says_what_to_do():
    signed = environ()
    assert "--token" in error({**signed, "HTTP_AUTHORIZATION": ""}).message
    assert "--token" in error(environ(Keys("other", "secret"))).message
    assert error({**signed, "HTTP_X_AMZ_MORE": "x"}).message.startswith("x-amz-more must be in SignedHeaders")
    text = error(signed, b"other").message
    assert "should have been\n'POST\n/\n\n" in text and hashlib.sha256(b"other").hexdigest() in text
    assert "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n" in text
    without = {**signed, "HTTP_AUTHORIZATION": signed["HTTP_AUTHORIZATION"].replace("host;", "host;no-such;")}
    assert "should have been" not in error(without).message


def test_a_request_of_another_time_is_rejected():
    signed = environ()
    stamp = signed["HTTP_X_AMZ_DATE"]
    late = error(signed, later=timedelta(minutes=6)).message
    assert late.startswith(f"Signature expired: {stamp} is now earlier than ") and late.endswith("(- 5 min.)")
    early = error(signed, later=timedelta(minutes=-6))
    assert early.code == JSON.mismatch and early.message.endswith("(+ 5 min.)")
    assert early.message.startswith(f"Signature not yet current: {stamp} is still later than ")


def test_a_presigned_address_expires():
    keys, stamp = KEYS, "20260101T000000Z"
    names = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host&X-Amz-Expires=60"
    query = f"{names}&X-Amz-Credential={keys.access_key}%2F20260101%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date={stamp}"
    given = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    request = SignedRequest.from_environ({**given, "QUERY_STRING": f"{query}&X-Amz-Signature=0"})
    claimed = version4.claim(request)
    canonical = version4.canonical_request(request, claimed, hashlib.sha256(b"").hexdigest())
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, claimed.scope, hashlib.sha256(canonical).hexdigest()))
    signature = version4.sign(version4.signing_key(keys, claimed.scope), text)
    found = error({**given, "QUERY_STRING": f"{query}&X-Amz-Signature={signature}"}, b"")
    assert (found.code, found.message) == (JSON.mismatch, "Signature expired: 2026-01-01T00:01:00Z is in the past.")
