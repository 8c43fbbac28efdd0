"""Containers of jobs in the process of the test: what they do is a function, and they end when it says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from wildsage.local_runner.backends import Launch, Usage


class Container:
    """A container that ends with `status`, or runs until it is terminated, or killed if it is `deaf`."""

    out_of_memory: str | None = None

    def __init__(self, status: int | None = 0, deaf: bool = False, usage: Usage | None = None) -> None:
        self.usage = usage
        self.asked: list[str] = []
        self.waited_s: list[float | None] = []
        self._status, self._deaf = status, deaf
        self._ended = threading.Event()
        if status is not None:
            self._ended.set()

    def end(self, status: int) -> None:
        if self._status is None:
            self._status = status
        self._ended.set()

    def wait(self, timeout_s: float | None = None) -> int | None:
        self.waited_s.append(timeout_s)
        return self._status if self._ended.wait(timeout_s) else None

    def terminate(self) -> None:
        self.asked.append("terminate")
        if not self._deaf:
            self.end(143)

    def kill(self) -> None:
        self.asked.append("kill")
        self.end(137)


class Backend:
    """Calls `act` for each container with its launch, and gives the container that it returns, or one that has ended well."""

    def __init__(self, act: Callable[[Launch], Container | None], isolates: bool = False) -> None:
        self.act, self.isolates = act, isolates
        self.launches: list[Launch] = []
        self.containers: list[Container] = []

    def train(self, launches: Sequence[Launch]) -> list[Container]:
        self.launches += launches
        made = [self.act(launch) or Container() for launch in launches]
        self.containers += made
        return made
