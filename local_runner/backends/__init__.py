"""What runs a container. The seam between the jobs and processes, Docker, or anything else that obeys the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class CannotRun(Exception):
    """The backend has nothing to run for an image; the text says what it can run."""


@dataclass(frozen=True)
class Launch:
    """One container to start.

    `image` is the URI the caller gave, `root` its /opt/ml, `environment` the caller's variables, `contract` those of
    the platform (they win), `log` takes each line that it writes. `host` is its name among the hosts of a job.
    `entrypoint` and `arguments` replace those of the image and `train`; `checkpoints` is where it looks for the folder
    of checkpoints in `root`, if not there.
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


@dataclass(frozen=True)
class Usage:
    """What a container has taken: seconds of processors, and bytes of memory at its largest."""

    cpu_s: float
    peak_bytes: int


class Running(Protocol):
    """A started container."""

    usage: Usage | None
    """Known once it has ended, if its backend can tell."""

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Exit status (128 + signal where a signal ended it), or None when it still runs after the timeout."""

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM to its first process)."""

    def kill(self) -> None:
        """End it and everything it started."""


class Serving(Running, Protocol):
    """A started serving container."""

    @property
    def url(self) -> str:
        """Where it answers, without a path: `http://127.0.0.1:8080`."""


class Backend(Protocol):
    """Runs containers."""

    @property
    def isolates(self) -> bool:
        """True if a container has a file system of its own, in which /opt/ml is `root`, and a network of its own, in
        which the hosts of a job go by their names."""

    def check(self, image: str) -> None:
        """Raises CannotRun for an image that this backend cannot start."""

    def train(self, hosts: Sequence[Launch]) -> Sequence[Running]:
        """Start `train` on every host of one job, in a surrounding where they find each other. Raises CannotRun."""

    def serve(self, launch: Launch) -> Serving:
        """Start `serve` on a free port of this machine. Raises CannotRun."""

    def close(self) -> None:
        """End what still runs and leave nothing behind."""
