"""An interpreter that has done the slow imports and forks: `python -m wildsage.local_runner.backends.preloaded MODULE…`.

Its standard input is a socket of its parent that keeps messages apart. It imports the modules and sends `READY`. It then forks a
process for every pair of file descriptors that it receives: a control socket, on which an order comes first, and the output.
The message that brings them names more modules, for this process and all later ones. An order is its length in bytes
(`LENGTH`) and a JSON object:

    {"arguments": ["containers", "train"], "environment": {"TZ": "UTC"}, "folder": "/some/folder"}

The forked process behaves like `python -m wildsage.containers train` under a supervisor at the control socket; see
`supervisor`. It shares only the memory that the imports filled, which the kernel copies on the first write. The
interpreter itself runs nothing but imports, so that no thread, random state or cache of one job reaches the next.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from wildsage.algorithms.base.imports import lasting
from wildsage.local_runner.processes import supervisor

READY = b"R"
LENGTH = struct.Struct("!I")
MAX_MODULES_BYTES = 4096  # mutants: equivalent: an algorithm needs a few packages


def main(modules: Sequence[str]) -> None:
    """Import the modules, then fork a process for each order until the parent has gone."""
    parent = socket.socket(fileno=os.dup(0))
    with lasting():  # mutants: equivalent: time and memory alone
        for module in modules:
            importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the supervisors
    parent.sendall(READY)
    arguments = _await_turn(parent)
    if arguments:  # only in a forked process
        sys.argv[:] = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _await_turn(parent: socket.socket) -> list[str]:
    """Return the arguments in each forked process, and an empty list in this one once the parent has gone."""
    while True:
        modules, descriptors, _, _ = socket.recv_fds(parent, MAX_MODULES_BYTES, 2)
        if not descriptors:
            return []
        _import_more(modules.decode().split())
        if os.fork() == 0:
            parent.close()  # and its copy at 0, so that the parent notices at once when this interpreter dies
            _redirect(os.open(os.devnull, os.O_RDONLY), 0)
            return _run_supervised(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _import_more(modules: Sequence[str]) -> None:
    """Import modules that have not been. A container that needs one that cannot be imported says so itself."""
    if missing := [module for module in modules if module not in sys.modules]:
        with lasting():  # mutants: equivalent: time and memory alone
            for module in missing:
                with contextlib.suppress(Exception):
                    importlib.import_module(module)


def _run_supervised(control: int, output: int) -> list[str]:
    """Fork once more. The child returns its arguments; the process that forked it becomes its supervisor."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order = _read_order(control)
    child = os.fork()
    if child:
        os.close(output)
        supervisor.supervise(child, control)
        _end()
    os.setsid()
    os.close(control)
    _redirect(output, 1, 2)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    return order["arguments"]


def _redirect(descriptor: int, *targets: int) -> None:
    for target in targets:
        os.dup2(descriptor, target)
    os.close(descriptor)


def _read_order(control: int) -> dict[str, Any]:
    """Read exactly the order. The bytes after it belong to the supervisor."""
    (length,) = LENGTH.unpack(_read(control, LENGTH.size))
    return json.loads(_read(control, length))


def _read(control: int, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = os.read(control, size - len(found))
        if not piece:  # cancelled
            _end()
        found += piece
    return found


def _end() -> NoReturn:
    """End a forked process."""
    os._exit(0)  # mutants: equivalent: nobody waits for it and sees its status


if __name__ == "__main__":
    main(sys.argv[1:])
