"""Hosts that train one model together, joined as for the built-in XGBoost."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wildsage.algorithms.xgboost import hosts as joining


@dataclass(frozen=True)
class _Host:
    host: str
    hosts: tuple[str, ...]
    address: str
    port: int

    @property
    def leads(self) -> bool:
        return self.host == self.hosts[0]

    def rendezvous(self, listen: Callable[[str, int], object]) -> tuple[str, int]:
        """The port is the job's own. The others do not learn when the first listens: the library tries again until it does."""
        if self.leads:
            listen(self.address, self.port)
        return self.address, self.port


def rabit_run(
    exec_fun: Callable[..., Any],
    args: dict[str, Any],
    include_in_training: bool,
    hosts: Sequence[str],
    current_host: str,
    first_port: int | None = None,
    second_port: int | None = None,
    max_connect_attempts: int | None = None,
    connect_retry_timeout: int = 3,  # mutants: equivalent: it has no effect
    update_rabit_args: bool = False,
) -> None:
    """Call `exec_fun(**args)` on the hosts that take part, joined, with `is_master` among the arguments if asked for.

    The ports and attempts of the original have no effect: the hosts share this machine, and each job has a port of its own.
    Raises RuntimeError where no host takes part.
    """
    del first_port, second_port, max_connect_attempts, connect_retry_timeout
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    host = _Host(current_host, tuple(sorted(hosts)), address, port)
    with joining.together(host, int(include_in_training)) as members:
        if not members:
            raise RuntimeError("No hosts received training data.")
        if current_host not in members:
            print(f"Host {current_host} not being used for distributed training.", flush=True)
            return
        master = {"is_master": current_host == members[0]} if update_rabit_args else {}
        exec_fun(**args, **master)
