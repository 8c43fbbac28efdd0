"""A program that goes on in the background."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

from wildsage.local_runner.processes.detached import Detached

ROOT = Path(__file__).parents[3]

PROGRAM = """
import os, sys, time
from pathlib import Path
from wildsage.local_runner.processes.detached import fork
log, ready = Path(sys.argv[1]), Path(sys.argv[2])
behind = fork(log)
if behind is None:
    print("session", os.getsid(0) == os.getpid(), "input", sys.stdin.read(), flush=True)
    os.write(2, b"to the errors \\xff\\n")
    if sys.argv[3] == "ready":
        ready.touch()
        time.sleep(0.2)
    os._exit(3)
found = behind.wait_for(ready.exists)
while behind.runs():
    time.sleep(0.01)
print(found, behind.status, repr(behind.output()))
"""


def run(tmp_path: Path, how: str) -> str:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "log"), str(tmp_path / "ready"), how]
    done = subprocess.run(command, cwd=ROOT, input="typed", capture_output=True, text=True, timeout=240)
    assert done.stderr == ""
    return done.stdout


def test_the_background_has_a_session_of_its_own_and_writes_to_the_end_of_the_log(tmp_path):
    (tmp_path / "log").write_text("before\n")
    said = "session True input \nto the errors \ufffd"
    assert run(tmp_path, "ready") == f"True 3 {said!r}\n"
    assert (tmp_path / "log").read_bytes() == b"before\nsession True input \nto the errors \xff\n"


def test_a_background_that_ends_before_it_is_ready_is_not_waited_for(tmp_path):
    assert run(tmp_path, "not").startswith("False 3 'session True input ")
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_what_was_ready_when_it_ended_is_ready(tmp_path):
    child = os.spawnlp(os.P_NOWAIT, "true", "true")
    answers = iter([False, True])
    (tmp_path / "log").write_bytes(b"0123")
    detached = Detached(child, tmp_path / "log", 2)
    while detached.runs():
        time.sleep(0.01)
    assert detached.wait_for(lambda: next(answers)) is True
    assert detached.output() == "23"
