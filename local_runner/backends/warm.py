"""Starts containers in a preloaded interpreter, so that torch is imported once and not for every container."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from wildsage.local_runner.backends import preloaded
from wildsage.local_runner.processes import python

READY_WITHIN_S = 60.0  # mutants: equivalent: a second more or less changes nothing


class WarmInterpreter:
    """Runs `python -m MODULE ARGUMENTS…` in forks of an interpreter that has imported `imports`.

    `prepare` or the first `start` starts the interpreter, and a later `start` restarts it if it has died. It ends with
    this process.
    """

    def __init__(self, module: str, imports: Sequence[str]) -> None:
        self._module = module
        self._command = python.command(preloaded.__name__, *imports)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._ready = False  # mutants: equivalent: it is set as an interpreter is started

    def prepare(self) -> None:
        """Start the interpreter unless it runs. Returns before its imports are done."""
        with self._lock:
            self._ensure_process()

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        control: socket.socket,
        parent_pipe: int,
        output: int,
        imports: Sequence[str] = (),
    ) -> bool:
        """Start a process under a supervisor, connected by the socket pair `control` and `parent_pipe`; it writes to `output`.

        Of its `imports`, the interpreter has those done that can be, for this process and for those after it. The caller closes
        both descriptors. Returns False if no interpreter can be started.
        """
        order = {"arguments": [self._module, *arguments], "environment": dict(environment), "folder": str(folder)}
        text = json.dumps(order).encode()
        with self._lock:
            orders = self._await_ready()
            if orders is None:
                return False
            try:
                socket.send_fds(orders, [" ".join(imports).encode() or b" "], [parent_pipe, output])
            except OSError:  # the interpreter has died; the next start makes a new one
                self._forget()
                return False
        control.sendall(preloaded.LENGTH.pack(len(text)) + text)
        return True

    def close(self) -> None:
        """End the interpreter. Containers that it started keep running."""
        with self._lock:
            self._forget()

    def _ensure_process(self) -> socket.socket:
        if self._orders is not None and self._process is not None and self._process.poll() is None:
            return self._orders
        self._forget()
        self._orders, parent_pipe = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders.settimeout(READY_WITHIN_S)  # for its imports, and for each order that it takes
        with parent_pipe:
            self._process = subprocess.Popen(
                self._command,
                stdin=parent_pipe.fileno(),
                stdout=subprocess.DEVNULL,
                env=python.environment({**os.environ, "PYTHONUNBUFFERED": "1"}),
                start_new_session=True,
            )
        return self._orders

    def _await_ready(self) -> socket.socket | None:
        orders = self._ensure_process()
        if not self._ready:
            with contextlib.suppress(OSError):
                self._ready = orders.recv(1) == preloaded.READY
        return orders if self._ready else None

    def _forget(self) -> None:
        """Close the socket, which ends the interpreter. Processes that it started keep running."""
        self._ready = False
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
