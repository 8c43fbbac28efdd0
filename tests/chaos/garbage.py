"""Clients that send a server nothing it can use, as fast as it takes it: bytes that are not HTTP, and bodies that it has to reject."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SENDERS = 4
PIECE = bytes(range(256)) * 256
BODY_PIECES = 320
"""Pieces of a body: 20 MB."""
LENGTH = len(PIECE) * BODY_PIECES
PATIENCE_S = 30.0
HEADS = (
    b"",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
    b"PUT /bucket/garbage HTTP/1.1\r\nHost: localhost\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: %d\r\n\r\n"
    % LENGTH,
    b"PUT /no-such-bucket/garbage HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % LENGTH,
    b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: SageMaker.ListModels\r\nContent-Length: %d\r\n\r\n" % LENGTH,
    b"PUT /bucket/garbage HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
)
"""What a connection begins with; the same bytes again and again follow."""


@dataclass
class Flood:
    """Senders that go on until `wanted` bytes were taken by the server's sockets."""

    endpoint: str
    wanted: int
    sent: int = 0
    answers: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Flood:
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _send(self, number: int) -> None:
        place = urlsplit(self.endpoint)
        while not self.over.is_set():
            number += 1
            with (
                contextlib.suppress(OSError),
                socket.create_connection((place.hostname, place.port), PATIENCE_S) as peer,
            ):
                for piece in self._pieces(HEADS[number % len(HEADS)]):
                    peer.sendall(piece)
                    self._count(len(piece))
                peer.shutdown(socket.SHUT_WR)
                self.answers += bool(peer.recv(1 << 16))

    def _pieces(self, head: bytes) -> Iterator[bytes]:
        yield head
        for _ in range(BODY_PIECES):
            if self.over.is_set():
                return
            yield PIECE

    def _count(self, size: int) -> None:
        with self.guard:
            self.sent += size
        if self.sent >= self.wanted:
            self.over.set()
