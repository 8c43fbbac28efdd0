"""boto3 clients of a local AWS in this process: a request goes to its application without a socket."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from werkzeug.test import EnvironBuilder, run_wsgi_app

ENDPOINT = "http://127.0.0.1:4577"


class Body(io.RawIOBase):
    """What a response holds, read when the client asks for it, with the methods by which botocore reads it."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces, self._rest = iter(pieces), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(filter(None, self._pieces), b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)

    def read(self, size: int | None = -1) -> bytes | None:
        return super().read(-1 if size is None else size)

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """The pieces, as the application makes them."""
        return filter(None, self._pieces)


def connect(session: boto3.Session, application: Callable[..., Any]) -> None:
    """Have all clients of a session send their requests to a WSGI application."""

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        body = request.body or b""
        content = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
        builder = EnvironBuilder(
            path=parts.path,
            query_string=parts.query,
            base_url=f"{parts.scheme}://{parts.netloc}",
            method=request.method,
            headers=[(name, _text(value)) for name, value in request.headers.items()],
            input_stream=io.BytesIO(content),
        )
        environ = builder.get_environ() | {"CONTENT_LENGTH": str(len(content))}
        pieces, status, headers = run_wsgi_app(application, environ)
        return AWSResponse(request.url, int(status.split()[0]), headers, Body(pieces))

    session.events.register("before-send", send)


def _text(value: str | bytes) -> str:
    """botocore gives the values of signed headers as bytes."""
    return value if isinstance(value, str) else value.decode("latin-1")
