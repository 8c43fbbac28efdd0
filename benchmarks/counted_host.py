"""A host of a training job that counts what it exchanges: `python -m benchmarks.counted_host train OPTION…`.

It is `python -m wildsage.containers train`. When it leaves the other hosts it writes, as JSON, to the file that the variable
COUNTED names: the bytes that came from them, as the kernel has counted them, and the seconds that it spent in exchanges.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wildsage.containers.__main__ import main
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.training.cluster import Cluster

VARIABLE = "COUNTED"
BYTES_RECEIVED = 128
"""Where `tcpi_bytes_received` begins in the kernel's struct tcp_info [Linux: include/uapi/linux/tcp.h]."""

spent: dict[str, float] = {"seconds": 0.0, "exchanges": 0}
to_others: list[socket.socket] = []
"""Copies of the connections, which stay open when another host leaves first."""


def clocked(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, whose seconds and calls are added up."""

    @functools.wraps(method)
    def work(*given: Any) -> Any:
        began = time.perf_counter()
        result = method(*given)
        spent["seconds"] += time.perf_counter() - began
        spent["exchanges"] += 1
        return result

    return work


def connections(store: int) -> Iterator[socket.socket]:
    """Copies of this process's connections, without those to the hosts' store, which listens at this port."""
    for name in [name for name in os.listdir("/proc/self/fd") if is_socket(name)]:
        copy = socket.socket(fileno=os.dup(int(name)))
        if copy.family in (socket.AF_INET, socket.AF_INET6) and store not in ports(copy):
            yield copy


def is_socket(descriptor: str) -> bool:
    """Whether this descriptor of the process is a socket."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
    except OSError:  # that of the folder, which is closed by now
        return False


def ports(connection: socket.socket) -> tuple[int, ...]:
    """The ports at both ends; one of a socket that listens."""
    try:
        return connection.getsockname()[1], connection.getpeername()[1]
    except OSError:
        return (connection.getsockname()[1],)


def received_bytes(connection: socket.socket) -> int:
    """Bytes that have come over a connection; 0 for a socket that listens."""
    if len(ports(connection)) == 1:
        return 0
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("=Q", info, BYTES_RECEIVED)[0]


def joined(join: Callable[[TrainingJob], Cluster]) -> Callable[[TrainingJob], Cluster]:
    """`join`, after which the connections are known."""

    @functools.wraps(join)
    def work(job: TrainingJob) -> Cluster:
        cluster = join(job)
        to_others.extend(connections(int(os.environ["MASTER_PORT"])))
        return cluster

    return work


def counted(leave: Callable[[Cluster], None]) -> Callable[[Cluster], None]:
    """`leave`, before which the figures are written."""

    @functools.wraps(leave)
    def work(cluster: Cluster) -> None:
        figures = {**spent, "bytes": sum(map(received_bytes, to_others))}
        Path(os.environ[VARIABLE]).write_text(json.dumps(figures))
        leave(cluster)

    return work


if __name__ == "__main__":
    for name in ("gather", "sum"):
        setattr(Cluster, name, clocked(getattr(Cluster, name)))
    Cluster.join, Cluster.leave = joined(Cluster.join), counted(Cluster.leave)  # type: ignore[method-assign]
    sys.exit(main(sys.argv[1:]))
