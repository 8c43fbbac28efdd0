"""Framed bodies, written byte by byte as the signing guide shows them."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import zlib

import pytest

from wildsage.local_runner.s3.body import MAX_DRAINED_BYTES

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
