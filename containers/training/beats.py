"""What the hosts of a job tell each other through a store of the first: that they are there, ready or done, and who is gone.

Silence is counted in rounds, not by the clock: a host that was stopped itself accuses nobody when it goes on.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.distributed import Store

LEFT = "left"
VERDICT = "verdict"


class Beats:
    """The entries of host number `rank` of so many hosts, and a look at those of the others.

    Each method raises RuntimeError where the store is gone.
    """

    def __init__(self, store: Store, rank: int, hosts: int) -> None:
        self._store = store
        self._rank = rank
        self._hosts = range(hosts)
        self._heard: dict[int, tuple[bytes, int]] = {}
        """The last beat of each host, and in how many rounds it has stayed the same."""
        self._numbers = itertools.count()
        """No beat is the same as the one before."""
        self._writing = threading.Lock()
        self.left = False
        """Whether this host has left."""

    def open(self) -> None:
        """Make the entries of all hosts, which would be waited for else. The first host does it."""
        for rank in self._hosts:
            self._store.compare_set(_beat(rank), "", "")

    def send(self) -> None:
        """Let the others hear of this host, unless it has left."""
        with self._writing:
            if not self.left:
                self._store.set(_beat(self._rank), str(next(self._numbers)))

    def leave(self) -> None:
        """Say that nothing will be heard of this host any more."""
        with self._writing:
            self.left = True
            self._store.set(_beat(self._rank), LEFT)

    def dismiss(self, rank: int) -> None:
        """Say it for a host that is gone."""
        self._store.set(_beat(rank), LEFT)

    def all_left(self) -> bool:
        """Whether every host has left."""
        return all(beat == LEFT.encode() for beat in self._beats())

    def all_ready(self) -> bool:
        """Say that this host is ready. Whether all are."""
        self._store.set(_ready(self._rank), "")
        return self._store.check([_ready(rank) for rank in self._hosts])

    def unheard(self) -> list[int]:
        """The numbers of the hosts that have never been heard of."""
        return [rank for rank, beat in enumerate(self._beats()) if not beat]

    def lost(self, rounds: float) -> int | None:
        """Begin a round. The number of a host that was heard of once, but not in the last rounds, more than `rounds`."""
        for rank, beat in enumerate(self._beats()):
            last, silent = self._heard.get(rank, (b"", 0))
            silent = silent + 1 if beat == last else 0
            self._heard[rank] = (beat, silent)
            if beat not in (b"", LEFT.encode()) and silent > rounds:
                return rank
        return None

    def judge(self, verdict: str) -> None:
        """Say why the job fails. The first verdict stays."""
        self._store.compare_set(VERDICT, "", verdict)

    def verdict(self) -> str:
        """Why the job fails; empty where it does not."""
        return self._store.get(VERDICT).decode() if self._store.check([VERDICT]) else ""

    def _beats(self) -> list[bytes]:
        return self._store.multi_get([_beat(rank) for rank in self._hosts])


def _beat(rank: int) -> str:
    return f"beat/{rank}"


def _ready(rank: int) -> str:
    return f"ready/{rank}"
