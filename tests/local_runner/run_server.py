"""Serve a data folder with the stand-in container.

`python run_server.py FOLDER [hold seconds] [backend] [jobs at a time] [keep] [strict] [impatient] [token] [clock]`

With `clock` the time of day that this project's code reads is off by as many seconds as FOLDER/clock says at the moment. Sleeps and
limits of time, which use another clock, stay right.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from wildsage.containers.contract import patient_worker
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


if __name__ == "__main__":
    if "clock" in sys.argv[5:]:
        shift_clock(Path(sys.argv[1]) / "clock")
    if "impatient" in sys.argv[5:]:
        patient_worker.IDLE_S = 0.5
    stand_in = Path(__file__).with_name("stand_in.py")
    settings = ServerSettings(
        data=Path(sys.argv[1]),
        command=(sys.executable, "-S", str(stand_in)),
        backend=sys.argv[3] if len(sys.argv) > 3 else "process",
        max_jobs=int(sys.argv[4]) if len(sys.argv) > 4 else None,
        keep="keep" in sys.argv[5:],
        strict="strict" in sys.argv[5:],
        hold_first_describe_s=float(sys.argv[2]) if len(sys.argv) > 2 else 20.0,
        keys=keys.ensure(Path(sys.argv[1])) if "token" in sys.argv[5:] else None,
    )
    try:
        serve(settings, lambda endpoint: print(endpoint, flush=True))
    except CannotServe as error:
        sys.exit(str(error))
