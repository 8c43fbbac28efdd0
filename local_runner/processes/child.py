"""A process that was forked from this one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass
class Child:
    """A child process. `status`: its exit status, None while it runs."""

    pid: int
    status: int | None = field(default=None, init=False)

    def runs(self) -> bool:
        """False once it has ended, with its exit status in `status`."""
        if self.status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if ended else None
        return self.status is None
