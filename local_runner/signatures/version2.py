"""Signature Version 2 of S3, which boto3 still uses for presigned addresses and forms in older regions, such as us-east-1.

The list of parameters that it covers is botocore's.
Source: "Signing and Authenticating REST Requests (Signature Version 2)" (S3 API reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from botocore.auth import HmacV1Auth
from botocore.credentials import Credentials

from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.rejections import Expired, Malformed, Mismatch, UnknownKey, WrongTime
from wildsage.local_runner.signatures.request import BYTES, SignedRequest
from wildsage.local_runner.signatures.version4 import DATE, SKEW_OF_S3, equal

PARAMETERS = frozenset(HmacV1Auth.QSAOfInterest)


def is_signed(request: SignedRequest) -> bool:
    """Whether a request claims to have a signature of this version."""
    return (request.header("authorization") or "").startswith("AWS ") or request.argument("Signature") is not None


def verify(request: SignedRequest, path: str, keys: Keys, now: datetime) -> None:
    """Compare the signature with what `keys` give. `path` is `/bucket/key`, whatever the style of the address.

    Raises Malformed, UnknownKey, Mismatch, WrongTime, Expired.
    """
    if header := request.header("authorization"):
        access_key, _, signature = header.removeprefix("AWS ").partition(":")
        date = _time(request.header("x-amz-date") or request.header("date") or "")
        expires = None
    else:
        access_key, signature = request.argument("AWSAccessKeyId") or "", request.argument("Signature") or ""
        expires, date = request.argument("Expires") or "", None
    _require_key(access_key, keys)
    text = _string_to_sign(request, path, expires)
    if not equal(_signer(keys).sign_string(text), signature):
        raise Mismatch(AWSAccessKeyId=access_key, SignatureProvided=signature, StringToSign=text)
    _check_time(date, expires, now)


def verify_form(fields: Mapping[str, str], keys: Keys) -> None:
    """Compare the signature of a form's policy. `fields` have lower-case names. Raises UnknownKey, Mismatch."""
    _require_key(fields.get("awsaccesskeyid", ""), keys)
    if not equal(_signer(keys).sign_string(fields["policy"]), fields.get("signature", "")):
        raise Mismatch(AWSAccessKeyId=keys.access_key, StringToSign=fields["policy"])


def _signer(keys: Keys) -> HmacV1Auth:
    return HmacV1Auth(Credentials(keys.access_key, keys.secret))


def _require_key(access_key: str, keys: Keys) -> None:
    if not equal(keys.access_key, access_key):
        raise UnknownKey(AWSAccessKeyId=access_key)


def _string_to_sign(request: SignedRequest, path: str, expires: str | None) -> str:
    """What is signed. A presigned address holds the headers that it is to be sent with; the date is a header or the expiry."""
    moved = {name.lower(): value for name, value in request.query} if expires is not None else {}
    headers = {**moved, **request.headers}
    dated = "x-amz-date" in headers and expires is None
    date = "" if dated else (headers.get("date", "") if expires is None else expires)
    amz = [f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers) if name.startswith("x-amz-")]
    asked = [name if value == "" else f"{name}={value}" for name, value in sorted(request.query) if name in PARAMETERS]
    lines = (request.method, headers.get("content-md5", ""), headers.get("content-type", ""), date)
    return "\n".join(lines) + "\n" + "".join(amz) + path + ("?" + "&".join(asked) if asked else "")


def _check_time(date: datetime | None, expires: str | None, now: datetime) -> None:
    if date is not None and abs(date - now) > SKEW_OF_S3:
        seconds = str(int(SKEW_OF_S3.total_seconds()))
        raise WrongTime(RequestTime=date.strftime(DATE), ServerTime=now.strftime(DATE), Skew=seconds)
    if expires is not None:
        if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
            raise Malformed("Expires must be a number of seconds since 1970.")
        ends = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(expires))
        if now > ends:
            form = "%Y-%m-%dT%H:%M:%SZ"
            raise Expired(Expires=ends.strftime(form), ServerTime=now.strftime(form))


def _time(text: str) -> datetime:
    try:
        found = parsedate_to_datetime(text.encode(BYTES).decode("ascii"))
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, UnicodeError):
        raise Malformed("AWS authentication requires a valid Date or x-amz-date header") from None
