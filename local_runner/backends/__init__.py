"""Backends run containers, as processes or in Docker. Jobs and endpoints know the interfaces of this module alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class CannotRun(Exception):
    """The backend cannot run an image. The text says why, and what it can run."""


@dataclass(frozen=True)
class Launch:
    """One container to start.

    `image`: the URI that the caller gave. `root`: the folder that becomes its /opt/ml. `environment`: the caller's
    variables. `contract`: variables of the platform, which override the caller's. `log`: called with each line that the
    container writes. `host`: its name among the hosts of a job. `entrypoint` and `arguments`: replace the image's
    entrypoint and `train`; an empty sequence of arguments leaves the image its own. `checkpoints` and
    `tensorboard`: paths in the container for the folders of checkpoints and of TensorBoard's files, where not the usual ones.
    `network_isolation`: the container reaches nothing but the other hosts of its job.
    """

    image: str
    root: Path
    environment: Mapping[str, str]
    contract: Mapping[str, str]
    log: Callable[[str], None]
    host: str = "algo-1"
    entrypoint: Sequence[str] | None = None
    arguments: Sequence[str] | None = None
    checkpoints: str | None = None
    tensorboard: str | None = None
    network_isolation: bool = False


@dataclass(frozen=True)
class Usage:
    """What a container used: CPU seconds, and its peak memory in bytes."""

    cpu_s: float
    peak_bytes: int


class Running(Protocol):
    """A container that was started and may have ended."""

    usage: Usage | None
    """Set once the container has ended, by backends that measure it."""

    @property
    def out_of_memory(self) -> str | None:
        """A sentence on the memory that it lacked and what to do, if it ended of that; in Docker, also if a process of it did."""

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Exit status (128 + signal if a signal ended it), or None if it still runs after `timeout_s` seconds."""

    def terminate(self) -> None:
        """Send SIGTERM to its first process."""

    def kill(self) -> None:
        """Kill it and every process that it started."""


class Serving(Running, Protocol):
    """A started container that answers HTTP at `url` once its model is loaded."""

    @property
    def url(self) -> str:
        """Its address without a path: `http://127.0.0.1:8080`."""


class Backend(Protocol):
    """A way to run containers: as processes of this machine, or in Docker."""

    @property
    def isolates(self) -> bool:
        """True if a container has its own file system, where /opt/ml is `root`, and its own network, where the hosts of a
        job reach each other by name."""

    # mutants: equivalent: a protocol's default is not called
    def check(self, image: str, has_entrypoint: bool = False) -> None:
        """Raises CannotRun for an image that cannot be started; with `has_entrypoint`, the request gives the entrypoint."""

    def knows_entrypoint(self, image: str) -> bool:
        """Whether a processing job of the image needs no entrypoint in its request."""

    # mutants: equivalent: a protocol's default is not called
    def check_isolation(self, hosts: int = 1, serves: bool = False) -> None:
        """Raises CannotRun where the containers of a job with that many hosts, or a server, cannot be cut off the network."""

    def train(self, hosts: Sequence[Launch]) -> Sequence[Running]:
        """Start `train` on every host of one job, so that the hosts can reach each other. Raises CannotRun."""

    def serve(self, launch: Launch) -> Serving:
        """Start `serve` on a free port of this machine. Raises CannotRun."""

    def close(self) -> None:
        """End all containers and remove what they left."""
