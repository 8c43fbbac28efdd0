"""Serve a data folder with the stand-in container.

`python run_server.py FOLDER [hold seconds] [backend] [jobs at a time] [keep] [strict] [impatient] [token] [clock]`

With `clock` the time of day that this project's code reads is off by as many seconds as FOLDER/clock says at the moment. Sleeps and
limits of time, which use another clock, stay right.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

from wildsage.containers.contract import patient_worker
from wildsage.local_runner.server import lock
from wildsage.local_runner.server.gunicorn_server import CannotServe, ServerSettings, serve
from wildsage.local_runner.signatures import keys


def shift_clock(by: Path) -> None:
    """Let `time.time` be off by the seconds that a file holds."""
    now = time.time

    def shifted() -> float:
        with contextlib.suppress(OSError, ValueError):
            return now() + float(by.read_text())
        return now()

    time.time = shifted


def main(arguments: list[str], announce: Callable[[str], object]) -> None:
    """Serve until SIGTERM. Raises CannotServe."""
    data, words = Path(arguments[0]), arguments[4:]
    if "clock" in words:
        shift_clock(data / "clock")
    if "impatient" in words:
        patient_worker.IDLE_S = 0.5
    lock.LEFTOVERS_GONE_WITHIN_S = 240
    stand_in = Path(__file__).with_name("stand_in.py")
    settings = ServerSettings(
        data=data,
        command=(sys.executable, "-S", str(stand_in)),
        backend=arguments[2] if len(arguments) > 2 else "process",
        max_jobs=int(arguments[3]) if len(arguments) > 3 else None,
        keep="keep" in words,
        strict="strict" in words,
        hold_first_describe_s=float(arguments[1]) if len(arguments) > 1 else 20.0,
        keys=keys.ensure(data) if "token" in words else None,
    )
    serve(settings, announce)


if __name__ == "__main__":
    try:
        main(sys.argv[1:], lambda endpoint: print(endpoint, flush=True))
    except CannotServe as error:
        sys.exit(str(error))
