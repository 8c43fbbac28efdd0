"""How SIGTERM stops a training container: the signal raises a sign that the run checks [contract: container, section 1]."""

from __future__ import annotations

import signal


class StopSignal:
    """`raised` turns true with the first SIGTERM. The handler does nothing else, because it can interrupt any statement."""

    def __init__(self) -> None:
        self.raised = False

    def obey_sigterm(self) -> None:
        """From now on, SIGTERM ends training with what has been learned so far."""
        signal.signal(signal.SIGTERM, self._raise)

    def _raise(self, _signal: int, _frame: object) -> None:
        self.raised = True
