"""Signatures of chunks: the example of "Transferring payload in multiple chunks" (S3 API reference)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from wildsage.local_runner.signatures.chunks import ChunkSignatures, SignedBody
from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.rejections import Mismatch
from wildsage.local_runner.signatures.version4 import Claim, sign, signing_key

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SCOPE = "20130524/us-east-1/s3/aws4_request"
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
CHUNKS = [
    (65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
    (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
    (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
]


@pytest.fixture
def signatures() -> ChunkSignatures:
    claim = Claim(KEYS.access_key, SCOPE, "s3", ["host"], SEED, datetime(2013, 5, 24, tzinfo=UTC))
    return ChunkSignatures(claim, KEYS)


@pytest.mark.parametrize("piece_bytes", [512, 100_000])
def test_the_published_example_is_accepted(signatures, piece_bytes):
    for size, signature in CHUNKS:
        content = b"a" * size
        for at in range(0, size, piece_bytes):
            signatures.update(content[at : at + piece_bytes])
        signatures.end_chunk(signature)


def test_a_chunk_follows_the_one_before_it(signatures):
    signatures.update(b"a" * 1024)
    with pytest.raises(Mismatch) as caught:
        signatures.end_chunk(CHUNKS[1][1])
    assert caught.value.details["AWSAccessKeyId"] == KEYS.access_key
    assert caught.value.details["SignatureProvided"] == CHUNKS[1][1]
    assert f"\n{SEED}\n" in caught.value.details["StringToSign"]


def test_no_byte_of_a_chunk_may_differ(signatures):
    signatures.update(b"a" * 65_535 + b"b")
    with pytest.raises(Mismatch):
        signatures.end_chunk(CHUNKS[0][1])


def test_a_trailer_follows_the_last_chunk(signatures):
    digest = hashlib.sha256(b"x-amz-checksum-crc32:\xe9\n").hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256-TRAILER", "20130524T000000Z", SCOPE, SEED, digest))
    right = sign(signing_key(KEYS, SCOPE), text)
    with pytest.raises(Mismatch):
        signatures.end_trailer("x-amz-checksum-crc32:other\n", right)
    signatures.end_trailer("x-amz-checksum-crc32:\xe9\n", right)


def test_a_body_of_which_nothing_is_signed_promises_nothing():
    body = SignedBody()
    assert (body.sha256, body.chunks, body.check_form({})) == (None, None, None)
