"""The hosts of one job, joined by the library's own collective. Hosts without rows are dropped.

All hosts join once to learn which of them have rows; then those join again to train. The first host of the job runs the tracker of
both groups, and in the first it announces the port of the second. It listens before another host tries to join: the library waits
for 2 s after a connection that was refused, and then for 4.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import xgboost
from xgboost.tracker import RabitTracker

from wildsage.algorithms.base.errors import LostHost, PlatformError, UserError
from wildsage.algorithms.base.ports import free_port
from wildsage.algorithms.base.program import Rendezvous
from wildsage.algorithms.xgboost.parameters import LIBRARY
from wildsage.algorithms.xgboost.versions import Version

MEET_WITHIN_S = 300
RETRIES = 100  # mutants: equivalent: any number that is enough where hosts start one after the other
COLLECTIVE_SINCE = Version(2, 1)
"""The version whose collective notices that a host is gone."""


class Member(Protocol):
    """One host of a job, as far as it meets the others."""

    @property
    def host(self) -> str:
        """Its name."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """All hosts, sorted."""

    @property
    def rendezvous(self) -> Rendezvous:
        """Waits for the others."""

    @property
    def leads(self) -> bool:
        """True on the first."""


@contextmanager
def together(job: Member, rows: int) -> Iterator[list[str]]:
    """Within the block the hosts that have rows, which it is given, compute together; all hosts of the job must enter.

    Raises PlatformError where they cannot be joined, UserError for a library that is too old.
    """
    if len(job.hosts) == 1:
        yield list(job.hosts) if rows else []
        return
    if LIBRARY < COLLECTIVE_SINCE:
        raise UserError(f"{len(job.hosts)} hosts need XGBoost 2.1 or newer, and this is {xgboost.__version__}.")
    tracker: RabitTracker | None = None

    def listen(leader: str, port: int) -> None:
        nonlocal tracker
        tracker = _tracker(_resolved(leader), port, len(job.hosts))

    leader, first_port = job.rendezvous(listen)
    address = _resolved(leader)
    with _joined(job, job.hosts, address, first_port, tracker):
        members, port = _with_rows(job, rows)
        if len(members) in (0, len(job.hosts)):
            yield members
            return
        tracker = _tracker(address, port, len(members)) if job.leads else None
        on_any(True)  # the others go on when it listens
    with _joined(job, members, address, port, tracker):
        yield members


def on_any(here: bool) -> bool:
    """Whether something that is so `here`, or not, is so on any of the joined hosts; all of them must ask."""
    return bool(xgboost.collective.allreduce(np.array([float(here)]), xgboost.collective.Op.MAX)[0])


def _with_rows(job: Member, rows: int) -> tuple[list[str], int]:
    """The hosts that have rows, and a port for the next group."""
    rows_and_port = np.zeros(len(job.hosts) + 1)
    rows_and_port[job.hosts.index(job.host)] = rows
    if job.leads:
        rows_and_port[-1] = free_port()
    rows_and_port = xgboost.collective.allreduce(rows_and_port, xgboost.collective.Op.MAX)
    return [host for host, count in zip(job.hosts, rows_and_port[:-1], strict=True) if count], int(rows_and_port[-1])


@contextmanager
def _joined(
    job: Member, hosts: Sequence[str], address: str, port: int, tracker: RabitTracker | None = None
) -> Iterator[None]:
    """Within the block these hosts are joined. The first host of the job must enter too: it runs the tracker."""
    context = None
    if job.host in hosts:
        try:
            context = xgboost.collective.CommunicatorContext(**_arguments(address, port, hosts.index(job.host)))
            context.__enter__()
        except xgboost.core.XGBoostError as error:
            raise LostHost(f"Hosts {', '.join(hosts)} did not meet at {address}:{port}: {error}") from None
    yield  # on failure, do not close the communicator: it would wait for the other hosts
    if context:
        context.__exit__(None, None, None)
    if tracker:
        tracker.wait_for()


def _tracker(address: str, port: int, count: int) -> RabitTracker:
    tracker = RabitTracker(n_workers=count, host_ip=address, port=port, sortby="task", timeout=MEET_WITHIN_S)
    tracker.start()
    return tracker


def _arguments(address: str, port: int, number: int) -> dict[str, Any]:
    return {
        "dmlc_tracker_uri": address,
        "dmlc_tracker_port": port,
        "dmlc_task_id": f"{number:05}",
        "dmlc_retry": RETRIES,
        "dmlc_timeout": MEET_WITHIN_S,
    }


def _resolved(host: str) -> str:
    """Its address; names of hosts may resolve late [contract: container, resourceconfig.json]."""
    deadline_s = time.monotonic() + MEET_WITHIN_S
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > deadline_s:
                raise PlatformError(f"Host {host} has no address after {MEET_WITHIN_S} s: {error}") from error
            time.sleep(0.5)  # mutants: equivalent: any time that is short beside the minutes
