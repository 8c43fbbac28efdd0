"""Runs a script: its output goes to the log, the end of its standard error into the reason of a failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from wildsage.containers.contract import waiting
from wildsage.containers.frameworks import errors
from wildsage.containers.training.stopping import StopSignal

KEPT_BYTES = 1 << 16
PIECE_BYTES = 1 << 14  # mutants: equivalent: the size of a read, which nobody sees
ENDING_S = 5  # mutants: equivalent: any time that is long enough for the last bytes


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, stop: StopSignal) -> None:
    """Run the command in `folder` to its end. SIGTERM is passed on to it, also one that came before it began.

    Raises CommandFailed if its status is not 0.
    """
    with subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM))
        if stop.raised:
            process.send_signal(signal.SIGTERM)
        tail = _Tail(process.stderr)
        status = waiting.end_of(process)
        tail.join()
    if status:
        raise errors.execute_user_script(command, status if status > 0 else 128 - status, tail.text)


class _Tail:
    """Copies a stream to standard error as it comes, and keeps the end of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self._kept = b""
        self._stream = stream
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        return self._kept.decode(errors="replace")

    def join(self) -> None:
        """Wait for the last bytes; processes that outlive the script may hold the stream open, and are not waited for."""
        self._thread.join(timeout=ENDING_S)

    def _copy(self) -> None:
        while piece := os.read(self._stream.fileno(), PIECE_BYTES):
            sys.stderr.buffer.write(piece)
            sys.stderr.buffer.flush()
            self._kept = (self._kept + piece)[-KEPT_BYTES:]
