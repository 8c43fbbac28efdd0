"""Reads the body of a request in large pieces, removes `aws-chunked` framing, counts bytes and checks every stated digest.

Framing: Signature V4, "Transferring payload in multiple chunks" and "Trailing headers". Where requests
have to be signed, so are chunks; and the SHA-256 that a signature covers is compared.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Set
from contextlib import suppress

from werkzeug.wrappers import Request

from wildsage.containers.contract.patient_worker import ClientTooSlow
from wildsage.containers.contract.whole_number import whole_number
from wildsage.local_runner.s3.access import error_of_signature
from wildsage.local_runner.s3.call import Call, environment_name
from wildsage.local_runner.s3.checksums import ALGORITHMS, NAMES, header
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.pending_object import PendingObject, write_pending
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.signatures.chunks import SIGNED_CHUNKS_AND_TRAILER

#: gunicorn reads this much from the socket at once; with smaller reads it copies the rest each time.
READ_BYTES = 1 << 20  # mutants: equivalent: pieces of another size are the same bytes
#: Algorithm and WSGI name of its header. Every request needs them, so they are computed once.
STATED = tuple((name, environment_name(header(name))) for name in NAMES)
MAX_LINE_BYTES = 8192
MAX_DOCUMENT_BYTES = 4 << 20
MAX_TRAILERS = 32
MAX_DRAINED_BYTES = 64 << 20
TRAILER_SIGNATURE = "x-amz-trailer-signature"


class Body:
    """The body of one request. `trailers` is complete after `pieces` has been read to its end."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._in_headers = {name: value for name, field in STATED if (value := call.request.environ.get(field))}
        self.trailers: dict[str, str] = {}

    def pieces(self) -> Iterator[bytes]:
        """The bytes in pieces. Raises IncompleteBody if the client closes early, MissingContentLength without a length."""
        whole = self._compared(self._raw())
        return self._counted(self._unframed(whole)) if _is_framed(self._call) else whole

    def algorithms(self) -> set[str]:
        """Checksum algorithms that the client names in a header or trailer, as far as they can be computed here."""
        coming = self._call.header("x-amz-trailer").lower()
        return {name for name in ALGORITHMS if name in self._in_headers or (coming and header(name) in coming)}

    def stated(self) -> dict[str, str]:
        """Checksums that the client sent in headers and trailers: algorithm → base64 value."""
        if not self.trailers:
            return self._in_headers
        trailing = {name: value for name in NAMES if (value := self.trailers.get(header(name)))}
        return trailing | self._in_headers

    def check(self, pending: PendingObject) -> None:
        """Raises BadDigest if the received bytes do not match a stated digest, InvalidDigest if Content-MD5 is malformed."""
        expected_md5 = self._call.header("Content-MD5")
        if expected_md5 and _decoded_md5(expected_md5) != pending.md5:
            raise S3Error("BadDigest", "The Content-MD5 you specified did not match what we received.")
        for algorithm, value in self.stated().items():
            if pending.checksums.get(algorithm, value) != value:
                raise S3Error("BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")

    def _raw(self) -> Iterator[bytes]:
        request = self._call.request
        if request.content_length is None and "Transfer-Encoding" not in request.headers:
            raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")
        received = 0
        while piece := request.stream.read(READ_BYTES):
            received += len(piece)
            yield piece
        if request.content_length not in (None, received):
            raise _incomplete(received, request.content_length)

    def _compared(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces, compared at their end with the SHA-256 that the signature covers."""
        if not (expected := self._call.signed.sha256):
            yield from pieces
            return
        running = hashlib.sha256()
        for piece in pieces:
            running.update(piece)
            yield piece
        if running.hexdigest() != expected:
            raise S3Error(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ClientComputedContentSHA256=expected,
                S3ComputedContentSHA256=running.hexdigest(),
            )

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        received = 0
        for piece in pieces:
            received += len(piece)
            yield piece
        expected = self._call.header("x-amz-decoded-content-length")
        if expected and expected != str(received):
            raise _incomplete(received, expected)

    def _unframed(self, framed: Iterator[bytes]) -> Iterator[bytes]:
        source, signatures = _Buffered(framed), self._call.signed.chunks
        size = -1
        while size:
            line = source.line()
            size = _chunk_size(line)
            for piece in source.exactly(size):
                if signatures:
                    signatures.update(piece)
                yield piece
            if signatures:
                with error_of_signature():
                    signatures.end_chunk(_chunk_signature(line))
            if size and (after := source.line()):
                raise _bad_chunk(after, "the end of the line after a chunk")
        self._read_trailers(source)

    def _read_trailers(self, source: _Buffered) -> None:
        while line := source.line():
            if len(self.trailers) == MAX_TRAILERS:
                raise _bad_chunk(line, f"at most {MAX_TRAILERS} trailers")
            name, _, value = line.partition(b":")
            self.trailers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
        signature = self.trailers.pop(TRAILER_SIGNATURE, "")
        if self._call.signed.chunks and self._call.header("x-amz-content-sha256") == SIGNED_CHUNKS_AND_TRAILER:
            trailer = "".join(f"{name}:{value}\n" for name, value in sorted(self.trailers.items()))
            with error_of_signature():
                self._call.signed.chunks.end_trailer(trailer, signature)


class _Buffered:
    """Reads lines and exact numbers of bytes from pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def line(self) -> bytes:
        """The next line without CRLF. The end of the body also ends a line."""
        while (end := self._rest.find(b"\r\n")) < 0:
            piece = next(self._pieces, b"")
            if not piece or len(self._rest) > MAX_LINE_BYTES:
                line, self._rest = self._rest, b""
                return line
            self._rest += piece
        line, self._rest = self._rest[:end], self._rest[end + 2 :]
        return line

    def exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._rest or next(self._pieces, b"")
            if not piece:
                raise _incomplete(0, size)
            self._rest = piece[size:]
            size -= len(piece) - len(self._rest)
            yield piece[: len(piece) - len(self._rest)]


def receive(store: ObjectStore, call: Call, algorithms: Set[str] = frozenset()) -> tuple[PendingObject, dict[str, str]]:
    """Read the body into a checked pending object. Returns it with its checksums, including those only stated by the client."""
    body = Body(call)
    pending = write_pending(store.temp, body.pieces(), body.algorithms() | (algorithms & ALGORITHMS.keys()))
    try:
        body.check(pending)
    except S3Error:
        pending.discard()
        raise
    return pending, body.stated() | pending.checksums


def read_document(call: Call) -> bytes:
    """Read a small body into memory. Raises MalformedXML above 4 MiB, which no valid document of S3 reaches."""
    content = b""
    for piece in Body(call).pieces():
        content += piece
        if len(content) > MAX_DOCUMENT_BYTES:
            raise S3Error("MalformedXML", f"The request's XML is longer than {MAX_DOCUMENT_BYTES} bytes.")
    return content


def drain(request: Request) -> None:
    """Read the rest of a rejected request, so that the client gets the response instead of a broken pipe.

    After `MAX_DRAINED_BYTES` the connection is closed with the response instead.
    """
    read, left = request.environ["wsgi.input"].read, MAX_DRAINED_BYTES
    with suppress(ClientTooSlow):
        while piece := read(READ_BYTES):
            left -= len(piece)
            if left <= 0:
                request.environ["gunicorn.socket"].close_after_answer()
                return


def _is_framed(call: Call) -> bool:
    encodings = call.header("Content-Encoding").lower()
    return "aws-chunked" in encodings or call.header("x-amz-content-sha256").startswith("STREAMING-")


def _chunk_size(line: bytes) -> int:
    if not line:
        raise _incomplete(0, "a chunk's size")
    try:
        return whole_number(line.partition(b";")[0].decode("latin-1"), base=16)
    except ValueError:
        raise _bad_chunk(line, "the size of a chunk in hexadecimal") from None


def _chunk_signature(line: bytes) -> str:
    """Value of `chunk-signature` in the line before a chunk; "" without one."""
    name, _, value = line.partition(b";")[2].partition(b"=")
    return value.decode("latin-1") if name == b"chunk-signature" else ""


def _bad_chunk(line: bytes, expected: str) -> S3Error:
    return S3Error("InvalidRequest", f"aws-chunked: got {line[:40]!r}, expected {expected}.")


def _decoded_md5(text: str) -> str:
    try:
        digest = base64.b64decode(text, validate=True)
    except ValueError:  # binascii's error, and that of a text which is not ASCII
        digest = b""
    if len(digest) != 16:
        raise S3Error("InvalidDigest", f"Content-MD5: got {text!r}, expected 16 bytes in base64.")
    return digest.hex()


def _incomplete(received: int, expected: int | str) -> S3Error:
    return S3Error("IncompleteBody", f"Got {received} bytes, expected {expected}: the connection ended early.")
