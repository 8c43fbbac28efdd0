"""Signature Version 2: the examples of the S3 API reference, and botocore's own signer."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest

from wildsage.local_runner.signatures import version2
from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.rejections import Expired, Malformed, Mismatch, UnknownKey, WrongTime
from wildsage.local_runner.signatures.request import SignedRequest

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SENT = datetime(2007, 3, 27, 19, 36, 42, tzinfo=UTC)
DATE = "Tue, 27 Mar 2007 19:36:42 +0000"
PATH = "/awsexamplebucket1/photos/puppy.jpg"


def signature(*lines: str) -> str:
    """Of a text, as the reference describes it."""
    return base64.b64encode(hmac.digest(KEYS.secret.encode(), "\n".join(lines).encode(), hashlib.sha1)).decode()


def check(lines: tuple[str, ...], now: datetime = SENT, key: str = KEYS.access_key, path: str = PATH, **environ: str):
    authorization = f"AWS {key}:{signature(*lines)}"
    given = {"REQUEST_METHOD": "GET", "HTTP_DATE": DATE, "HTTP_AUTHORIZATION": authorization, **environ}
    request = SignedRequest.from_environ({name: value for name, value in given.items() if value is not None})
    assert version2.is_signed(request)
    version2.verify(request, path, KEYS, now)


def test_the_published_example_is_accepted():
    """Object GET: its signature is in the reference."""
    assert signature("GET", "", "", DATE, PATH) == "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="
    check(("GET", "", "", DATE, PATH))


@pytest.mark.parametrize(
    ("lines", "environ"),
    [
        (("PUT", "", "image/jpeg", DATE, PATH), {"REQUEST_METHOD": "PUT", "CONTENT_TYPE": "image/jpeg"}),
        (("GET", "bWQ1", "", DATE, PATH), {"HTTP_CONTENT_MD5": "bWQ1"}),
        (("GET", "", "", "", f"x-amz-date:{DATE}", PATH), {"HTTP_X_AMZ_DATE": DATE, "HTTP_DATE": "other"}),
        (("GET", "", "", "", f"x-amz-date:{DATE}", PATH), {"HTTP_X_AMZ_DATE": DATE, "HTTP_DATE": None}),
        (
            ("GET", "", "", DATE, "x-amz-acl:private", "x-amz-meta-a:1 2", PATH),
            {"HTTP_X_AMZ_META_A": " 1   2", "HTTP_X_AMZ_ACL": "private", "HTTP_USER_AGENT": "x"},
        ),
        (("GET", "", "", DATE, f"{PATH}?acl"), {"QUERY_STRING": "acl&prefix=x"}),
        (
            ("GET", "", "", DATE, f"{PATH}?partNumber=1&uploadId=u"),
            {"QUERY_STRING": "uploadId=u&partNumber=1&max-keys=1"},
        ),
    ],
    ids=["type", "digest", "date of AWS", "date of AWS alone", "headers of AWS", "argument", "arguments"],
)
def test_what_is_signed(lines, environ):
    check(lines, **environ)
    with pytest.raises(Mismatch) as caught:
        check(("other", *lines[1:]), **environ)
    assert caught.value.details["StringToSign"] == "\n".join(lines)
    assert caught.value.details["AWSAccessKeyId"] == KEYS.access_key


def test_a_request_is_sent_within_a_quarter_of_an_hour():
    skew = timedelta(minutes=15)
    for now in (SENT - skew, SENT + skew):
        check(("GET", "", "", DATE, PATH), now)
    for now in (SENT - skew - timedelta(seconds=1), SENT + skew + timedelta(seconds=1)):
        with pytest.raises(WrongTime) as caught:
            check(("GET", "", "", DATE, PATH), now)
        assert caught.value.details == {
            "RequestTime": "20070327T193642Z",
            "ServerTime": now.strftime("%Y%m%dT%H%M%SZ"),
            "Skew": "900",
        }


@pytest.mark.parametrize("date", [None, "", "soon", "\xff", "20070327T193642Z"])
def test_a_date_is_needed(date):
    with pytest.raises(Malformed, match="valid Date or x-amz-date"):
        check(("GET", "", "", date or "", PATH), HTTP_DATE=date)


def test_a_date_without_a_zone_is_in_utc():
    check(("GET", "", "", "Tue, 27 Mar 2007 19:36:42 -0000", PATH), HTTP_DATE="Tue, 27 Mar 2007 19:36:42 -0000")


def test_the_key_is_that_of_the_data_folder():
    with pytest.raises(UnknownKey) as caught:
        check(("GET", "", "", DATE, PATH), key="other")
    assert caught.value.details == {"AWSAccessKeyId": "other"}


ENDS = datetime(2007, 3, 27, 20, 0, 0, tzinfo=UTC)
EXPIRES = str(int(ENDS.timestamp()))


def presigned(now: datetime, expires: str = EXPIRES, signed: str = EXPIRES, more: dict | None = None, **environ: str):
    query = {"AWSAccessKeyId": KEYS.access_key, "Expires": expires, **(more or {})}
    query["Signature"] = signature("GET", "", "", signed, *(f"{k}:{v}" for k, v in (more or {}).items()), PATH)
    text = urlencode({name: value for name, value in query.items() if value is not None}, quote_via=quote)
    request = SignedRequest.from_environ({"REQUEST_METHOD": "GET", "QUERY_STRING": text, **environ})
    assert version2.is_signed(request)
    version2.verify(request, PATH, KEYS, now)


def test_an_address_holds_until_it_expires():
    presigned(SENT)
    presigned(ENDS, HTTP_DATE="any", HTTP_USER_AGENT="any")
    with pytest.raises(Expired) as caught:
        presigned(ENDS + timedelta(seconds=1))
    assert caught.value.details == {"Expires": "2007-03-27T20:00:00Z", "ServerTime": "2007-03-27T20:00:01Z"}
    with pytest.raises(Mismatch):
        presigned(SENT, expires="9999999999")


def test_an_address_holds_the_headers_that_it_was_signed_with():
    presigned(SENT, more={"x-amz-acl": "private"})
    presigned(SENT, more={"x-amz-date": DATE})


@pytest.mark.parametrize("expires", ["", "soon", "-1", "1.5", "9" * 12, "\u0661"])
def test_a_time_to_expire_is_a_number(expires):
    with pytest.raises((Malformed, Mismatch)):
        presigned(SENT, expires=expires, signed=expires.encode().decode("latin-1"))
    if expires.isascii():
        with pytest.raises(Malformed, match="number of seconds since 1970"):
            presigned(SENT, expires=expires, signed=expires)
    presigned(SENT, expires="9" * 11, signed="9" * 11)


def test_whether_a_request_is_signed_is_told_by_its_header_or_its_address():
    for environ, signed in [
        ({"HTTP_AUTHORIZATION": "AWS key:s"}, True),
        ({"QUERY_STRING": "Signature="}, True),
        ({"HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=x"}, False),
        ({}, False),
    ]:
        assert version2.is_signed(SignedRequest.from_environ({"REQUEST_METHOD": "GET", **environ})) is signed


def test_the_policy_of_a_form_is_what_is_signed():
    fields = {"awsaccesskeyid": KEYS.access_key, "policy": "cG9saWN5", "signature": signature("cG9saWN5")}
    version2.verify_form(fields, KEYS)
    for change in ({"policy": "b3RoZXI="}, {"signature": ""}):
        with pytest.raises(Mismatch) as caught:
            version2.verify_form({**fields, **change}, KEYS)
        assert caught.value.details == {
            "AWSAccessKeyId": KEYS.access_key,
            "StringToSign": {**fields, **change}["policy"],
        }
    for key in ("other", ""):
        with pytest.raises(UnknownKey):
            version2.verify_form({**fields, "awsaccesskeyid": key}, KEYS)
    del fields["signature"]
    with pytest.raises(Mismatch):
        version2.verify_form(fields, KEYS)
