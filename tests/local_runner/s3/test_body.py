"""Framed bodies, written byte by byte as the signing guide shows them."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import itertools
import socket
import zlib
from datetime import UTC, datetime

import pytest
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from wildsage.containers.contract.patient_worker import ClientTooSlow
from wildsage.local_runner.s3.body import MAX_DRAINED_BYTES, READ_BYTES, Body, _Buffered, drain, read_document, receive
from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.signatures.chunks import ChunkSignatures, SignedBody
from wildsage.local_runner.signatures.keys import Keys
from wildsage.local_runner.signatures.version4 import Claim, sign, signing_key

SIGNATURE = ";chunk-signature=" + "0" * 64


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def framed(pieces: list[bytes], extension: str = "", trailer: str = "") -> bytes:
    chunks = b"".join(f"{len(p):x}{extension}\r\n".encode() + p + b"\r\n" for p in pieces)
    return chunks + f"0{extension}\r\n{trailer}\r\n".encode()


def put(server, bucket, body, headers) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("PUT", f"/{bucket}/k", body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("piece_bytes", [1, 7, 65_536])
def test_signed_chunks(server, s3, bucket, piece_bytes):
    data = b"0123456789" * (1 if piece_bytes == 1 else 20_000)
    pieces = [data[i : i + piece_bytes] for i in range(0, len(data), piece_bytes)]
    headers = {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-decoded-content-length": str(len(data)),
        "Content-Encoding": "aws-chunked,gzip",
    }
    assert put(server, bucket, framed(pieces, SIGNATURE), headers) == (200, b"")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == data
    assert got["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert got["ContentEncoding"] == "gzip"


@pytest.mark.parametrize("transfer", ["length", "chunked"])
def test_a_trailing_checksum_is_verified_and_kept(server, s3, bucket, transfer):
    trailer = f"x-amz-checksum-crc32:{crc32(b'hello world')}\r\n"
    body = framed([b"hello ", b"world"], trailer=trailer)
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "11",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "Content-Encoding": "aws-chunked",
    }
    assert put(server, bucket, iter([body]) if transfer == "chunked" else body, headers) == (200, b"")
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumCRC32"] == crc32(b"hello world")


@pytest.mark.parametrize(
    ("body", "length", "code"),
    [
        (framed([b"hello"], trailer="x-amz-checksum-crc32:AAAAAA==\r\n"), "5", b"BadDigest"),
        (framed([b"hello"]), "6", b"IncompleteBody"),
        (b"5\r\nhel", "5", b"IncompleteBody"),
        (b"zz\r\nhello", "5", b"InvalidRequest"),
        (b"", "5", b"IncompleteBody"),
    ],
)
def test_broken_framing_is_rejected(server, s3, bucket, body, length, code):
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": length,
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    status, answer = put(server, bucket, body, headers)
    assert status == 400
    assert code in answer
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


UNSIGNED = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Encoding": "aws-chunked"}


@pytest.mark.parametrize("size", ["-5", "+5", " 5", "0x5", "0_5", "5 5", "g", "5" * 20, "f" * 5000, "\u0665"])
def test_a_chunk_whose_size_is_not_hexadecimal_digits_is_an_error(server, s3, bucket, size):
    status, answer = put(server, bucket, size.encode() + b"\r\nhello\r\n0\r\n\r\n", UNSIGNED)
    assert status == 400
    assert b"<Code>InvalidRequest</Code>" in answer
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_bytes_after_a_chunk_are_an_error(server, s3, bucket):
    status, answer = put(server, bucket, b"5\r\nhello, world\r\n0\r\n\r\n", UNSIGNED)
    assert status == 400
    assert b"expected the end of the line after a chunk" in answer
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_the_number_of_trailers_is_limited(server, bucket):
    trailer = "".join(f"x-amz-meta-{number}: 1\r\n" for number in range(33))
    status, answer = put(server, bucket, framed([b"hello"], trailer=trailer), UNSIGNED)
    assert status == 400
    assert b"at most 32 trailers" in answer


def test_a_rejected_body_without_end_is_not_read_for_ever(server):
    """The answer comes after a part of it, and the connection ends."""
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=240) as client:
        client.sendall(b"PUT /no-such-bucket/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000000\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while sent < 10 * MAX_DRAINED_BYTES:
                sent += client.send(bytes(1 << 20))
    assert MAX_DRAINED_BYTES <= sent < 10 * MAX_DRAINED_BYTES


# Bodies without a server


def call(body: bytes, length: int | None = None, signed: SignedBody | None = None, **headers: str) -> Call:
    """A PutObject of that body; `length` is what its head says, if not the truth."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    environ = EnvironBuilder("/bucket/k", method="PUT", headers=named).get_environ()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["wsgi.input_terminated"] = True  # as under a server, which stops at the end of the body
    environ["CONTENT_LENGTH"] = str(len(body) if length is None else length)
    return Call(Request(environ), "PutObject", "bucket", "k", {}, signed or SignedBody())


