"""SIGTERM raises a sign, and does nothing else."""

from __future__ import annotations

import os
import signal

from wildsage.containers.training.stopping import StopSignal


def test_sigterm_raises_the_sign_and_ends_nothing():
    before = signal.getsignal(signal.SIGTERM)
    stop = StopSignal()
    try:
        stop.obey_sigterm()
        assert stop.raised is False
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.raised is True
        assert StopSignal().raised is False
    finally:
        signal.signal(signal.SIGTERM, before)
