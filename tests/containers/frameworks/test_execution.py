"""A script is run to its end, with its output in the log and the end of its standard error at hand."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.signals import taken_by_another_thread
from wildsage.containers.frameworks import execution
from wildsage.containers.frameworks.errors import CommandFailed
from wildsage.containers.training.stopping import StopSignal


@pytest.fixture(autouse=True)
def own_sigterm() -> Iterator[None]:
    """A run leaves a handler of SIGTERM behind."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def patient(monkeypatch) -> None:
    """On a busy machine the last bytes may take their time."""
    monkeypatch.setattr(execution, "ENDING_S", 240)


@pytest.fixture
def shell(tmp_path):
    """Runs a script of the shell in the folder of the test."""

    def run(script: str, stop: StopSignal | None = None, **environment: str) -> None:
        command = ["/bin/sh", "-c", script]
        execution.run(command, {"PATH": os.environ["PATH"], **environment}, tmp_path, stop or StopSignal())

    return run


def test_a_script_runs_in_its_folder_with_its_variables_alone(shell, tmp_path, monkeypatch):
    monkeypatch.setenv("NOT_GIVEN", "1")
    shell('echo "$GIVEN|$NOT_GIVEN" > seen', GIVEN="a")
    assert (tmp_path / "seen").read_text() == "a|\n"


@pytest.mark.parametrize(("end", "status"), [("exit 1", 1), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_a_script_that_fails_says_how_it_ended_and_what_it_wrote(shell, capfd, end, status):
    with pytest.raises(CommandFailed) as caught:
        shell(f"echo trouble >&2; echo fine; {end}")
    assert caught.value.status == status
    assert str(caught.value).startswith(f'ExecuteUserScriptError:\nExitCode {status}\nErrorMessage "trouble"')
    assert capfd.readouterr() == ("fine\n", "trouble\n")


def test_a_signal_that_came_before_the_script_began_reaches_it(shell, tmp_path):
    stop = StopSignal()
    stop.raised = True
    with pytest.raises(CommandFailed) as caught:
        shell("exec sleep 600", stop)
    assert caught.value.status == 128 + signal.SIGTERM


def test_a_signal_that_comes_while_the_script_runs_reaches_it(shell):
    """The script sends it to its parent, which is this process."""
    stop = StopSignal()
    stop.obey_sigterm()  # as a container has done by then
    with pytest.raises(CommandFailed) as caught:
        shell("trap 'exit 5' TERM; sleep 0.3; kill -TERM $PPID; for i in $(seq 4800); do sleep 0.05; done", stop)
    assert caught.value.status == 5


UNBLOCKED = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
os.kill(os.getppid(), signal.SIGTERM)
time.sleep(240)
"""


def test_a_signal_that_does_not_interrupt_the_wait_for_the_script_reaches_it_too(tmp_path):
    with taken_by_another_thread(signal.SIGTERM), pytest.raises(CommandFailed) as caught:
        execution.run([sys.executable, "-c", UNBLOCKED], os.environ, tmp_path, StopSignal())
    assert caught.value.status == 5


def tail_of(content: bytes) -> execution._Tail:
    reading, writing = os.pipe()
    with open(reading, "rb") as stream:
        tail = execution._Tail(stream)
        with open(writing, "wb") as sink:
            sink.write(content)
        tail.join()
    return tail


def test_the_end_of_a_long_output_is_kept_and_all_of_it_is_in_the_log(capfd):
    content = b"".join(b"%9d\n" % number for number in range(20_000))
    assert tail_of(content).text == content[-65_536:].decode()
    assert capfd.readouterr().err.encode() == content


class Log:
    """A standard error that takes its time, and shows what was flushed."""

    def __init__(self) -> None:
        self.written = self.shown = b""

    def write(self, piece: bytes) -> None:
        time.sleep(0.1)
        self.written += piece

    def flush(self) -> None:
        self.shown = self.written


def test_the_last_words_are_waited_for_and_shown_as_they_come(shell, monkeypatch):
    log = Log()
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(buffer=log))
    with pytest.raises(CommandFailed, match="trouble"):
        shell("echo trouble >&2; exit 1")
    assert log.shown == b"trouble\n"


def test_bytes_that_are_not_text_are_replaced():
    assert tail_of(b"a\xffb").text == "a\N{REPLACEMENT CHARACTER}b"


def test_a_program_that_outlives_the_script_is_not_waited_for(shell, tmp_path, monkeypatch):
    """The script ends once its words have been read."""
    monkeypatch.setattr(execution, "ENDING_S", 1)
    assert tail_of(b"")._thread.daemon, "nor does it hold this process up"
    log = SimpleNamespace(write=lambda piece: None, flush=(tmp_path / "read").touch)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(buffer=log))
    with pytest.raises(CommandFailed, match="trouble"):
        shell("sleep 30 & echo trouble >&2; while [ ! -e read ]; do sleep 0.01; done; exit 1")