def read(body: bytes, **headers: str) -> bytes:
    return b"".join(Body(call(body, **headers)).pieces())


def code_of(act) -> str:
    with pytest.raises(S3Error) as caught:
        act()
    return caught.value.code


def test_a_body_is_read_to_its_end():
    for content in (b"", b"x", bytes(READ_BYTES + 1)):
        assert read(content) == content


def test_a_body_has_the_length_that_its_head_says():
    for length in (0, 4, 6):
        with pytest.raises(S3Error, match=f"Got 5 bytes, expected {length}") as caught:
            list(Body(call(b"12345", length)).pieces())
        assert caught.value.code == "IncompleteBody"


def test_a_body_needs_a_length_or_chunks():
    without = call(b"12345")
    del without.request.environ["CONTENT_LENGTH"]
    assert code_of(lambda: list(Body(without).pieces())) == "MissingContentLength"
    without = call(b"12345", Transfer_Encoding="chunked")
    del without.request.environ["CONTENT_LENGTH"]
    assert b"".join(Body(without).pieces()) == b"12345"


FRAMED = framed([b"hello ", b"world"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Encoding": "aws-chunked"},
        {"Content_Encoding": "gzip,AWS-Chunked"},
        {"x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
    ],
)
def test_frames_are_removed_where_the_head_says_so(headers):
    assert read(FRAMED, **headers) == b"hello world"
    assert read(FRAMED) == FRAMED
    assert read(FRAMED, x_amz_decoded_content_length="11", **headers) == b"hello world"
    for length in ("10", "12"):
        with pytest.raises(S3Error, match=f"Got 11 bytes, expected {length}"):
            read(FRAMED, x_amz_decoded_content_length=length, **headers)


def test_trailers_are_read_to_the_last():
    lines = [f"X-Name-{number}: value {number} " for number in range(32)]
    body = Body(call(framed([b"x"], trailer="\r\n".join([*lines, ""])), Content_Encoding="aws-chunked"))
    assert b"".join(body.pieces()) == b"x"
    assert body.trailers == {f"x-name-{number}": f"value {number}" for number in range(32)}


@pytest.mark.parametrize(("line_bytes", "code"), [(8192, "InvalidRequest"), (100_000, "InvalidRequest")])
def test_a_line_without_end_is_not_read_for_ever(line_bytes, code):
    assert code_of(lambda: read(b"z" * line_bytes, Content_Encoding="aws-chunked")) == code


def test_lines_and_bytes_are_read_from_pieces_of_any_size():
    content = b"first\r\n\r\nab\r\ncdlast"
    for size in range(1, len(content) + 1):
        source = _Buffered(iter([content[at : at + size] for at in range(0, len(content), size)]))
        assert (source.line(), source.line()) == (b"first", b"")
        assert b"".join(source.exactly(6)) == b"ab\r\ncd" and list(source.exactly(0)) == []
        assert (source.line(), source.line()) == (b"last", b"")
    with pytest.raises(S3Error, match="Got 0 bytes, expected 3: "):
        list(_Buffered(iter([b"ab", b"cd"])).exactly(7))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "Got 0 bytes, expected a chunk's size: "),
        (b"5\r\n", "Got 0 bytes, expected 5: "),
        (b"z" * 50 + b"\r\n", f"got {b'z' * 40!r}, expected the size of a chunk in hexadecimal"),
    ],
)
def test_what_is_wrong_with_a_chunk_is_shown(body, text):
    with pytest.raises(S3Error) as caught:
        read(body, Content_Encoding="aws-chunked")
    assert text in str(caught.value)


