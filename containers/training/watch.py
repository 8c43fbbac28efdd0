"""Every host of a job learns within seconds that another one has failed or is gone, and which: by beats in a store of the first.

It begins with the process, before data is read, so that a host that fails early ends the others too. The first host has the
store. It judges who is gone, the others read its verdict; where the store is gone, or does not answer, the first host is. Silence
is counted in rounds, not by the clock: a host that was stopped itself accuses nobody when it goes on.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.containers.contract import failure
from wildsage.containers.contract.paths import OptML
from wildsage.containers.contract.whole_number import whole_number

if TYPE_CHECKING:
    from torch.distributed import Store

PORT = "9000"
"""The port of the original's parameter server."""

LAST_PORT = 65_535
LOOPBACK = "localhost"

APPEAR_WITHIN_S = 300.0
"""So long a host may stay away when another one is ready. One that was there may take as long as it needs."""

INTERVAL_S = 1.0
LOST_AFTER_S = 15.0
"""So long a host may not be heard of. A thread that beats needs little time, so that a host at full load is heard of."""

SUSPECTED_AFTER_S = 4.0
"""So long where a connection between the hosts has broken too."""

GRACE_S = 5.0
"""So long a host may take to end by itself after a verdict. One that computes does not notice it."""

TOLD_WITHIN_S = 20.0
"""So long a host that fails tries to tell the others. The first has the store, and stays until they have read it."""

LEFT = "left"
VERDICT = "verdict"
FREE_PORT = "free port"

_current: HostWatch | None = None
_before_forced_end: list[Callable[[str], None]] = []


