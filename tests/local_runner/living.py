"""Whether a process lives."""

from __future__ import annotations

import psutil


def lives(process: psutil.Process | int) -> bool:
    """False for one that has ended, also if nobody has waited for it, and if it goes just now."""
    try:
        found = psutil.Process(process) if isinstance(process, int) else process
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
