"""Runs a command that must end with its parent: `python supervisor.py COMMAND…`, with a pipe or socket of the parent as stdin.

The pipe closes when the parent closes it or dies, for whatever reason. The supervisor then kills the command and all
processes of its group. A parent-death signal of the kernel would not do: it exists on Linux only, it fires when the
*thread* that started the child ends, and grandchildren do not inherit it. SIGTERM, or `TERMINATE` from the parent, is
passed on to the command alone, as a container engine does, and stopped processes of its group go on, to take their part in the
end. When the command exits, the supervisor kills the processes that it left running, and exits with the command's status
(128 + signal if a signal ended it). A parent at a socket gets a report of what the command used, one line of JSON:

    {"status": 0, "cpu_s": 1.5, "peak_bytes": 310000000}

This module imports nothing but the standard library, so that it starts in about 20 ms.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence

TERMINATE = b"T"
LISTENER = "WILDSAGE_LISTEN_FD"
"""Variable that names a descriptor which the command inherits: a socket that listens already."""
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def supervised(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` under a supervisor. Start it with a pipe or socket as standard input."""
    return [sys.executable, "-I", "-S", __file__, *command]


def main(command: list[str]) -> int:
    """Run the command to its end and return its exit status."""
    asked_to_stop = threading.Event()
    children: list[int] = []

    def stop(*_: object) -> None:
        asked_to_stop.set()
        for child in children:
            _signal(child, signal.SIGTERM)
            _continue_group(child)

    signal.signal(signal.SIGTERM, stop)
    inherited = [int(os.environ[LISTENER])] if LISTENER in os.environ else []
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=inherited)
    for descriptor in inherited:
        os.close(descriptor)
    children.append(child.pid)
    if asked_to_stop.is_set():  # before the child was known
        stop()
    return supervise(child.pid, parent=0)


def supervise(child: int, parent: int) -> int:
    """Wait for `child`, the leader of its process group, and follow the file descriptor `parent` meanwhile.

    Returns the exit status, after the group has ended and the report has been sent.
    """
    threading.Thread(target=_follow_parent, args=(parent, child), daemon=True).start()
    _await_end(child)
    _kill_group(child)
    _, ended, used = os.wait4(child, 0)  # mutants: equivalent: it has ended, and no option changes that
    code = os.waitstatus_to_exitcode(ended)
    status = code if code >= 0 else 128 - code
    if stat.S_ISSOCK(os.fstat(parent).st_mode):
        report = {
            "status": status,
            "cpu_s": used.ru_utime + used.ru_stime,
            "peak_bytes": used.ru_maxrss * MAXRSS_BYTES,
        }
        with contextlib.suppress(OSError):  # the parent has gone
            os.write(parent, json.dumps(report).encode() + b"\n")
    return status


def _await_end(child: int) -> None:
    """Wait until `child` has ended. It is not reaped, so that its process id cannot be reused yet.

    A signal that arrives just before a call that waits does not interrupt it, and its handler would run when the child ends.
    Each signal therefore writes to a pipe, and the call that waits reads from that.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        os.read(reading, 1024)  # mutants: equivalent: any number of signals may be read at once


def _follow_parent(parent: int, child: int) -> None:
    with contextlib.suppress(OSError):  # ECONNRESET: the parent died before it read everything
        while orders := os.read(parent, 1024):
            if TERMINATE in orders:
                _signal(child, signal.SIGTERM)
                _continue_group(child)
    _kill_group(child)


def _signal(child: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def _continue_group(group: int) -> None:
    """Wake up what is stopped: a stopped process takes no SIGTERM, and would hold up the end of the others."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGCONT)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
