"""The signatures of a body in chunks, each of which covers the one before it; the first follows that of the request.

Source: "Signature calculations for the Authorization header: transferring payload in multiple chunks" and ". . . using trailing
headers" (S3 API reference).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.rejections import Mismatch
from wildsage.local_runner.signatures.version4 import ALGORITHM, Claim, equal, sign, signing_key

SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_AND_TRAILER = f"{SIGNED_CHUNKS}-TRAILER"
UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
EMPTY = hashlib.sha256(b"").hexdigest()


class ChunkSignatures:
    """Follows one body: `update` with the bytes of a chunk, then `end_chunk` with its signature, and so on."""

    def __init__(self, claimed: Claim, keys: Keys) -> None:
        self._claim, self._key = claimed, signing_key(keys, claimed.scope)
        self._previous = claimed.signature
        self._hash = hashlib.sha256()

    def update(self, piece: bytes) -> None:
        """Take more bytes of the current chunk."""
        self._hash.update(piece)

    def end_chunk(self, signature: str) -> None:
        """Compare the signature of the chunk that has ended; the last one is empty. Raises Mismatch."""
        self._compare(f"{ALGORITHM}-PAYLOAD", (EMPTY, self._hash.hexdigest()), signature)
        self._hash = hashlib.sha256()

    def end_trailer(self, trailer: str, signature: str) -> None:
        """Compare the signature of the trailing headers, which are lines of `name:value`. Raises Mismatch."""
        self._compare(f"{ALGORITHM}-TRAILER", (hashlib.sha256(trailer.encode("latin-1")).hexdigest(),), signature)

    def _compare(self, kind: str, hashes: tuple[str, ...], signature: str) -> None:
        text = "\n".join((kind, self._claim.stamp, self._claim.scope, self._previous, *hashes))
        expected = sign(self._key, text)
        if not equal(expected, signature):
            raise Mismatch(AWSAccessKeyId=self._claim.access_key, StringToSign=text, SignatureProvided=signature)
        self._previous = expected


def _no_form(_fields: Mapping[str, str]) -> None:
    """Nothing is to be checked."""


@dataclass(frozen=True)
class SignedBody:
    """What the signature of a request promises of its body: the SHA-256 of its bytes, signatures of its chunks, or, for a form,
    a check of its fields.
    """

    sha256: str | None = None
    chunks: ChunkSignatures | None = None
    check_form: Callable[[Mapping[str, str]], None] = _no_form
