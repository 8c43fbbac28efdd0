"""Ports for servers and jobs that tests start."""

from __future__ import annotations

import contextlib
import secrets
import socket

FIRST, COUNT = 20_000, 9_000


def free_port() -> int:
    """A port of this machine at which nothing listens.

    The system gives none of these to a program that asks for any port, as many do while tests run: nobody takes it before it is used.
    """
    while True:
        port = FIRST + secrets.randbelow(COUNT)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
