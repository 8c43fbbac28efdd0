"""Waiting for a child process in the thread that handles signals.

Beside the contract, because containers wait for a user's script, and the local AWS for containers and programs.
"""

from __future__ import annotations

import contextlib
import subprocess

LOOK_EVERY_S = 1.0  # mutants: equivalent: any time that is short for who sends a signal


def end_of(process: subprocess.Popen[bytes]) -> int:
    """Wait for its status, as `subprocess` reports it. A signal that comes just before a call that waits does not interrupt it,
    and Python handles it after the call: each call is therefore a short one."""
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(LOOK_EVERY_S)
