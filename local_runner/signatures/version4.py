"""Signature Version 4, computed from a request that has arrived.

Source: "Create a signed AWS API request" (IAM user guide); for S3 "Authenticating Requests" (S3 API reference). botocore signs what
it is about to send, with rules of its own on which headers count; here the request says which do, whatever client sent it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
from wildsage.local_runner.signatures.request import BYTES, SignedRequest

ALGORITHM = "AWS4-HMAC-SHA256"
DATE = "%Y%m%dT%H%M%SZ"
UNSIGNED = "UNSIGNED-PAYLOAD"
CONTENT_HASH = "x-amz-content-sha256"
SCOPE = re.compile(r"(?P<key>[^/]+)/(?P<scope>(?P<day>[0-9]{8})/[a-zA-Z0-9-]+/(?P<service>[a-zA-Z0-9-]+)/aws4_request)")
HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
MOST_EXPIRES_S = 7 * 24 * 3600
SKEW = timedelta(minutes=5)
SKEW_OF_S3 = timedelta(minutes=15)


@dataclass(frozen=True)
class Claim:
    """What a request says about its signature. `expires_s` is there for a presigned address."""

    access_key: str
    scope: str
    service: str
    signed_headers: Sequence[str]
    signature: str
    time: datetime
    expires_s: int | None = None

    @property
    def stamp(self) -> str:
        """The time as it is signed."""
        return self.time.strftime(DATE)

    @property
    def is_s3(self) -> bool:
        """Whether the rules of S3 apply."""
        return self.service.startswith("s3")


def is_signed(request: SignedRequest) -> bool:
    """Whether a request claims to have a signature of this version."""
    return (request.header("authorization") or "").startswith("AWS4-") or request.argument(
        "X-Amz-Signature"
    ) is not None


def claim(request: SignedRequest) -> Claim:
    """What a request claims. Raises Malformed, NotSigned."""
    header = request.header("authorization")
    presigned = request.argument("X-Amz-Signature") is not None
    if header and presigned:
        raise Malformed(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
            "the Authorization header should be specified."
        )
    if presigned:
        try:
            return _from_query(request)
        except Malformed as error:
            raise MalformedQuery(str(error)) from None
    if not header:
        raise NotSigned
    return _from_header(request, header)


def verify(request: SignedRequest, claimed: Claim, payload: str, keys: Keys, now: datetime) -> None:
    """Compare a claim with what `keys` give. `payload` is the hash that stands for the body.

    Raises UnknownKey, WrongTime, Expired, NotCovered, Mismatch.
    """
    if not equal(keys.access_key, claimed.access_key):
        raise UnknownKey(AWSAccessKeyId=claimed.access_key)
    _check_covered(request, claimed)
    canonical = canonical_request(request, claimed, payload)
    text = "\n".join((ALGORITHM, claimed.stamp, claimed.scope, hashlib.sha256(canonical).hexdigest()))
    if not equal(sign(signing_key(keys, claimed.scope), text), claimed.signature):
        raise Mismatch(
            AWSAccessKeyId=claimed.access_key,
            StringToSign=text,
            SignatureProvided=claimed.signature,
            CanonicalRequest=canonical.decode(BYTES),
        )
    check_time(claimed, now)


def verify_form(fields: Mapping[str, str], keys: Keys) -> None:
    """Compare the signature of a form's policy, whose own expiry says how long it holds. `fields` have lower-case names.

    Raises Malformed, UnknownKey, Mismatch.
    """
    scope = SCOPE.fullmatch(fields.get("x-amz-credential", ""))
    if fields.get("x-amz-algorithm") != ALGORITHM or not scope:
        raise Malformed(f"A form needs x-amz-algorithm {ALGORITHM} and x-amz-credential.")
    if not equal(keys.access_key, scope["key"]):
        raise UnknownKey(AWSAccessKeyId=scope["key"])
    given = fields.get("x-amz-signature", "")
    if not equal(sign(signing_key(keys, scope["scope"]), fields["policy"]), given):
        raise Mismatch(AWSAccessKeyId=scope["key"], StringToSign=fields["policy"], SignatureProvided=given)


def canonical_request(request: SignedRequest, claimed: Claim, payload: str) -> bytes:
    """The text whose hash is signed."""
    headers = [f"{name}:{' '.join(request.headers[name].split())}" for name in claimed.signed_headers]
    lines = (
        request.method,
        request.canonical_path(encode_twice=not claimed.is_s3),
        request.canonical_query(without="X-Amz-Signature"),
        *headers,
        "",
        ";".join(claimed.signed_headers),
        payload,
    )
    return "\n".join(lines).encode(BYTES)


def signing_key(keys: Keys, scope: str) -> bytes:
    """The key of one day, region and service: `20260101/us-east-1/s3/aws4_request`."""
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(key: bytes, text: str) -> str:
    """A signature in hexadecimal."""
    return hmac.digest(key, text.encode(BYTES), "sha256").hex()


def equal(expected: str, given: str) -> bool:
    """Whether two signatures are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode(BYTES, "replace"))


