"""The watch of this process over the other hosts of its job: every host learns within seconds that another one is gone, and which.

It begins with the process, before data is read, so that a host that fails early ends the others too.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.containers.contract import failure
from wildsage.containers.contract.paths import OptML
from wildsage.containers.contract.whole_number import whole_number
from wildsage.containers.training.host_watch import HostWatch

if TYPE_CHECKING:
    from torch.distributed import Store

PORT = "9000"
"""The port of the original's parameter server."""

LAST_PORT = 65_535

_current: HostWatch | None = None
_before_forced_end: list[Callable[[str], None]] = []


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
    address = os.environ.get("MASTER_ADDR", hosts[0])
    _current = HostWatch(address, port, hosts.index(host), hosts, end=_end_process)
    _current.start()


def meet() -> Store:
    """Wait until all hosts are ready, and return a connection to the store of the first; `begin` was called before.

    Raises PlatformError, with the name, if a host fails or does not appear.
    """
    assert _current
    return _current.meet()


def free_port(listen: Callable[[str, int], object]) -> tuple[str, int]:
    """Wait until all hosts are ready; then the address of the first, and a port that is free there, at which it listens.

    Raises PlatformError, with the name, if a host fails or does not appear.
    """
    assert _current
    return _current.free_port(listen)


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


def _end_process(verdict: str) -> None:
    error = PlatformError(verdict)
    print(failure.reason(error), flush=True)
    failure.write(OptML.from_environment(os.environ), error)
    for action in _before_forced_end:
        action(failure.reason(error))
    os._exit(failure.exit_status(error))
