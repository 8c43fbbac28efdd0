"""Who uses a data folder: a lock, held as long as a server lives, and a small file that says where it answers."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import psutil

LOCK = "lock"
ABOUT = "server.json"
LEFTOVERS = "what is left of a killed server, which is still stopping"
LEFTOVERS_GONE_WITHIN_S = 15.0


class InUse(Exception):
    """Another process uses the data folder; the text says which."""


@dataclass(frozen=True)
class Owner:
    """The server of a data folder, as its `server.json` says: `http://127.0.0.1:<port>` and its process id."""

    endpoint: str
    pid: int

    @property
    def lives(self) -> bool:
        return psutil.pid_exists(self.pid)

    @property
    def answers(self) -> bool:
        """True if something takes connections there."""
        address = urlsplit(self.endpoint)
        try:
            with socket.create_connection((address.hostname or "", address.port or 80), timeout=1):
                return True
        except OSError:
            return False


def running(data: Path) -> Owner | None:
    """The server that runs on this data folder, or None; what a killed server left behind is none."""
    owner = _read(data)
    return owner if owner and owner.lives and owner.answers else None


def announce(data: Path, owner: Owner) -> None:
    """Write `server.json`, whole or not at all."""
    partial = (data / ABOUT).with_suffix(".partial")
    partial.write_text(json.dumps(asdict(owner)))
    partial.replace(data / ABOUT)


def withdraw(data: Path) -> None:
    """Remove this process's own `server.json`. No effect in a child: a worker that ends may be replaced."""
    owner = _read(data)
    if owner and owner.pid == os.getpid():
        (data / ABOUT).unlink(missing_ok=True)


@contextlib.contextmanager
def sole_use(data: Path) -> Iterator[None]:
    """Hold the lock of the data folder. The kernel drops it with the last process of the server, however that ends.

    What is left of a killed server lives on for a moment, until it sees that it is alone and has stopped its containers; its
    end is waited for. Raises InUse.
    """
    deadline = time.monotonic() + LEFTOVERS_GONE_WITHIN_S
    with (data / LOCK).open("a") as lock:
        while not _locked(lock):
            user = _user(data)
            if user != LEFTOVERS or time.monotonic() > deadline:
                raise InUse(f"{data} is in use by {user}. Stop it, or choose another data folder.")
            time.sleep(0.05)
        yield


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _user(data: Path) -> str:
    owner = _read(data)
    if owner is None:
        return "a server that is starting or stopping"
    serves = owner.lives and owner.answers
    return f"the server with process id {owner.pid} at {owner.endpoint}" if serves else LEFTOVERS


def _read(data: Path) -> Owner | None:
    try:
        about = json.loads((data / ABOUT).read_text())
        return Owner(about["endpoint"], about["pid"])
    except (OSError, ValueError, KeyError):
        return None
