"""Which server uses a data folder: a lock that it holds as long as it lives, and a small file with its address."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

LOCK_FILE = "lock"
ADDRESS_FILE = "server.json"
LEFTOVERS = "what is left of a killed server, which is still stopping"
LEFTOVERS_GONE_WITHIN_S = 15.0
STOP_LIMIT_S = 30.0


class InUse(Exception):
    """Another process uses the data folder; the text says which."""


@dataclass(frozen=True)
class RunningServer:
    """The server of a data folder, as `server.json` names it: `http://127.0.0.1:<port>` and its process id."""

    endpoint: str
    pid: int

    @property
    def is_alive(self) -> bool:
        """Whether its process exists."""
        import psutil  # only here: no command needs it for its help

        return psutil.pid_exists(self.pid)

    @property
    def started_s(self) -> float:
        """When its process began, in seconds since 1970."""
        import psutil

        return psutil.Process(self.pid).create_time()

    @property
    def accepts_connections(self) -> bool:
        """Whether a process accepts connections at its endpoint."""
        address = urlsplit(self.endpoint)
        try:
            with socket.create_connection((address.hostname or "", address.port or 80), timeout=1):
                return True
        except OSError:
            return False


def running(data: Path) -> RunningServer | None:
    """The server that runs on this data folder, or None. The file that a killed server left behind does not count."""
    server = address(data)
    return server if server and server.is_alive and server.accepts_connections else None


def stop(data: Path, server: RunningServer) -> bool:
    """Ask a server to end with its jobs and endpoints, and wait until it has; False if it did not within `STOP_LIMIT_S`.

    Where nobody holds the lock the server has ended, and its process id may be another program's by now: that gets no signal.
    """
    if _is_free(data):
        return True
    deadline = time.monotonic() + STOP_LIMIT_S
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGTERM)
    while time.monotonic() < deadline:
        if _is_free(data):
            return True
        time.sleep(0.05)
    return False


def _is_free(data: Path) -> bool:
    with (data / LOCK_FILE).open("a") as file:
        return _try_lock(file)


def write_address(data: Path, server: RunningServer) -> None:
    """Write `server.json` atomically."""
    partial = (data / ADDRESS_FILE).with_suffix(".partial")
    partial.write_text(json.dumps(asdict(server)))
    partial.replace(data / ADDRESS_FILE)


def remove_address(data: Path) -> None:
    """Remove `server.json` if this process wrote it. A worker of the server that ends leaves it: it may be replaced."""
    server = address(data)
    if server and server.pid == os.getpid():
        (data / ADDRESS_FILE).unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive_use(data: Path) -> Iterator[None]:
    """Hold the lock of the data folder. The kernel releases it when the last process of the server ends, for any reason.

    The processes of a killed server live on for a moment, until they notice it and have stopped their containers; this
    function waits for them. Raises InUse.
    """
    deadline = time.monotonic() + LEFTOVERS_GONE_WITHIN_S
    with (data / LOCK_FILE).open("a") as file:
        while not _try_lock(file):
            user = _user(data)
            if user != LEFTOVERS or time.monotonic() > deadline:
                raise InUse(f"{data} is in use by {user}. Stop it, or choose another data folder.")
            time.sleep(0.05)
        yield


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _user(data: Path) -> str:
    server = address(data)
    if server is None:
        return "a server that is starting or stopping"
    if server.is_alive and server.accepts_connections:
        return f"the server with process id {server.pid} at {server.endpoint}"
    return LEFTOVERS


def address(data: Path) -> RunningServer | None:
    """The server that wrote its address to this data folder last, whether it runs or not; None if the file is missing."""
    try:
        found = json.loads((data / ADDRESS_FILE).read_text())
        return RunningServer(found["endpoint"], found["pid"])
    except (OSError, ValueError, KeyError):
        return None
