"""Every host of a job learns within seconds that another one is gone, and which: by beats in the store where they have met.

The first host has the store. It judges who is gone, the others read its verdict; where the store is gone, or does not answer,
the first host is. Silence is counted in rounds, not by the clock: a host that was stopped itself accuses nobody when it goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract import failure
from wildsage.containers.contract.paths import OptML

INTERVAL_S = 1.0
LOST_AFTER_S = 15.0
"""So long a host may not be heard of. A thread that beats needs little time, so that a host at full load is heard of."""

SUSPECTED_AFTER_S = 4.0
"""So long where a connection between the hosts has broken too."""

GRACE_S = 5.0
"""So long a host may take to end by itself after a verdict. One that computes does not notice it."""

LEFT = "left"
VERDICT = "verdict"

_current: HostWatch | None = None
_before_forced_end: list[Callable[[str], None]] = []


class HostWatch:
    """Beats for this host, number `rank` of `hosts`, and listens for the others until it leaves."""

    def __init__(self, address: str, port: int, rank: int, hosts: tuple[str, ...], within: timedelta) -> None:
        """Connect to the store of the first host, in which all hosts meet. Raises RuntimeError where they do not in time."""
        import torch.distributed as dist  # only here: a container without other hosts may not need it

        timeout = timedelta(seconds=LOST_AFTER_S)
        connection = dist.TCPStore(address, port, is_master=False, wait_for_workers=False, timeout=timeout)
        self._store = dist.PrefixStore("watch", connection)
        self._rank = rank
        self._hosts = hosts
        self._heard: dict[int, tuple[bytes, int]] = {}
        """The last beat of each host, and in how many rounds it has stayed the same."""
        self._rounds = 0
        self._verdict: str | None = None
        self._taken = threading.Event()
        self._over = threading.Event()
        self._store.set(_beat(rank), "0")
        self._store.wait([_beat(other) for other in range(len(hosts))], within)
        self._beating = threading.Lock()
        self._left = False
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._guard = threading.Thread(target=self._guard_store, name="watch of the store", daemon=True)

    def start(self) -> None:
        """Begin. From now on a host that is gone ends the process of this one, if it does not end by itself."""
        self._thread.start()
        if self._rank != 0:
            self._guard.start()

    def tell(self, reason: str) -> None:
        """Tell the other hosts why this one ends; the first stays until they have read it."""
        if not self._verdict:
            self._over.set()
            telling = threading.Thread(target=self._set_verdict, args=(reason,), daemon=True)  # a frozen host blocks it
            telling.start()
            telling.join(2 * INTERVAL_S)
            if self._rank == 0:
                time.sleep(2 * INTERVAL_S)

    def _set_verdict(self, reason: str) -> None:
        with suppress(RuntimeError):
            self._store.set(VERDICT, f"Host {self._hosts[self._rank]} failed: {reason}")

    def leave(self) -> None:
        """End without having failed. The first host leaves last, because it has the store.

        Raises PlatformError if a host is gone before it has left.
        """
        try:
            with self._beating:
                self._left = True
                self._store.set(_beat(self._rank), LEFT)
        except RuntimeError:
            raise PlatformError(_gone(self._hosts[0])) from None
        while self._rank == 0 and not self._over.is_set() and not all(beat == LEFT.encode() for beat in self._beats()):
            time.sleep(0.02)
        if self._rank == 0 and not self._verdict and self._store.check([VERDICT]):  # told since the last round
            self._verdict = self._store.get(VERDICT).decode()
        if self._verdict:
            raise PlatformError(self.verdict())
        self._over.set()
        self._thread.join(LOST_AFTER_S)

    def verdict(self) -> str:
        """Who is gone, as soon as it is known; empty where nobody is."""
        self._taken.set()
        self._over.wait(LOST_AFTER_S + GRACE_S)
        return self._verdict or ""

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL_S):
            try:
                self._beat(self._rounds + 1)
                found = self._judged()
            except RuntimeError:
                if self._left:  # the first host may be gone since then
                    return
                found = _gone(self._hosts[0])
            self._rounds += 1
            if found:
                self._conclude(found)

    def _guard_store(self) -> None:
        """Notice that the store does not answer: then the other thread waits for it for ever."""
        done, silent = 0, 0
        while not self._over.wait(INTERVAL_S):
            done, silent = self._rounds, silent + 1 if done == self._rounds else 0
            if silent * INTERVAL_S > self._patience_s:
                self._conclude(_gone(self._hosts[0]))

    def _conclude(self, verdict: str) -> None:
        if not self._over.is_set():
            self._verdict = verdict
            self._over.set()
            self._end(verdict)

    def _beat(self, count: int) -> None:
        with self._beating:
            if not self._left:
                self._store.set(_beat(self._rank), str(count))

    def _judged(self) -> str:
        if self._store.check([VERDICT]):
            return self._store.get(VERDICT).decode()
        if self._rank == 0 and (lost := self._lost()):
            self._store.set(VERDICT, _gone(lost))
            time.sleep(2 * INTERVAL_S)
            return _gone(lost)
        return ""

    def _lost(self) -> str:
        for rank, beat in enumerate(self._beats()):
            last, silent = self._heard.get(rank, (b"", 0))
            silent = silent + 1 if beat == last else 0
            self._heard[rank] = (beat, silent)
            if beat != LEFT.encode() and silent * INTERVAL_S > self._patience_s:
                return self._hosts[rank]
        return ""

    @property
    def _patience_s(self) -> float:
        return SUSPECTED_AFTER_S if self._taken.is_set() else LOST_AFTER_S

    def _beats(self) -> list[bytes]:
        return self._store.multi_get([_beat(rank) for rank in range(len(self._hosts))])

    def _end(self, verdict: str) -> None:
        """End the process with a reason, unless it takes the verdict itself."""
        if not self._taken.wait(GRACE_S):
            error = PlatformError(verdict)
            print(failure.reason(error), flush=True)
            failure.write(OptML.from_environment(os.environ), error)
            for action in _before_forced_end:
                action(failure.reason(error))
            os._exit(failure.exit_status(error))


def _beat(rank: int) -> str:
    return f"beat/{rank}"


def _gone(host: str) -> str:
    return f"Host {host} of this job ended before its work was done; its log says why."


def start(address: str, port: int, rank: int, hosts: tuple[str, ...], within: timedelta) -> None:
    """Watch the hosts of this job, which meet at the store of the first. Raises RuntimeError if they do not in time."""
    global _current
    _current = HostWatch(address, port, rank, hosts, within)
    _current.start()


def before_forced_end(action: Callable[[str], None]) -> None:
    """Call this with the reason before the process is ended because another host is gone. It must not raise."""
    _before_forced_end.append(action)


def leave() -> None:
    """End without having failed. Raises PlatformError if another host is gone."""
    if _current:
        _current.leave()


def tell_others(reason: str) -> None:
    """Tell the other hosts of this process's job, if there are any, why this one ends."""
    if _current:
        _current.tell(reason)


def verdict() -> str:
    """Who of the other hosts is gone, as soon as it is known; empty where nobody is."""
    return _current.verdict() if _current else ""
