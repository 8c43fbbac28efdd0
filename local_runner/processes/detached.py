"""This program goes on in the background, in a session of its own, while the shell gets its prompt back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wildsage.local_runner.processes.child import Child

CHECK_EVERY_S = 0.02  # mutants: equivalent: another pause sees the same end


@dataclass
class Detached(Child):
    """The process in the background, as its parent sees it. `log` is the file that it writes to, from the byte `begun` on."""

    log: Path
    begun: int

    def wait_for(self, ready: Callable[[], bool]) -> bool:
        """Wait until it is ready, True, or has ended, False."""
        while not ready():
            if not self.runs():
                return ready()
            time.sleep(CHECK_EVERY_S)
        return True

    def output(self) -> str:
        """What it has written so far."""
        with self.log.open("rb") as written:
            written.seek(self.begun)
            return written.read().decode(errors="replace").rstrip()


def fork(log: Path) -> Detached | None:
    """Split this process: None in the background, which no Ctrl-C reaches and which writes to the end of `log`.

    Call it while no other thread runs.
    """
    begun = log.stat().st_size if log.exists() else 0
    pid = os.fork()
    if pid:
        return Detached(pid, log, begun)
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)  # it may name keys
    with open(os.devnull, "rb") as nothing, open(file, "ab") as written:
        os.dup2(nothing.fileno(), 0)
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
    return None