def test_a_line_is_looked_for_in_eight_kilobytes_and_a_piece():
    pieces = itertools.count()
    source = _Buffered(b"z" * 4096 for _ in pieces)
    assert len(source.line()) == 3 * 4096  # after two pieces there are not more than 8 KiB
    assert next(pieces) == 4


def with_checksum(value: str, place: str) -> Call:
    """A body `hello`, whose checksum is stated in a header or in a trailer."""
    if place == "header":
        return call(b"hello", x_amz_checksum_crc32=value)
    body = framed([b"hello"], trailer=f"x-amz-checksum-crc32:{value}\r\n")
    return call(body, x_amz_trailer="x-amz-checksum-crc32", Content_Encoding="aws-chunked")


@pytest.mark.parametrize("place", ["header", "trailer"])
def test_a_checksum_is_compared_wherever_it_is_stated(local, place):
    right = crc32(b"hello")
    pending, checksums = receive(local.store, with_checksum(right, place))
    assert (pending.path.read_bytes(), checksums, pending.checksums) == (b"hello", {"CRC32": right}, {"CRC32": right})
    pending.discard()
    assert code_of(lambda: receive(local.store, with_checksum(crc32(b"other"), place))) == "BadDigest"
    assert list(local.store.temp.iterdir()) == []


def test_a_checksum_that_is_asked_for_is_computed_if_it_can_be(local):
    pending, checksums = receive(local.store, call(b"hello"), {"CRC32", "XXHASH3", ""})
    assert checksums == pending.checksums == {"CRC32": crc32(b"hello")}
    pending, checksums = receive(local.store, call(b"hello", x_amz_checksum_xxhash3="AA=="))
    assert checksums == {"XXHASH3": "AA=="} and pending.checksums == {}
    pending, checksums = receive(local.store, call(b"hello"))
    assert checksums == {}


def test_the_digest_of_a_header_is_sixteen_bytes_in_base64(local):
    right = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    receive(local.store, call(b"hello", Content_MD5=right))[0].discard()
    for wrong, code in (
        (crc32(b""), "InvalidDigest"),
        ("not base64!", "InvalidDigest"),
        ("A" * 22 + "==", "BadDigest"),
    ):
        assert code_of(lambda given=wrong: receive(local.store, call(b"hello", Content_MD5=given))) == code
    assert list(local.store.temp.iterdir()) == []


def test_the_body_is_the_one_whose_sha256_is_signed():
    signed = SignedBody(sha256=hashlib.sha256(b"hello").hexdigest())
    assert b"".join(Body(call(b"hello", signed=signed)).pieces()) == b"hello"
    with pytest.raises(S3Error, match="does not match what was computed") as caught:
        list(Body(call(b"other", signed=signed)).pieces())
    assert caught.value.details == {
        "ClientComputedContentSHA256": signed.sha256,
        "S3ComputedContentSHA256": hashlib.sha256(b"other").hexdigest(),
    }


KEYS, SCOPE, SEED = Keys("key", "secret"), "20260101/us-east-1/s3/aws4_request", "0" * 64
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"


