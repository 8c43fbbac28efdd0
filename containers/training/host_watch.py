"""One host of a job that beats in a store of the first, and learns who is gone.

The first host has the store. It judges who is gone, the others read its verdict; where the store is gone, or does not answer, the
first host is.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from wildsage.algorithms.base import ports
from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.training.beats import Beats

if TYPE_CHECKING:
    from torch.distributed import Store

LOOPBACK = "localhost"
FREE_PORT = "free port"

APPEAR_WITHIN_S = 300.0
"""So long a host may stay away when another one is ready. One that was there may take as long as it needs."""

INTERVAL_S = 1.0  # mutants: equivalent: a little more or less
PAUSE_S = 0.02  # mutants: equivalent: a little more or less
"""Between two looks at what is awaited."""

REACH_EVERY_S = 0.2  # mutants: equivalent: a little more or less
"""Between two tries to reach the first host, each of which asks for its name."""

LOST_AFTER_S = 15.0
"""So long a host may not be heard of. A thread that beats needs little time, so that a host at full load is heard of."""

SUSPECTED_AFTER_S = 4.0  # mutants: equivalent: a little more or less
"""So long where a connection between the hosts has broken too."""

GRACE_S = 5.0  # mutants: equivalent: a little more or less
"""So long a host may take to end by itself after a verdict. One that computes does not notice it."""

TOLD_WITHIN_S = 20.0  # mutants: equivalent: a little more or less
"""So long a host that fails tries to tell the others. The first has the store, and stays until they have read it."""


class HostWatch:
    """Beats for this host, number `rank` of `hosts`, and listens for the others until it leaves."""

    def __init__(self, address: str, port: int, rank: int, hosts: tuple[str, ...], end: Callable[[str], None]) -> None:
        """The first host begins to listen at `port`; the others will reach it at `address`. `end` ends this process with a reason.

        Raises PlatformError where the port is taken.
        """
        import torch.distributed  # only here: a container without other hosts may not need it

        self.address = address
        """Where the others reach the first host."""
        self._address = LOOPBACK if rank == 0 else address
        self._port = port
        self._rank = rank
        self._hosts = hosts
        self._end = end
        self._rounds = 0
        self._verdict: str | None = None
        self._taken = threading.Event()
        self._over = threading.Event()
        self._connected = threading.Event()
        self._telling: threading.Thread | None = None
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._guard = threading.Thread(target=self._guard_store, name="watch of the store", daemon=True)
        if rank == 0:
            try:
                self._connect()
            except torch.distributed.DistError as error:
                raise PlatformError(f"Host {hosts[0]} cannot listen for the others at port {port}: {error}") from None

    def start(self) -> None:
        """Begin. From now on a host that is gone ends the process of this one, if it does not end by itself."""
        self._thread.start()
        if self._rank != 0:
            self._guard.start()

    def meet(self) -> Store:
        """Wait until all hosts have called this, and return a connection to the store, for this host's own use.

        Raises PlatformError, with the name, if a host fails, or has not appeared `APPEAR_WITHIN_S` after this one is ready.
        """
        deadline, pause_s = time.monotonic() + APPEAR_WITHIN_S, PAUSE_S
        try:
            while not self._all_ready():
                if self._over.is_set():
                    raise PlatformError(self.verdict())
                if time.monotonic() > deadline and (missing := self._missing()):
                    raise PlatformError(self._stayed_away(missing))
                time.sleep(pause_s)  # mutants: equivalent: as in _wait
                pause_s = min(2 * pause_s, INTERVAL_S)  # mutants: equivalent: any pause that grows for a while
            return self._connection(APPEAR_WITHIN_S)
        except RuntimeError:
            raise PlatformError(self.verdict() or _gone(self._hosts[0])) from None

    def free_port(self, listen: Callable[[str, int], object]) -> tuple[str, int]:
        """Wait as `meet` does; then the address of the first host, and a port that is free there, at which it listens.

        Raises PlatformError, with the name, if a host fails or does not appear.
        """
        store = self.meet()
        if self._rank == 0:
            port = ports.free_port()
            listen(self.address, port)
        try:
            if self._rank == 0:
                store.set(FREE_PORT, str(port))
            return self.address, int(store.get(FREE_PORT))
        except RuntimeError:
            raise PlatformError(self.verdict() or _gone(self._hosts[0])) from None

    def tell(self, reason: str) -> None:
        """Tell the other hosts why this one ends; the first stays until they have read it."""
        if not self._over.is_set():
            self._over.set()
            self._telling = threading.Thread(target=self._tell, args=(reason,), daemon=True)  # a frozen host blocks it
            self._telling.start()
        if self._telling:
            self._telling.join(TOLD_WITHIN_S)

    def leave(self) -> None:
        """End without having failed. The first host leaves last, because it has the store.

        Raises PlatformError if a host is gone before it has left.
        """
        if self._over.is_set() and not self._verdict:  # it has left already
            return
        try:
            self._beats.leave()
        except RuntimeError:
            raise PlatformError(_gone(self._hosts[0])) from None
        if self._rank == 0:
            _wait(lambda: self._over.is_set() or self._beats.all_left())
            self._verdict = self._verdict or self._beats.verdict()  # told since the last round
        if self._verdict:
            raise PlatformError(self.verdict())
        self._over.set()
        self._thread.join(LOST_AFTER_S)

    def verdict(self) -> str:
        """Who is gone, as soon as it is known; empty where nobody is."""
        self._taken.set()
        self._over.wait(LOST_AFTER_S + GRACE_S)
        return self._verdict or ""

    def _connect(self) -> None:
        """Open the store on the first host; on another, wait until it answers."""
        import torch.distributed as dist

        store = dist.PrefixStore("watch", self._connection(LOST_AFTER_S, opens=self._rank == 0))
        self._beats = Beats(store, self._rank, len(self._hosts))
        if self._rank == 0:
            self._beats.open()
        self._beats.send()
        self._connected.set()

    def _connection(self, timeout_s: float, *, opens: bool = False) -> Store:
        import torch.distributed as dist

        timeout = timedelta(seconds=timeout_s)
        return dist.TCPStore(self._address, self._port, is_master=opens, wait_for_workers=False, timeout=timeout)

    def _reach(self) -> None:
        """Connect as soon as the first host answers; its name may resolve late [contract: container, resourceconfig.json]."""
        while not self._connected.is_set():
            with suppress(OSError, RuntimeError):
                socket.create_connection((self._address, self._port), LOST_AFTER_S).close()
                self._connect()
                return
            time.sleep(REACH_EVERY_S)  # mutants: equivalent: as in _wait

    def _all_ready(self) -> bool:
        return self._connected.is_set() and self._beats.all_ready()

    def _missing(self) -> list[str]:
        """The hosts that have never been heard of."""
        if not self._connected.is_set():
            return [self._hosts[0]]
        return [self._hosts[rank] for rank in self._beats.unheard()]

    def _stayed_away(self, missing: list[str]) -> str:
        return (
            f"Host {', '.join(missing)} of this job did not appear at {self.address}:{self._port} within {APPEAR_WITHIN_S:g} s; "
            f"expected {len(self._hosts)} hosts. Its log, or that of what should have started it, says why."
        )

    def _tell(self, reason: str) -> None:
        self._connected.wait()
        with suppress(RuntimeError):
            self._beats.judge(f"Host {self._hosts[self._rank]} failed: {reason}")
            self._beats.leave()
            self._stay(TOLD_WITHIN_S)

    def _watch(self) -> None:
        self._reach()
        while not self._over.wait(INTERVAL_S):
            try:
                self._beats.send()
                found = self._judged()
            except RuntimeError:
                if self._beats.left:  # the first host may be gone since then
                    return
                found = _gone(self._hosts[0])
            self._rounds += 1
            if found:
                self._conclude(found)

    def _guard_store(self) -> None:
        """Notice that the store does not answer: then the other thread waits for it for ever."""
        self._connected.wait()
        done, silent = 0, 0
        while not self._over.wait(INTERVAL_S):
            done, silent = self._rounds, silent + 1 if done == self._rounds else 0
            if silent * INTERVAL_S > self._patience_s:
                self._conclude(_gone(self._hosts[0]))

    def _conclude(self, verdict: str) -> None:
        if not self._over.is_set():
            self._verdict = verdict
            self._over.set()
            if not self._taken.wait(GRACE_S):  # the process does not take the verdict itself
                self._end(verdict)

    def _judged(self) -> str:
        """The verdict of this round; empty where nobody is gone."""
        if self._rank == 0 and (lost := self._beats.lost(self._patience_s / INTERVAL_S)) is not None:
            self._beats.judge(_gone(self._hosts[lost]))
            self._beats.dismiss(lost)  # it will read nothing
        if verdict := self._beats.verdict():
            self._beats.leave()
            self._stay(GRACE_S)
        return verdict

    def _stay(self, within_s: float) -> None:
        """The first host, which has the store, waits here until the others have read the verdict or have left."""
        if self._rank == 0:
            _wait(self._beats.all_left, within_s)

    @property
    def _patience_s(self) -> float:
        return SUSPECTED_AFTER_S if self._taken.is_set() else LOST_AFTER_S


def _wait(happened: Callable[[], bool], within_s: float = math.inf) -> None:
    """Wait until something has happened, but no longer than this."""
    deadline = time.monotonic() + within_s
    while not happened() and time.monotonic() < deadline:
        # mutants: equivalent: without a pause the loop takes a processor, and ends at the same moment
        time.sleep(PAUSE_S)


def _gone(host: str) -> str:
    return f"Host {host} of this job ended before its work was done; its log says why."
