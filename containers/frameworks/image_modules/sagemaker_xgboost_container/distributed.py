"""Hosts that train one model together, joined as for the built-in XGBoost."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wildsage.algorithms.base.errors import PlatformError
from wildsage.algorithms.base.ports import free_port
from wildsage.algorithms.xgboost import hosts as joining

PORT_BYTES = 2
PAUSE_S = 0.05  # mutants: equivalent: any time that is short beside the seconds that hosts take to start


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
        """At the job's own port the first host tells each of the others a port of the library, at which it listens by then.

        Raises PlatformError where the hosts do not meet.
        """
        try:
            if not self.leads:
                return self.address, self._told()
            with socket.create_server((self.address, self.port)) as server:
                port = free_port()
                listen(self.address, port)
                self._tell(server, port)
            return self.address, port
        except OSError as error:
            where = f"{self.address}:{self.port}"
            raise PlatformError(f"Hosts {', '.join(self.hosts)} did not meet at {where}: {error}") from None

    def _tell(self, server: socket.socket, port: int) -> None:
        server.settimeout(joining.MEET_WITHIN_S)
        for _ in self.hosts[1:]:
            other, _ = server.accept()
            with other:
                other.sendall(port.to_bytes(PORT_BYTES, "big"))

    def _told(self) -> int:
        deadline_s = time.monotonic() + joining.MEET_WITHIN_S
        while True:
            try:
                with socket.create_connection((self.address, self.port), joining.MEET_WITHIN_S) as first:
                    if len(told := first.recv(PORT_BYTES, socket.MSG_WAITALL)) == PORT_BYTES:
                        return int.from_bytes(told, "big")
                    raise ConnectionError(f"{self.hosts[0]} said nothing")
            except OSError:  # it does not listen yet, or its name is not known yet
                if time.monotonic() > deadline_s:  # mutants: equivalent: at that moment alone
                    raise
                time.sleep(PAUSE_S)  # mutants: equivalent: time alone


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
            # mutants: equivalent: the line comes later
            print(f"Host {current_host} not being used for distributed training.", flush=True)
            return
        master = {"is_master": current_host == members[0]} if update_rabit_args else {}
        exec_fun(**args, **master)
