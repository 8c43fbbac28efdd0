"""A Docker engine that starts nothing: it remembers what it was asked for, and its containers end as a test says."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container


def rejection(text: str = "no") -> APIError:
    """An error of the engine with its explanation."""
    return APIError(text, response=SimpleNamespace(status_code=500, url="", reason=""), explanation=text)


class StandInContainer(Container):
    """A container that was created; `write` and `end` are what its program does."""

    def __init__(self, name: str = "name", **asked: Any) -> None:
        super().__init__(attrs={"Id": "id", "Name": name, "Config": {"Labels": asked.get("labels") or {}}})
        self.asked = {"name": name, **asked}
        self.signals: list[str] = []
        self.removed: list[dict] = []
        self.oom_events: list[dict] = []
        self.event_filters: list[dict] = []
        self.started = False
        self.fails: Exception | None = None
        self._output: queue.Queue = queue.Queue()
        self._status = 0
        self.attrs |= {
            "State": {"OOMKilled": False, "Status": "running"},
            "HostConfig": {"Memory": 0},
            "NetworkSettings": {"Networks": {}, "Ports": {}},
        }

    @property
    def client(self) -> Any:
        return SimpleNamespace(api=SimpleNamespace(events=self._events))

    @client.setter
    def client(self, _: Any) -> None:
        """The base class sets it."""

    def _events(self, **asked: Any) -> list[dict]:
        self.event_filters.append(asked)
        return self.oom_events

    def attach(self, **asked: Any) -> Any:
        self.asked["attached"] = asked
        return iter(self._output.get, None)

    def start(self) -> None:
        if self.fails:
            raise self.fails
        self.started = True

    def write(self, stdout: bytes | None = None, stderr: bytes | None = None) -> None:
        self._output.put((stdout, stderr))

    def end(self, status: int = 0) -> None:
        self._status = status
        self._output.put(None)

    def wait(self, timeout: float | None = None) -> dict:
        if self.fails:
            raise self.fails
        return {"StatusCode": self._status}

    def kill(self, signal: str) -> None:
        if self.removed:
            raise rejection("it has ended")
        self.signals.append(signal)
        if signal == "SIGKILL":
            self.end(137)

    def reload(self) -> None:
        if self.removed:
            raise NotFound("gone")

    def remove(self, **options: Any) -> None:
        self.removed.append(options)


@dataclass
class StandInNetwork:
    """A network that was created."""

    name: str
    asked: dict
    removed: int = 0

    def remove(self) -> None:
        self.removed += 1
        if self.removed > 1:
            raise NotFound("gone")


@dataclass
class StandInEngine:
    """As much of docker's client as the backend asks for."""

    images_there: set[str] = field(default_factory=set)
    runtimes: dict = field(default_factory=dict)
    kernel: str = ""
    base_url: str = "http+docker://localhost"
    made: list[StandInContainer] = field(default_factory=list)
    networks_made: list[StandInNetwork] = field(default_factory=list)
    left: list[Any] = field(default_factory=list)
    listed: list[dict] = field(default_factory=list)
    fails_at: int | None = None
    image_error: Exception | None = None

    def __post_init__(self) -> None:
        self.containers = SimpleNamespace(create=self._create, list=self._list_containers)
        self.networks = SimpleNamespace(create=self._network, list=self._list_networks)
        self.images = SimpleNamespace(get=self._image)
        self.api = SimpleNamespace(base_url=self.base_url, create_endpoint_config=lambda **given: given)

    def info(self) -> dict:
        return {"Runtimes": self.runtimes, "KernelVersion": self.kernel}

    def _image(self, name: str) -> None:
        if self.image_error:
            raise self.image_error
        if name not in self.images_there:
            raise ImageNotFound("no such image")

    def _create(self, image: str, **asked: Any) -> StandInContainer:
        container = StandInContainer(image=image, **asked)
        self.made.append(container)
        if self.fails_at == len(self.made):
            container.fails = rejection("no such program")
        return container

    def _network(self, name: str, **asked: Any) -> StandInNetwork:
        self.networks_made.append(StandInNetwork(name, asked))
        return self.networks_made[-1]

    def _list_containers(self, **asked: Any) -> list:
        self.listed.append(asked)
        return [thing for thing in self.left if isinstance(thing, StandInContainer)]

    def _list_networks(self, **asked: Any) -> list:
        self.listed.append(asked)
        return [thing for thing in self.left if isinstance(thing, StandInNetwork)]
