"""An interpreter that has done the long imports and forks: `python -m wildsage.local_runner.backends.preloaded MODULE…`.

Its standard input is a socket of its owner. It imports the modules, says `READY`, and from then on makes a process for
every pair of file descriptors that it is sent: a socket, on which an order comes first, and where to write to. An order
is its length in bytes (`LENGTH`) and a JSON object:

    {"arguments": ["containers", "train"], "environment": {"TZ": "UTC"}, "folder": "/some/folder"}

That process is what `python -m wildsage.containers train` would be, on a leash at the socket; see `leash`. It shares nothing
but what the imports left in memory, which the kernel copies as soon as somebody writes. The interpreter itself runs
no code but imports, so that no thread, random number or cache of one job is there in the next.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any

from wildsage.local_runner.processes import supervisor

READY = b"R"
LENGTH = struct.Struct("!I")


def main(modules: Sequence[str]) -> None:
    owner = socket.socket(fileno=os.dup(0))
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # else the collector would write into memory that is shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the leashes
    owner.sendall(READY)
    arguments = _await_turn(owner)
    if arguments:  # in a process made for it
        sys.argv[:] = arguments
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _await_turn(owner: socket.socket) -> list[str]:
    """Returns arguments in every process that was made to run them, and nothing in this one, when the owner is gone."""
    while True:
        _, descriptors, _, _ = socket.recv_fds(owner, 1, 2)
        if not descriptors:
            return []
        if os.fork() == 0:
            owner.close()  # and its copy at 0: the owner must see at once when this interpreter dies
            _redirect(os.open(os.devnull, os.O_RDONLY), 0)
            return _run_supervised(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _run_supervised(control: int, output: int) -> list[str]:
    """Fork once more: the child returns with its arguments, the parent holds it and ends with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order = _read_order(control)
    child = os.fork()
    if child:
        os.close(output)
        supervisor.supervise(child, control)
        os._exit(0)
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
    """The order and not a byte more: what follows is for the leash."""
    (length,) = LENGTH.unpack(_read(control, LENGTH.size))
    return json.loads(_read(control, length))


def _read(control: int, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = os.read(control, size - len(found))
        if not piece:  # called off
            os._exit(0)
        found += piece
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
