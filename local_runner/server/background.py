"""A server for as long as a script needs one: the one that runs on the data folder already, or a new one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.processes import python
from wildsage.local_runner.server import lock, private_files

LOG = "server.log"
START_LIMIT_S = 60.0  # mutants: equivalent: a second more or less changes nothing
STOP_LIMIT_S = 30.0  # mutants: equivalent: a second more or less changes nothing


@dataclass(frozen=True)
class ScriptServer:
    """The endpoint of the local AWS, and whether it ran before."""

    endpoint: str
    reused: bool


@contextmanager
def server(data: Path, options: Sequence[str] = ()) -> Iterator[ScriptServer]:
    """Yield the server of a data folder. One that is started for it gets `options` of `wildsage up` and is stopped afterwards.

    Raises PlatformError with the end of its log if it does not come up.
    """
    if found := lock.running(data):
        yield ScriptServer(found.endpoint, reused=True)
        return
    process = _start(data, options)
    try:
        yield ScriptServer(_wait_until_up(process, data), reused=False)
    finally:
        _stop(process)


def _start(data: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start `wildsage up` in a session of its own, so that Ctrl-C reaches only the script, which may still clean up.

    The server stops when its standard input closes, as it does when this process ends for any reason.
    """
    try:
        private_files.prepare(data)
    except private_files.CannotUse as error:
        raise PlatformError(str(error)) from None
    own = ("--port", "0", "--data", str(data), "--until-stdin-closes")
    command = python.command("wildsage.local_runner", "up", *own, *options)
    with private_files.umask(), (data / LOG).open("ab") as log:
        return subprocess.Popen(
            command,
            env=python.environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_up(process: subprocess.Popen[bytes], data: Path) -> str:
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        if found := lock.running(data):
            return found.endpoint
        time.sleep(0.02)  # mutants: equivalent: any pause between two looks at the server
    log = (data / LOG).read_text(errors="replace").splitlines()
    outcome = "did not answer in time" if process.returncode is None else f"ended with status {process.returncode}"
    raise PlatformError(f"The local server {outcome}. The end of {data / LOG}:\n" + "\n".join(log[-12:]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
