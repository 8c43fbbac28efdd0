"""gunicorn's worker with threads, which a client that sends slowly or not at all cannot hold for long.

A thread reads a request's head and body from a blocking socket, so that each stalled client holds one. gunicorn has no limit
for that, since it expects a proxy in front of it; these servers have none.

A worker that is to end waits for requests whose head has arrived, as long as gunicorn's `graceful_timeout` lets it. gunicorn also
waits for connections on which nothing was asked yet; that would hold up the end of an endpoint for nothing.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

HEAD_WITHIN_S = 20.0
"""The whole head of a request has to arrive within this time."""

IDLE_S = 30.0
"""Longest wait for the next piece of a body."""

LEAST_RATE_BYTES_S = 100.0
"""A body that was waited for longer than IDLE_S has to arrive at this rate or faster."""


SHORT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What `accept` fails with where a limit of open files or of memory is reached."""

SHORT_OF_FILES_PAUSE_S = 0.05


class ClientTooSlow(Exception):
    """A client stopped sending the body of its request, or sends it too slowly. Not an OSError, which werkzeug takes for a
    client that has gone.
    """


class PatientSocket(socket.socket):
    """A client's socket whose `recv` fails once a limit is reached. There is no limit on how slowly an answer is taken:
    programs read large objects at the speed at which they use them.
    """

    _head_until: float | None = None
    _given_up = False
    _request: Any = None
    _waited_s = _received_bytes = 0.0

    def setblocking(self, flag: bool) -> None:
        """gunicorn calls this with True before each request: from here on its head is awaited."""
        if self.fileno() < 0:
            return  # the thread that answered has closed it
        super().setblocking(flag)
        self._head_until = time.monotonic() + HEAD_WITHIN_S if flag else None
        self._waited_s = self._received_bytes = 0.0

    def head_is_read(self, request: Any) -> None:
        """What comes next is the body of gunicorn's `request`."""
        self._head_until = None
        self._request = request

    def close_after_answer(self) -> None:
        """Let the answer be the last on this connection: what is left of the body is not read."""
        self._request.force_close()

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Raises ClientTooSlow in a body, and in a head ConnectionResetError, at which gunicorn closes the connection.

        A body that did not arrive leaves the connection with nothing that can be read: the answer is its last, and says so.
        After an answer gunicorn sets a time of its own for what is left of the body, and for the client to close.
        """
        if self.gettimeout() is not None:
            return super().recv(size, flags)
        if self._head_until is not None:
            try:
                return self._recv_within(self._head_until - time.monotonic(), size, flags)
            except TimeoutError:
                raise ConnectionResetError(errno.ECONNRESET, "The head of a request did not arrive in time.") from None
        if self._given_up:
            raise ClientTooSlow("The body was given up.")
        try:
            return self._recv_body(size, flags)
        except TimeoutError as error:
            self._given_up = True
            self.close_after_answer()
            raise ClientTooSlow(f"The body of a request did not arrive in time: {error}.") from None

    def _recv_body(self, size: int, flags: int) -> bytes:
        began = time.monotonic()
        piece = self._recv_within(IDLE_S, size, flags)
        self._waited_s += time.monotonic() - began
        self._received_bytes += len(piece)
        if self._waited_s > IDLE_S and self._received_bytes < self._waited_s * LEAST_RATE_BYTES_S:
            raise TimeoutError(f"below {LEAST_RATE_BYTES_S:.0f} bytes/s")
        return piece

    def _recv_within(self, limit_s: float, size: int, flags: int) -> bytes:
        self.settimeout(max(limit_s, 0.001))
        try:
            return super().recv(size, flags)
        finally:
            self.settimeout(None)


class PatientWorker(ThreadWorker):
    """Reads requests from patient sockets, and outlives moments in which files or threads run out."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._asked_nothing: set[Any] = set()  # connections whose next head has not arrived; atomic in Python

    def accept(self, *arguments: Any) -> None:
        """Accept a connection. Where no more files may be open, clients wait in the listener's backlog until others have gone."""
        try:
            super().accept(*arguments)
        except OSError as error:
            if error.errno not in SHORT_OF_FILES:
                raise
            time.sleep(SHORT_OF_FILES_PAUSE_S)  # the listener stays readable: the loop that calls this would spin

    def enqueue_req(self, conn: Any) -> None:
        """Let a thread read the next request of a connection. Where no thread can be started, the connection is closed."""
        if not isinstance(conn.sock, PatientSocket):
            conn.sock = PatientSocket(fileno=conn.sock.detach())
        self._asked_nothing.add(conn)
        try:
            super().enqueue_req(conn)
        except RuntimeError:
            self._asked_nothing.discard(conn)
            self.nr_conns -= 1
            conn.close()

    def handle(self, conn: Any) -> Any:
        """Read a request and answer it.

        Where that was the last on its connection, close it here. gunicorn waits for the client to close first, for up to two
        seconds, in the thread that accepts connections: until then it would take no other request.
        """
        try:
            goes_on = super().handle(conn)
        finally:
            self._asked_nothing.discard(conn)
        if not goes_on:
            util.close_graceful(conn.sock)
        return goes_on

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head was read."""
        self._asked_nothing.discard(conn)
        conn.sock.head_is_read(req)
        return super().handle_request(req, conn)

    def is_parent_alive(self) -> bool:
        """Whether gunicorn's first process lives. A worker that it left behind ends as one that is told to."""
        if not super().is_parent_alive():
            self.alive = False
        return self.alive

    def set_accept_enabled(self, enabled: bool) -> None:
        """gunicorn calls this when it begins to end, before it waits for connections."""
        super().set_accept_enabled(enabled)
        self._let_go()

    def murder_pending(self) -> None:
        """gunicorn calls this in each round of its loop."""
        self._let_go()
        super().murder_pending()

    def _let_go(self) -> None:
        """Once the worker is to end: wait for nobody who has not asked anything."""
        if self.alive:
            return
        for conn in (*self.pending_conns, *self.keepalived_conns):
            conn.timeout = 0.0
        for conn in list(self._asked_nothing):
            with contextlib.suppress(OSError):  # it has gone
                conn.sock.shutdown(socket.SHUT_RD)
