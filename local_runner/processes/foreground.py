"""Child processes in the foreground. They write to this terminal and end with this process, even if it is killed."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from wildsage.local_runner.processes import supervisor

STOP_LIMIT_S = 120.0  # SageMaker gives a training container this long after SIGTERM


def exit_status(returncode: int) -> int:
    """Return code of `subprocess` as a shell reports it: 128 + n if signal n ended the process."""
    return returncode if returncode >= 0 else 128 - returncode


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that `finally` blocks stop the child processes."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_script(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a user's program on this terminal and return its exit status. On Ctrl-C the program decides; we wait for it."""
    with subprocess.Popen(command, env=environment) as process, exit_on_signals():
        try:
            while True:
                try:
                    return exit_status(process.wait())
                except KeyboardInterrupt:
                    continue
        finally:
            process.terminate()


@contextmanager
def run_container(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a container as a process. It gets SIGTERM, as from SageMaker, when the block ends or on Ctrl-C."""
    with (
        exit_on_signals(),
        subprocess.Popen(
            supervisor.supervised(command), env=environment, stdin=subprocess.PIPE, process_group=0
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            _reap(process)


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a container and return its exit status. Ctrl-C sends SIGTERM, and a training job then saves its model so far."""
    try:
        return exit_status(process.wait())
    except KeyboardInterrupt:
        process.terminate()
        return exit_status(_reap(process))


def _reap(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(STOP_LIMIT_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.communicate()  # closes the supervisor's pipe, so it kills the container
        return process.wait()
