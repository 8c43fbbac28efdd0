"""What runs a container. The seam between the jobs and processes, Docker, or anything else that obeys the contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class CannotRun(Exception):
    """The backend has nothing to run for an image; the text says what it can run."""


@dataclass(frozen=True)
class Launch:
    """One container to start.

    `image` is the URI the caller gave, `root` its /opt/ml, `environment` the caller's variables, `contract` those of
    the platform (they win), `log` takes each line that it writes.
    """

    image: str
    root: Path
    environment: Mapping[str, str]
    contract: Mapping[str, str]
    log: Callable[[str], None]


class Running(Protocol):
    """A started container."""

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

    def check(self, image: str) -> None:
        """Raises CannotRun for an image that this backend cannot start."""

    def rendezvous(self) -> Mapping[str, str]:
        """Variables that tell the hosts of one job where they meet: MASTER_ADDR and MASTER_PORT of torch.distributed."""

    def train(self, launch: Launch) -> Running:
        """Start `train`. Raises CannotRun."""

    def serve(self, launch: Launch) -> Serving:
        """Start `serve` on a free port of this machine. Raises CannotRun."""
