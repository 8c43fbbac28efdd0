"""Signature Version 4: AWS's published example, and what botocore signs, changed in one place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest

from wildsage.local_runner.signatures import version4
from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.rejections import (
    Expired,
    Malformed,
    MalformedQuery,
    Mismatch,
    NotCovered,
    NotSigned,
    UnknownKey,
    WrongTime,
)
from wildsage.local_runner.signatures.request import SignedRequest

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SCOPE = "20130524/us-east-1/s3/aws4_request"
SIGNED_AT = datetime(2013, 5, 24, tzinfo=UTC)
STAMP = "20130524T000000Z"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EXAMPLE = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
"""Signature of the example "GET Object" of the S3 API reference."""
PRESIGNED_EXAMPLE = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
"""Signature of the example of a presigned address there."""


def environ(**changes: str) -> dict[str, str]:
    """The example: the first ten bytes of an object."""
    names = "host;range;x-amz-content-sha256;x-amz-date"
    given = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/test.txt",
        "QUERY_STRING": "",
        "HTTP_HOST": "examplebucket.s3.amazonaws.com",
        "HTTP_RANGE": "bytes=0-9",
        "HTTP_X_AMZ_CONTENT_SHA256": EMPTY,
        "HTTP_X_AMZ_DATE": STAMP,
        "HTTP_AUTHORIZATION": header(names),
    }
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def header(names: str, signature: str = EXAMPLE, scope: str = SCOPE, algorithm: str = "AWS4-HMAC-SHA256") -> str:
    return f"{algorithm} Credential={KEYS.access_key}/{scope},SignedHeaders={names},Signature={signature}"


def check(given: dict[str, str], now: datetime = SIGNED_AT, payload: str = EMPTY, keys: Keys = KEYS) -> None:
    request = SignedRequest.from_environ(given)
    version4.verify(request, version4.claim(request), payload, keys, now)


def test_the_published_example_is_accepted():
    check(environ())
    claimed = version4.claim(SignedRequest.from_environ(environ()))
    assert (claimed.access_key, claimed.scope, claimed.service) == (KEYS.access_key, SCOPE, "s3")
    assert (claimed.stamp, claimed.signature, claimed.expires_s, claimed.is_s3) == (STAMP, EXAMPLE, None, True)
    check(environ(HTTP_RANGE="  bytes=0-9 ", HTTP_USER_AGENT="not signed"))


@pytest.mark.parametrize(
    "change",
    [
        {"REQUEST_METHOD": "PUT"},
        {"PATH_INFO": "/test.txt2"},
        {"QUERY_STRING": "a=b"},
        {"HTTP_HOST": "other.s3.amazonaws.com"},
        {"HTTP_RANGE": "bytes=0-8"},
        {"HTTP_X_AMZ_DATE": "20130524T000001Z"},
        {"HTTP_AUTHORIZATION": header("host;range;x-amz-content-sha256;x-amz-date", EXAMPLE[:-1])},
        {"HTTP_AUTHORIZATION": header("host;range;x-amz-content-sha256;x-amz-date", "\xff")},
        {"HTTP_AUTHORIZATION": header("host;x-amz-content-sha256;x-amz-date")},
    ],
    ids=str,
)
def test_nothing_that_is_signed_may_differ(change):
    with pytest.raises(Mismatch) as caught:
        check(environ(**change))
    assert caught.value.details["AWSAccessKeyId"] == KEYS.access_key
    assert caught.value.details["StringToSign"].startswith("AWS4-HMAC-SHA256\n2013")
    assert caught.value.details["CanonicalRequest"].endswith(EMPTY)


def test_the_body_and_the_secret_are_signed_too():
    for different in ({"payload": "0" * 64}, {"keys": replace(KEYS, secret="other")}):
        with pytest.raises(Mismatch):
            check(environ(), **different)
    with pytest.raises(UnknownKey) as caught:
        check(environ(), keys=Keys("other", KEYS.secret))
    assert caught.value.details == {"AWSAccessKeyId": KEYS.access_key}


@pytest.mark.parametrize("name", ["HTTP_X_AMZ_ACL", "HTTP_X_AMZ_TARGET"])
def test_a_header_of_aws_must_be_signed(name):
    with pytest.raises(NotCovered) as caught:
        check(environ(**{name: "x"}))
    assert caught.value.details == {"HeadersNotSigned": name.removeprefix("HTTP_").replace("_", "-").lower()}


def test_the_host_must_be_signed():
    with pytest.raises(NotCovered) as caught:
        check(environ(HTTP_AUTHORIZATION=header("range;x-amz-content-sha256;x-amz-date")))
    assert caught.value.details == {"HeadersNotSigned": "host"}


@pytest.mark.parametrize(
    ("service", "minutes"), [("s3", 15), ("s3-object-lambda", 15), ("sagemaker", 5)], ids=["s3", "lambda", "sagemaker"]
)
def test_a_request_is_signed_some_minutes_before_or_after_it_arrives(service, minutes):
    claimed = version4.Claim("k", SCOPE, service, ["host"], "s", SIGNED_AT)
    skew, second = timedelta(minutes=minutes), timedelta(seconds=1)
    for now in (SIGNED_AT, SIGNED_AT - skew, SIGNED_AT + skew):
        version4.check_time(claimed, now)
    for now in (SIGNED_AT - skew - second, SIGNED_AT + skew + second):
        with pytest.raises(WrongTime) as caught:
            version4.check_time(claimed, now)
        assert caught.value.details == {
            "RequestTime": STAMP,
            "ServerTime": now.strftime("%Y%m%dT%H%M%SZ"),
            "Skew": str(minutes * 60),
        }


def test_the_time_is_checked_after_the_signature():
    with pytest.raises(WrongTime):
        check(environ(), SIGNED_AT + timedelta(hours=1))


def presigned(**changes: str) -> dict[str, str]:
    """The example of a presigned address, which holds for a day."""
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{KEYS.access_key}/{SCOPE}",
        "X-Amz-Date": STAMP,
        "X-Amz-Expires": "86400",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": PRESIGNED_EXAMPLE,
    }
    query |= {name.replace("_", "-"): value for name, value in changes.items()}
    text = urlencode({name: value for name, value in query.items() if value is not None}, quote_via=quote)
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/test.txt",
        "QUERY_STRING": text,
        "HTTP_HOST": "examplebucket.s3.amazonaws.com",
    }


def test_the_published_example_of_an_address_is_accepted_for_a_day():
    for seconds in (-15 * 60, 0, 86_400):
        check(presigned(), SIGNED_AT + timedelta(seconds=seconds), version4.UNSIGNED)
    check({**presigned(), "HTTP_X_AMZ_CONTENT_SHA256": EMPTY}, payload=version4.UNSIGNED)
    with pytest.raises(WrongTime):
        check(presigned(), SIGNED_AT - timedelta(seconds=15 * 60 + 1), version4.UNSIGNED)
    with pytest.raises(Expired) as caught:
        check(presigned(), SIGNED_AT + timedelta(seconds=86_401), version4.UNSIGNED)
    assert caught.value.details == {"Expires": "2013-05-25T00:00:00Z", "ServerTime": "2013-05-25T00:00:01Z"}


@pytest.mark.parametrize(("given", "seconds"), [(None, 900), ("", 900), ("0", 0), ("1", 1), ("604800", 604_800)])
def test_an_address_holds_a_week_at_most_and_a_quarter_of_an_hour_by_default(given, seconds):
    assert version4.claim(SignedRequest.from_environ(presigned(X_Amz_Expires=given))).expires_s == seconds


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"X_Amz_Expires": "604801"}, "less than a week"),
        ({"X_Amz_Expires": "-1"}, "less than a week"),
        ({"X_Amz_Expires": "99999999"}, "less than a week"),
        ({"X_Amz_Algorithm": "AWS4-HMAC-SHA1"}, "only supports AWS4-HMAC-SHA256"),
        ({"X_Amz_Algorithm": None}, "requires the X-Amz-Algorithm"),
        ({"X_Amz_Credential": None}, "requires the X-Amz-Algorithm"),
        ({"X_Amz_Date": ""}, "requires the X-Amz-Algorithm"),
        ({"X_Amz_SignedHeaders": None}, "requires the X-Amz-Algorithm"),
        ({"X_Amz_Signature": ""}, "requires the X-Amz-Algorithm"),
        ({"X_Amz_Credential": "key"}, "mal-formed"),
    ],
    ids=str,
)
def test_what_is_wrong_with_an_address_is_named(changes, text):
    with pytest.raises(MalformedQuery, match=text):
        version4.claim(SignedRequest.from_environ(presigned(**changes)))


NAMES = "host;range;x-amz-content-sha256;x-amz-date"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"HTTP_AUTHORIZATION": header(NAMES, algorithm="AWS4-ECDSA-P256-SHA256")}, "Unsupported signing algorithm"),
        ({"HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256"}, "requires 'Credential'"),
        ({"HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=a, SignedHeaders={NAMES}"}, "requires 'Signature'"),
        ({"HTTP_AUTHORIZATION": header("")}, "requires 'SignedHeaders'"),
        ({"HTTP_AUTHORIZATION": header(NAMES) + ",Signature=0"}, "names a parameter twice"),
        ({"HTTP_X_AMZ_DATE": None}, "requires existence of an 'X-Amz-Date' header"),
        ({"HTTP_X_AMZ_DATE": "2013-05-24"}, "must be in ISO8601"),
        ({"HTTP_X_AMZ_DATE": "20131324T000000Z"}, "must be in ISO8601"),
        ({"HTTP_X_AMZ_DATE": "20130525T000000Z"}, "Date in Credential scope does not match"),
        ({"HTTP_AUTHORIZATION": header(NAMES, scope="2013/us-east-1/s3/aws4_request")}, "mal-formed"),
        ({"HTTP_AUTHORIZATION": header("range;host")}, "must be sorted lower-case names"),
        ({"HTTP_AUTHORIZATION": header("host;host")}, "must be sorted lower-case names"),
        ({"HTTP_AUTHORIZATION": header("Host")}, "must be sorted lower-case names"),
        ({"QUERY_STRING": "X-Amz-Signature=x"}, "Only one auth mechanism allowed"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_header_is_named(changes, text):
    with pytest.raises(Malformed, match=text) as caught:
        version4.claim(SignedRequest.from_environ(environ(**changes)))
    assert not isinstance(caught.value, MalformedQuery)


def test_a_signed_header_that_is_missing_is_named():
    with pytest.raises(Mismatch) as caught:
        version4.claim(SignedRequest.from_environ(environ(HTTP_RANGE=None)))
    assert caught.value.details == {"HeadersMissing": "range"}


def test_whether_a_request_is_signed_is_told_by_its_header_or_its_address():
    unsigned = environ(HTTP_AUTHORIZATION=None)
    for given, signed in [
        (environ(), True),
        (presigned(), True),
        (presigned(X_Amz_Signature=""), True),
        (unsigned, False),
        ({**unsigned, "HTTP_AUTHORIZATION": "AWS key:signature"}, False),
    ]:
        assert version4.is_signed(SignedRequest.from_environ(given)) is signed
    with pytest.raises(NotSigned):
        version4.claim(SignedRequest.from_environ(unsigned))


def test_a_path_is_encoded_twice_but_for_s3():
    given = SignedRequest.from_environ(environ(PATH_INFO="/a b"))
    claimed = version4.claim(given)
    assert version4.canonical_request(given, claimed, EMPTY).startswith(b"GET\n/a%20b\n\nhost:")
    other = replace(claimed, service="sagemaker")
    assert version4.canonical_request(given, other, EMPTY).startswith(b"GET\n/a%2520b\n\nhost:")


def form(**changes: str) -> dict[str, str]:
    """The fields of the example "Browser-Based Upload using HTTP POST", whose policy here is short."""
    policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiIH0="
    fields = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{KEYS.access_key}/{SCOPE}",
        "policy": policy,
        "x-amz-signature": version4.sign(version4.signing_key(KEYS, SCOPE), policy),
    }
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in fields.items() if value is not None}


def test_the_policy_of_a_form_is_what_is_signed():
    version4.verify_form(form(), KEYS)
    for change in ({"policy": "eyB9"}, {"x_amz_signature": "0" * 64}, {"x_amz_signature": None}):
        with pytest.raises(Mismatch) as caught:
            version4.verify_form(form(**change), KEYS)
        assert caught.value.details["AWSAccessKeyId"] == KEYS.access_key
    for change in ({"x_amz_algorithm": "other"}, {"x_amz_credential": None}, {"x_amz_credential": "key"}):
        with pytest.raises(Malformed, match="A form needs"):
            version4.verify_form(form(**change), KEYS)
    with pytest.raises(UnknownKey):
        version4.verify_form(form(), Keys("other", KEYS.secret))