class HostWatch:
    """Beats for this host, number `rank` of `hosts`, and listens for the others until it leaves."""

    def __init__(self, address: str, port: int, rank: int, hosts: tuple[str, ...]) -> None:
        """The first host begins to listen at `port`; the others will reach it at `address`.

        Raises PlatformError where the port is taken.
        """
        import torch.distributed  # only here: a container without other hosts may not need it

        self.address = address
        """Where the others reach the first host."""
        self._address = LOOPBACK if rank == 0 else address
        self._port = port
        self._rank = rank
        self._hosts = hosts
        self._heard: dict[int, tuple[bytes, int]] = {}
        """The last beat of each host, and in how many rounds it has stayed the same."""
        self._rounds = 0
        self._verdict: str | None = None
        self._taken = threading.Event()
        self._over = threading.Event()
        self._connected = threading.Event()
        self._beating = threading.Lock()
        self._left = False
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
        deadline, pause_s = time.monotonic() + APPEAR_WITHIN_S, 0.01
        try:
            while not self._all_ready():
                if self._over.is_set():
                    raise PlatformError(self.verdict())
                if time.monotonic() > deadline and (missing := self._missing()):
                    raise PlatformError(self._stayed_away(missing))
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, INTERVAL_S)
            return self._connection(APPEAR_WITHIN_S)
        except RuntimeError:
            raise PlatformError(self.verdict() or _gone(self._hosts[0])) from None

    def free_port(self) -> tuple[str, int]:
        """Wait as `meet` does; then the address of the first host, and a port that is free there.

        Raises PlatformError, with the name, if a host fails or does not appear.
        """
        store = self.meet()
        try:
            if self._rank == 0:
                with socket.create_server(("", 0)) as probe:
                    port = probe.getsockname()[1]
                store.set(FREE_PORT, str(port))  # not before: nobody should reach the probe
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
            self._say_left()
        except RuntimeError:
            raise PlatformError(_gone(self._hosts[0])) from None
        while self._rank == 0 and not self._over.is_set() and not self._all_left():
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

    def _connect(self) -> None:
        """Open the store on the first host; on another, wait until it answers."""
        import torch.distributed as dist

        self._store = dist.PrefixStore("watch", self._connection(LOST_AFTER_S, opens=self._rank == 0))
        for rank in range(len(self._hosts)) if self._rank == 0 else ():
            self._store.compare_set(_beat(rank), "", "")  # a value that is not there would be waited for
        self._store.set(_beat(self._rank), "0")
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
            time.sleep(0.2)

    def _all_ready(self) -> bool:
        if not self._connected.is_set():
            return False
        self._store.set(_ready(self._rank), "")
        return self._store.check([_ready(rank) for rank in range(len(self._hosts))])

    def _missing(self) -> list[str]:
        """The hosts that have never been heard of."""
        if not self._connected.is_set():
            return [self._hosts[0]]
        return [host for host, beat in zip(self._hosts, self._beats(), strict=True) if not beat]

    def _stayed_away(self, missing: list[str]) -> str:
        return (
            f"Host {', '.join(missing)} of this job did not appear at {self.address}:{self._port} within {APPEAR_WITHIN_S:g} s; "
            f"expected {len(self._hosts)} hosts. Its log, or that of what should have started it, says why."
        )

    def _tell(self, reason: str) -> None:
        self._connected.wait()
        with suppress(RuntimeError):
            self._store.compare_set(VERDICT, "", f"Host {self._hosts[self._rank]} failed: {reason}")
            self._say_left()
            self._stay(TOLD_WITHIN_S)

    def _watch(self) -> None:
        self._reach()
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
            self._end(verdict)

    def _beat(self, count: int) -> None:
        with self._beating:
            if not self._left:
                self._store.set(_beat(self._rank), str(count))

    def _say_left(self) -> None:
        with self._beating:
            self._left = True
            self._store.set(_beat(self._rank), LEFT)

    def _judged(self) -> str:
        if self._rank == 0 and (lost := self._lost()) is not None:
            self._store.compare_set(VERDICT, "", _gone(self._hosts[lost]))
            self._store.set(_beat(lost), LEFT)  # it will read nothing
        if not self._store.check([VERDICT]):
            return ""
        verdict = self._store.get(VERDICT).decode()
        self._say_left()
        self._stay(GRACE_S)
        return verdict

    def _stay(self, within_s: float) -> None:
        """The first host, which has the store, waits here until the others have read the verdict or have left."""
        deadline = time.monotonic() + within_s
        while self._rank == 0 and not self._all_left() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _lost(self) -> int | None:
        """The number of a host that is not heard of any more."""
        for rank, beat in enumerate(self._beats()):
            last, silent = self._heard.get(rank, (b"", 0))
            silent = silent + 1 if beat == last else 0
            self._heard[rank] = (beat, silent)
            if beat not in (b"", LEFT.encode()) and silent * INTERVAL_S > self._patience_s:
                return rank
        return None

    @property
    def _patience_s(self) -> float:
        return SUSPECTED_AFTER_S if self._taken.is_set() else LOST_AFTER_S

    def _beats(self) -> list[bytes]:
        return self._store.multi_get([_beat(rank) for rank in range(len(self._hosts))])

    def _all_left(self) -> bool:
        return all(beat == LEFT.encode() for beat in self._beats())

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


def _ready(rank: int) -> str:
    return f"ready/{rank}"


def _gone(host: str) -> str:
    return f"Host {host} of this job ended before its work was done; its log says why."


def begin(hosts: tuple[str, ...], host: str) -> None:
    """Watch the hosts of this job from now on, if there are several. The first has the store, at `MASTER_PORT`.

    Raises UserError for a `MASTER_PORT` that is not a port, PlatformError for one that is taken.
    """
    global _current
    if _current or len(hosts) == 1:
        return
    try:
        port = whole_number(os.environ.get("MASTER_PORT", PORT), most=LAST_PORT)
    except ValueError as error:
        raise UserError(f"Environment variable MASTER_PORT: {error}.") from None
    _current = HostWatch(os.environ.get("MASTER_ADDR", hosts[0]), port, hosts.index(host), hosts)
    _current.start()


def meet() -> Store:
    """Wait until all hosts are ready, and return a connection to the store of the first; `begin` was called before.

    Raises PlatformError, with the name, if a host fails or does not appear.
    """
    assert _current
    return _current.meet()


def free_port() -> tuple[str, int]:
    """Wait until all hosts are ready; then the address of the first, and a port that is free there.

    Raises PlatformError, with the name, if a host fails or does not appear.
    """
    assert _current
    return _current.free_port()


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
