"""The check of requests to all services but S3, with the errors of their protocols.

Sources: "Common Errors" (API references of SageMaker, STS, CloudWatch Logs). Services with a JSON protocol add `Exception` to the
codes of the older query protocol, and have one of their own for an unknown key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wildsage.local_runner.signatures import version4
from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.rejections import (
    Expired,
    Malformed,
    Mismatch,
    NotCovered,
    NotSigned,
    Rejected,
    UnknownKey,
    WrongTime,
)
from wildsage.local_runner.signatures.request import SignedRequest
from wildsage.local_runner.wire.errors import AwsError
from wildsage.local_runner.wire.protocols import Query, Rest, RestXml, WireProtocol

HINT = "This local AWS runs with --token: take the variables from `wildsage up --export`, or run the program with `wildsage run`."


@dataclass(frozen=True)
class Words:
    """How a protocol calls a reason: code, and the status of HTTP."""

    missing: str
    incomplete: str
    unknown_key: str
    mismatch: str
    status: int


QUERY = Words("MissingAuthenticationToken", "IncompleteSignature", "InvalidClientTokenId", "SignatureDoesNotMatch", 403)
JSON = Words(
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    400,
)
REST = Words(JSON.missing, JSON.incomplete, JSON.unknown_key, JSON.mismatch, 403)


def words_of(protocol: WireProtocol) -> Words:
    """The words of a protocol."""
    if isinstance(protocol, Query | RestXml):
        return QUERY
    return REST if isinstance(protocol, Rest) else JSON


def verify(environ: Mapping[str, Any], body: bytes, keys: Keys, words: Words, now: Callable[[], datetime]) -> None:
    """Raises AwsError unless the request of a WSGI environment with that body is signed with `keys`."""
    request = SignedRequest.from_environ(environ)
    try:
        claimed = version4.claim(request)
        payload = hashlib.sha256(body).hexdigest()
        stated = request.header(version4.CONTENT_HASH)
        if stated == version4.UNSIGNED:
            payload = stated
        version4.verify(request, claimed, payload, keys, now())
    except Rejected as rejected:
        raise _error(rejected, words) from None


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def _error(rejected: Rejected, words: Words) -> AwsError:
    details = rejected.details
    match rejected:
        case NotSigned():
            return AwsError(words.missing, f"Missing Authentication Token. {HINT}", words.status)
        case Malformed():
            return AwsError(words.incomplete, str(rejected), 400)
        case UnknownKey():
            text = f"The security token included in the request is invalid. {HINT}"
            return AwsError(words.unknown_key, text, words.status)
        case NotCovered():
            text = f"{details['HeadersNotSigned']} must be in SignedHeaders of the Authorization."
            return AwsError(words.mismatch, text, words.status)
        case Expired():
            return AwsError(words.mismatch, f"Signature expired: {details['Expires']} is in the past.", words.status)
        case WrongTime():
            return AwsError(words.mismatch, _skew_text(details), words.status)
        case Mismatch() | _:
            return AwsError(words.mismatch, _mismatch_text(details), words.status)


def _skew_text(details: Mapping[str, str]) -> str:
    minutes = int(details["Skew"]) // 60
    signed, now = details["RequestTime"], details["ServerTime"]
    if signed > now:
        return f"Signature not yet current: {signed} is still later than {now} (+ {minutes} min.)"
    return f"Signature expired: {signed} is now earlier than {now} (- {minutes} min.)"


def _mismatch_text(details: Mapping[str, str]) -> str:
    text = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
        "signing method. Consult the service documentation for details."
    )
    if canonical := details.get("CanonicalRequest"):
        text += f"\n\nThe Canonical String for this request should have been\n'{canonical}'"
        text += f"\n\nThe String-to-Sign should have been\n'{details['StringToSign']}'"
    return text
