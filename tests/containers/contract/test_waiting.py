"""A wait for a child process ends with the process, and does not keep signals from being handled."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.signals import taken_by_another_thread
from wildsage.containers.contract import waiting


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9)])
def test_a_process_is_waited_for_to_its_end(monkeypatch, script, status):
    monkeypatch.setattr(waiting, "LOOK_EVERY_S", 0.01)
    with subprocess.Popen(["/bin/sh", "-c", f"sleep 0.1; {script}"]) as process:
        assert waiting.end_of(process) == process.returncode == status


class Told(Exception):
    """What a handler of a signal raises here."""


def test_a_signal_that_does_not_interrupt_the_wait_is_handled_in_it():
    def handle(*_: object) -> None:
        raise Told

    signal.signal(signal.SIGTERM, handle)
    script = ["/bin/sh", "-c", "read -r line; kill -TERM $PPID; exec sleep 240"]
    with taken_by_another_thread(signal.SIGTERM), subprocess.Popen(script, stdin=subprocess.PIPE, bufsize=0) as process:
        with pytest.raises(Told):
            process.stdin.write(b"now\n")
            waiting.end_of(process)
        assert process.poll() is None
        process.kill()
