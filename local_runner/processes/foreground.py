"""Child processes in the foreground. They write to this terminal and end with this process, even if it is killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any, TextIO

from wildsage.containers.contract import waiting
from wildsage.local_runner.processes import supervisor

STOP_LIMIT_S = 120.0  # SageMaker gives a training container this long after SIGTERM

COPY_LIMIT_S = 5.0  # mutants: equivalent: any time that is long enough for what a container that has ended wrote last


ShowLine = Callable[[str, TextIO], None]
"""Takes a line that a container wrote, and the stream of this process that corresponds to its own."""


def exit_status(returncode: int) -> int:
    """Return code of `subprocess` as a shell reports it: 128 + n if signal n ended the process."""
    return returncode if returncode >= 0 else 128 - returncode


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that `finally` blocks stop the child processes."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handled(leave):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle SIGTERM and SIGHUP in the block."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextmanager
def _child(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A child process. SIGTERM and SIGHUP leave the block with SystemExit, and the child gets SIGTERM at the end of the block,
    also if the signal came while it was being started. A further signal ends the wait for a child that does not end.
    """
    early: list[int] = []
    started = False

    def leave(number: int, frame: FrameType | None) -> None:
        if started:
            raise SystemExit(128 + number)
        early.append(number)

    with _handled(leave), subprocess.Popen(command, **options) as process:
        try:
            started = True
            if early:
                raise SystemExit(128 + early[0])
            yield process
        finally:
            process.terminate()


def run_script(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a user's program on this terminal and return its exit status. On Ctrl-C the program decides; we wait for it."""
    with _child(command, env=environment) as process:
        while True:
            try:
                return exit_status(waiting.end_of(process))
            except KeyboardInterrupt:
                continue


def print_line(line: str, stream: TextIO) -> None:
    """Write a line of a container where it wrote it itself."""
    stream.write(line)
    stream.flush()


@contextmanager
def run_container(
    command: Sequence[str], environment: Mapping[str, str], shown_as: Mapping[str, str], show: ShowLine = print_line
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a container as a process. It gets SIGTERM, as from SageMaker, when the block ends or on Ctrl-C.

    In what it writes, each path of this machine in `shown_as` is replaced by the one that a container has.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with _child(supervisor.supervised(command), env=environment, process_group=0, **pipes) as process:
        copies = [
            _copy_lines(process.stdout, sys.stdout, shown_as, show),
            _copy_lines(process.stderr, sys.stderr, shown_as, show),
        ]
        try:
            yield process
        finally:
            process.terminate()
            _reap(process)
            for copy in copies:
                copy.join(COPY_LIMIT_S)


def _copy_lines(
    source: IO[bytes] | None, target: TextIO, shown_as: Mapping[str, str], show: ShowLine
) -> threading.Thread:
    """Show each line when it is complete, in a thread."""

    def copy() -> None:
        for line in source or ():
            text = line.decode(errors="replace")
            for here, there in shown_as.items():
                text = text.replace(here, there)
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                show(text, target)

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def wait(process: subprocess.Popen[bytes], interrupted: Callable[[], None] = lambda: None) -> int:
    """Wait for a container and return its exit status. Ctrl-C sends SIGTERM, and a training job then saves its model so far;
    `interrupted` is called when that begins. A second Ctrl-C kills the container."""
    try:
        return exit_status(waiting.end_of(process))
    except KeyboardInterrupt:
        process.terminate()
        interrupted()
        return exit_status(_reap(process))


def _reap(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(STOP_LIMIT_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        if process.stdin:
            process.stdin.close()  # the supervisor then kills the container
        return waiting.end_of(process)
