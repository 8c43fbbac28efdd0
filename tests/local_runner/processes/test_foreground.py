"""Child processes in the foreground: what they write, how they end, and that they end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.signals import taken_by_another_thread
from wildsage.local_runner.processes import foreground

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("returncode", "status"), [(0, 0), (1, 1), (7, 7), (-1, 129), (-9, 137), (-15, 143)])
def test_a_status_is_that_of_a_shell(returncode, status):
    assert foreground.exit_status(returncode) == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_block_and_means_what_it_did_afterwards(number):
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught, foreground.exit_on_signals():
        os.kill(os.getpid(), number)
    assert caught.value.code == 128 + number and signal.getsignal(number) == before


@pytest.mark.parametrize(("script", "status"), [("exit 7", 7), ("kill -9 $$", 137), ('test "$A" = 1', 0)])
def test_a_script_has_its_environment_and_its_status(script, status):
    assert foreground.run_script(["/bin/sh", "-c", script], {"A": "1", "PATH": os.defpath}) == status


def interrupt(process: subprocess.Popen, times: int) -> list[int]:
    """Let waiting for a process be interrupted so many times, as by Ctrl-C; returns what is left."""
    left, wait = [times], process.wait

    def interrupted(*arguments: float) -> int:
        if left[0]:
            left[0] -= 1
            raise KeyboardInterrupt
        return wait(*arguments)

    process.wait = interrupted  # type: ignore[method-assign]
    return left


def test_a_script_decides_itself_what_an_interruption_means(monkeypatch):
    started = []

    class Interrupted(subprocess.Popen):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            started.append(interrupt(self, 2))

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    assert foreground.run_script(["/bin/sh", "-c", "exit 5"], {}) == 5
    assert started == [[0]]


def test_a_signal_that_comes_while_a_script_is_started_ends_it(monkeypatch):
    class Slow(subprocess.Popen):
        """The signal comes when the script runs, and before anybody knows it."""

        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            os.kill(os.getpid(), signal.SIGTERM)
            started.append(self)

    started: list[subprocess.Popen] = []
    monkeypatch.setattr(subprocess, "Popen", Slow)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        foreground.run_script(["sleep", "1000"], {"PATH": os.defpath})
    assert (caught.value.code, started[0].returncode) == (128 + signal.SIGTERM, -signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_script_ends_with_this_process(tmp_path):
    """SIGTERM for this process is one for the script."""
    program = (
        "import sys; from wildsage.local_runner.processes import foreground\n"
        "foreground.run_script(['/bin/sh', '-c', 'trap \"echo bye; exit 0\" TERM; echo up; while :; do sleep 0.05; done'], {})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "up\n"
    process.terminate()
    assert process.stdout.read() == "bye\n"
    assert process.wait(240) == 128 + signal.SIGTERM


TOLD = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(240)
"""
"""Asks its parent to end, and ends itself once it has been told to."""


def test_a_signal_that_does_not_interrupt_the_wait_for_a_script_ends_it_too():
    program = [sys.executable, "-c", TOLD]
    with taken_by_another_thread(signal.SIGTERM), pytest.raises(SystemExit) as caught:
        foreground.run_script(program, os.environ)
    assert caught.value.code == 128 + signal.SIGTERM


def test_a_second_signal_leaves_a_script_that_ignores_the_first():
    program = (
        "from wildsage.local_runner.processes import foreground\n"
        "foreground.run_script(['/bin/sh', '-c', 'trap \"echo no\" TERM; echo $$; while :; do sleep 0.05; done'], {})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    script = int(process.stdout.readline())
    try:
        process.terminate()
        assert process.stdout.readline() == "no\n"
        process.terminate()
        assert process.wait(240) == 128 + signal.SIGTERM
    finally:
        os.kill(script, signal.SIGKILL)
        process.kill()
        process.wait()


def test_a_line_is_shown_at_once():
    class Stream(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Stream()
    foreground.print_line("line\n", stream)
    assert (stream.getvalue(), stream.flushed) == ("line\n", 1)


def container(script: str, shown_as: dict[str, str] | None = None):
    """A container, and the lines that it wrote with the streams where they are shown."""
    lines: list[tuple[str, object]] = []

    def show(line: str, stream: object) -> None:
        lines.append((line, stream))

    command = ["/bin/sh", "-c", script]
    return foreground.run_container(command, {"PATH": os.defpath, "A": "1"}, shown_as or {}, show), lines


def test_what_a_container_writes_is_shown_with_the_paths_that_it_sees():
    running, lines = container(
        "echo /tmp/job/model $A; echo /tmp/other/x >&2; printf '\\377'", {"/tmp/job": "/opt/ml", "other": "more"}
    )
    with running as process:
        assert foreground.wait(process) == 0
    assert sorted(line for line, stream in lines if stream is sys.stdout) == ["/opt/ml/model 1\n", "\ufffd"]
    assert [line for line, stream in lines if stream is sys.stderr] == ["/tmp/more/x\n"]


def test_a_container_whose_output_nobody_reads_goes_on():
    """It writes more than a pipe holds."""

    def closed(line: str, stream: object) -> None:
        raise ValueError("I/O operation on closed file")

    with foreground.run_container(["/bin/sh", "-c", "yes | head -c 300000; exit 4"], {}, {}, closed) as process:
        assert foreground.wait(process) == 4


def test_a_container_gets_sigterm_when_its_block_ends():
    running, lines = container("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    with running as process:
        while not lines:
            assert process.poll() is None
    assert [line for line, _ in lines] == ["up\n", "bye\n"]
    assert process.returncode == 0


def test_ctrl_c_asks_a_container_to_stop_and_says_so():
    running, lines = container("trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done")
    said = []
    with running as process:
        while not lines:
            assert process.poll() is None
        interrupt(process, 1)
        assert foreground.wait(process, lambda: said.append(process.poll())) == 3
    assert said == [None]


def test_a_second_ctrl_c_kills_the_container():
    running, lines = container("trap '' TERM; echo up; while :; do sleep 0.05; done")
    with running as process:
        while not lines:
            assert process.poll() is None
        interrupt(process, 2)
        assert foreground.wait(process) == 137


def test_a_container_that_does_not_stop_is_killed(monkeypatch):
    assert foreground.STOP_LIMIT_S == 120
    monkeypatch.setattr(foreground, "STOP_LIMIT_S", 0.1)
    running, lines = container("trap '' TERM; echo up; while :; do sleep 0.05; done")
    with running as process:
        while not lines:
            assert process.poll() is None
    assert process.returncode == 137


def test_a_container_is_in_a_process_group_of_its_own():
    """Ctrl-C reaches the group of this process alone."""
    running, _ = container("sleep 1000")
    with running as process:
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
        threads = [thread for thread in threading.enumerate() if thread.daemon]
        assert threads  # those that copy lines do not keep this process
