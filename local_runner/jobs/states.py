"""What the states of all kinds of jobs have in common."""

from __future__ import annotations

ENDED = ("Completed", "Failed", "Stopped")
MAX_REASON_CHARACTERS = 1024