def signed_frames(pieces: list[bytes], trailer: str) -> tuple[list[tuple[bytes, str]], str]:
    """Chunks, the last of them empty, each with its signature; and that of the trailer."""
    previous, found = SEED, []

    def follow(kind: str, *contents: bytes) -> str:
        hashes = [hashlib.sha256(content).hexdigest() for content in contents]
        text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", "20260101T000000Z", SCOPE, previous, *hashes))
        return sign(signing_key(KEYS, SCOPE), text)

    for piece in (*pieces, b""):
        previous = follow("PAYLOAD", b"", piece)
        found.append((piece, previous))
    return found, follow("TRAILER", trailer.encode())


def signed_call(frames: list[tuple[bytes, str]], trailer: str = "", how: str = SIGNED_TRAILER) -> Call:
    claim = Claim(KEYS.access_key, SCOPE, "s3", ["host"], SEED, datetime(2026, 1, 1, tzinfo=UTC))
    lines = [f"{len(piece):x}{extension}\r\n".encode() + piece + b"\r\n" * bool(piece) for piece, extension in frames]
    body = b"".join([*lines, trailer.encode(), b"\r\n"])
    return call(body, signed=SignedBody(chunks=ChunkSignatures(claim, KEYS)), x_amz_content_sha256=how)


TRAILER = "b-name:2\na-name:1\n"


def test_chunks_and_trailers_are_those_that_are_signed():
    chunks, of_trailer = signed_frames([b"hello ", b"world"], "a-name:1\nb-name:2\n")
    frames = [(piece, f";chunk-signature={signature}") for piece, signature in chunks]
    trailer = "".join(f"{line}\r\n" for line in TRAILER.splitlines())
    signature = f"x-amz-trailer-signature:{of_trailer}\r\n"
    body = Body(signed_call(frames, trailer + signature))
    assert b"".join(body.pieces()) == b"hello world"
    assert body.trailers == {"a-name": "1", "b-name": "2"}
    plain = Body(signed_call(frames, trailer, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"))
    assert b"".join(plain.pieces()) == b"hello world", "only the chunks are signed"
    other = [(b"HELLO ", frames[0][1]), *frames[1:]]
    unnamed = [(piece, extension.replace("chunk-", "")) for piece, extension in frames]
    for broken in (
        signed_call(other, trailer + signature),
        signed_call(unnamed, trailer + signature),
        signed_call([(piece, "") for piece, _ in frames], trailer + signature),
        signed_call([*frames[:2], (b"", frames[0][1])], trailer + signature),
        signed_call(frames, trailer),
        signed_call(frames, trailer.replace("2", "3") + signature),
    ):
        assert code_of(lambda given=broken: list(Body(given).pieces())) == "SignatureDoesNotMatch"


def test_a_document_has_four_mebibytes_at_most():
    longest = bytes(4 << 20)
    assert read_document(call(longest)) == longest
    assert code_of(lambda: read_document(call(longest + b"x"))) == "MalformedXML"


class Waiting:
    """A body of many mebibytes, and the connection that it comes from."""

    def __init__(self, size: int) -> None:
        self.left, self.closed = size, False

    def read(self, size: int) -> bytes:
        piece = min(size, self.left)
        self.left -= piece
        return bytes(piece)

    def close_after_answer(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("size", "left", "closed"),
    [
        (0, 0, False),
        (MAX_DRAINED_BYTES - 1, 0, False),
        (MAX_DRAINED_BYTES, 0, True),
        (MAX_DRAINED_BYTES + 5 * READ_BYTES, 5 * READ_BYTES, True),
    ],
    ids=["nothing", "a byte below", "the limit", "above"],
)
def test_the_rest_of_a_rejected_body_is_read_up_to_a_limit(size, left, closed):
    body = Waiting(size)
    drain(Request({"wsgi.input": body, "gunicorn.socket": body}))
    assert (body.left, body.closed, MAX_DRAINED_BYTES) == (left, closed, 64 * 1024 * 1024)


def test_a_client_that_sends_no_more_gets_its_answer():
    class Slow:
        def read(self, size: int) -> bytes:
            raise ClientTooSlow

    drain(Request({"wsgi.input": Slow()}))
