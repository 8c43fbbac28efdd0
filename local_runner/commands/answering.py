"""Whether a server of this machine answers."""

from __future__ import annotations

import contextlib

from wildsage.local_runner.commands.terminal import HOST


def answers(port: int, path: str, timeout_s: float) -> bool:
    """Whether GET `path` at a port of this machine is answered with status 200 in time."""
    import http.client  # only here: it brings TLS and e-mail, which `--help` does not need

    with contextlib.closing(http.client.HTTPConnection(HOST, port, timeout=timeout_s)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
