"""Who may call S3, where requests have to be signed: the signature of a header, of a presigned address, or of a form.

Sources: "Authenticating Requests (AWS Signature Version 4)" and "Error responses" (S3 API reference).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from werkzeug.wrappers import Request

from wildsage.local_runner.s3.call import VIRTUAL_HOST, posts_form
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.signatures import version2, version4
from wildsage.local_runner.signatures.chunks import (
    SIGNED_CHUNKS,
    SIGNED_CHUNKS_AND_TRAILER,
    UNSIGNED_CHUNKS,
    ChunkSignatures,
    SignedBody,
)
from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.rejections import (
    Expired,
    Malformed,
    MalformedQuery,
    Mismatch,
    NotCovered,
    NotSigned,
    Rejected,
    UnknownKey,
    WrongTime,
)
from wildsage.local_runner.signatures.request import SignedRequest

SHA256 = re.compile(r"[0-9a-f]{64}")
CHUNKED = (SIGNED_CHUNKS, SIGNED_CHUNKS_AND_TRAILER)
PAYLOADS = (version4.UNSIGNED, UNSIGNED_CHUNKS, *CHUNKED)

MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


class Access:
    """Checks requests against the keys of the data folder."""

    def __init__(self, keys: Keys, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._keys, self._now = keys, now

    def check(self, request: Request) -> SignedBody:
        """What the signature of a request says of its body. Raises S3Error unless it is signed; a form is so in its fields."""
        signed = SignedRequest.from_environ(request.environ)
        with error_of_signature():
            if version4.is_signed(signed):
                return self._check_version4(signed)
            if version2.is_signed(signed):
                version2.verify(signed, _path(signed, request), self._keys, self._now())
                return SignedBody()
            if posts_form(request):
                return SignedBody(check_form=self._check_form)
            raise NotSigned

    def _check_version4(self, request: SignedRequest) -> SignedBody:
        claimed = version4.claim(request)
        payload = request.header(version4.CONTENT_HASH) or version4.UNSIGNED
        if claimed.expires_s is None and not request.header(version4.CONTENT_HASH):
            raise Malformed("Missing required header for this request: x-amz-content-sha256")
        if payload not in PAYLOADS and not SHA256.fullmatch(payload):
            raise Malformed("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-…, or a valid sha256 value.")
        signed_payload = version4.UNSIGNED if claimed.expires_s is not None else payload
        version4.verify(request, claimed, signed_payload, self._keys, self._now())
        chunks = ChunkSignatures(claimed, self._keys) if payload in CHUNKED else None
        return SignedBody(payload if SHA256.fullmatch(payload) else None, chunks)

    def _check_form(self, fields: Mapping[str, str]) -> None:
        """Raises S3Error unless the policy of a form is signed. `fields` have lower-case names."""
        version = version2 if "awsaccesskeyid" in fields else version4
        with error_of_signature():
            if "policy" not in fields:
                raise NotSigned
            version.verify_form(fields, self._keys)


def _path(signed: SignedRequest, request: Request) -> str:
    """`/bucket/key`, also where the bucket is in the name of the host."""
    path = signed.canonical_path(encode_twice=False)
    virtual = VIRTUAL_HOST.fullmatch(request.host.lower())
    return f"/{virtual['bucket']}{path}" if virtual else path


@contextmanager
def error_of_signature() -> Iterator[None]:
    """Turn a reason into S3's error for it."""
    try:
        yield
    except Rejected as rejected:
        raise _error(rejected) from None


def _error(rejected: Rejected) -> S3Error:
    """S3's error for a reason."""
    details = rejected.details
    match rejected:
        case NotSigned():
            return S3Error("AccessDenied", "Access Denied")
        case MalformedQuery():
            return S3Error("AuthorizationQueryParametersError", str(rejected))
        case Malformed():
            return S3Error("AuthorizationHeaderMalformed", str(rejected))
        case UnknownKey():
            text = "The AWS Access Key Id you provided does not exist in our records."
            return S3Error("InvalidAccessKeyId", text, **details)
        case NotCovered():
            return S3Error("AccessDenied", "There were headers present in the request which were not signed", **details)
        case Expired():
            return S3Error("AccessDenied", "Request has expired", **details)
        case WrongTime():
            skew_ms = str(int(details.pop("Skew")) * 1000)
            text = "The difference between the request time and the current time is too large."
            return S3Error("RequestTimeTooSkewed", text, **details, MaxAllowedSkewMilliseconds=skew_ms)
        case Mismatch() | _:
            return S3Error("SignatureDoesNotMatch", MISMATCH, **details)