def check_time(claimed: Claim, now: datetime) -> None:
    """Raises WrongTime for a request of another time than `now`, Expired for a presigned address whose time is over."""
    skew = SKEW_OF_S3 if claimed.is_s3 else SKEW
    details = {"RequestTime": claimed.stamp, "ServerTime": now.strftime(DATE), "Skew": str(int(skew.total_seconds()))}
    if claimed.time > now + skew:
        raise WrongTime(**details)
    if claimed.expires_s is None:
        if claimed.time < now - skew:
            raise WrongTime(**details)
    elif now > claimed.time + timedelta(seconds=claimed.expires_s):
        ends = claimed.time + timedelta(seconds=claimed.expires_s)
        raise Expired(Expires=ends.strftime("%Y-%m-%dT%H:%M:%SZ"), ServerTime=now.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _check_covered(request: SignedRequest, claimed: Claim) -> None:
    """Raises NotCovered where a header of AWS's, or Host, could be added to a request that somebody else signed."""
    needed = {name for name in request.headers if name.startswith("x-amz-") or name == "host"}
    if claimed.expires_s is not None:
        needed.discard(CONTENT_HASH)  # the body of a presigned address is not signed
    if missing := sorted(needed - set(claimed.signed_headers)):
        raise NotCovered(HeadersNotSigned=", ".join(missing))


def _from_header(request: SignedRequest, header: str) -> Claim:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise Malformed(f"Unsupported signing algorithm {algorithm[:40]!r}: expected {ALGORITHM}.")
    pairs = [pair.strip().partition("=") for pair in rest.split(",")]
    parts = {name: value for name, _, value in pairs}
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not parts.get(name):
            raise Malformed(f"Authorization header requires '{name}' parameter.")
    if len(parts) != len(pairs):
        raise Malformed("The authorization header names a parameter twice.")
    stamp = request.header("x-amz-date")
    if not stamp:
        raise Malformed("Authorization header requires existence of an 'X-Amz-Date' header.")
    return _claim(request, parts["Credential"], parts["SignedHeaders"], parts["Signature"], stamp, None)


def _from_query(request: SignedRequest) -> Claim:
    names = ("Algorithm", "Credential", "SignedHeaders", "Signature", "Date", "Expires")
    parts = {name: request.argument(f"X-Amz-{name}") or "" for name in names}
    if not all(value for name, value in parts.items() if name != "Expires"):
        raise Malformed(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    if parts["Algorithm"] != ALGORITHM:
        raise Malformed(f"X-Amz-Algorithm only supports {ALGORITHM}.")
    if not re.fullmatch(r"[0-9]{0,7}", parts["Expires"]) or int(parts["Expires"] or 900) > MOST_EXPIRES_S:
        raise Malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 "
            "seconds"
        )
    expires_s = int(parts["Expires"] or 900)
    return _claim(request, parts["Credential"], parts["SignedHeaders"], parts["Signature"], parts["Date"], expires_s)


def _claim(
    request: SignedRequest, credential: str, headers: str, signature: str, stamp: str, expires_s: int | None
) -> Claim:
    scope = SCOPE.fullmatch(credential)
    names = headers.split(";")
    if not scope:
        raise Malformed("the Credential is mal-formed; expecting '<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request'.")
    time = read_time(stamp)
    if scope["day"] != stamp[:8]:
        raise Malformed("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
    if names != sorted(set(names)) or not all(map(HEADER_NAME.fullmatch, names)):
        raise Malformed("SignedHeaders must be sorted lower-case names, separated by ';'.")
    if missing := [name for name in names if name not in request.headers]:
        raise Mismatch(HeadersMissing=", ".join(missing))
    return Claim(scope["key"], scope["scope"], scope["service"], names, signature, time, expires_s)


def read_time(stamp: str) -> datetime:
    """A time such as 20260101T120000Z. Raises Malformed."""
    try:
        if not TIME.fullmatch(stamp):
            raise ValueError
        return datetime.strptime(stamp, DATE).replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(
            f"Date must be in ISO8601 'basic format'. Got '{stamp[:40]}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None
