"""A child process, and how it ended."""

from __future__ import annotations

import os
import signal
import time

import pytest

from wildsage.local_runner.processes.child import Child


def ended(child: Child) -> int | None:
    """Its exit status, once it has ended."""
    until = time.monotonic() + 240
    while child.runs():
        assert time.monotonic() < until
        time.sleep(0.01)
    return child.status


@pytest.mark.parametrize("status", [0, 7])
def test_a_child_that_has_ended_has_its_exit_status(status):
    child = Child(os.spawnlp(os.P_NOWAIT, "sh", "sh", "-c", f"exit {status}"))
    assert ended(child) == status
    assert not child.runs() and child.status == status  # and nobody waits for it again


def test_a_child_runs_until_it_is_killed():
    child = Child(os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000"))
    assert child.runs() and child.status is None
    os.kill(child.pid, signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL


def test_how_it_ended_is_found_out_and_not_given():
    with pytest.raises(TypeError):
        Child(1, 0)
