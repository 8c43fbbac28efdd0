"""One container of a Docker engine, from its start to its removal."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
from docker.models.containers import Container

from wildsage.local_runner.backends import Usage

MAX_LINE_BYTES = 256 * 1024
MIB = 1 << 20
LOOPBACK = "127.0.0.1"
SERVING_PORT = "8080/tcp"
ISOLATED = "wildsage.isolated"  # label of a container whose port is published on its bridge only


class EngineContainer:
    """A container that starts at once, passes each line it writes to `log`, and is removed as soon as it ends."""

    def __init__(self, container: Container, log: Callable[[str], None], removed: Callable[[], None]) -> None:
        """`container` is created but not started. `removed` is called after its removal. Raises docker's APIError."""
        self.usage: Usage | None = None
        self._out_of_memory: str | None = None
        self._begun_s = int(time.time())
        self._container = container
        self._log = log
        self._removed = removed
        self._status: int | None = None
        self._ended = threading.Event()
        output = container.attach(stdout=True, stderr=True, stream=True, demux=True)
        container.start()
        threading.Thread(target=self._attend, args=(output,), name=container.name, daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Exit status, or None if it still runs after `timeout_s` seconds. When it returns a status, the container is removed."""
        self._ended.wait(timeout_s)
        return self._status

    def terminate(self) -> None:
        """Send SIGTERM to its first process. No effect once it has ended."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """Kill its processes. No effect once it has ended."""
        self._signal("SIGKILL")

    @property
    def url(self) -> str:
        """Address on this machine of its serving port; port 0 if it has ended. An isolated container has it on its bridge."""
        with contextlib.suppress(docker.errors.NotFound):
            self._container.reload()
        if self._container.labels.get(ISOLATED):
            networks = self._container.attrs["NetworkSettings"]["Networks"].values()
            address = next((network["IPAddress"] for network in networks if network["IPAddress"]), "")
            return f"http://{address}:{SERVING_PORT.partition('/')[0]}" if address else f"http://{LOOPBACK}:0"
        published = self._container.ports.get(SERVING_PORT) or [{"HostPort": "0"}]
        return f"http://{LOOPBACK}:{published[0]['HostPort']}"

    def _signal(self, name: str) -> None:
        with contextlib.suppress(docker.errors.APIError):  # it has ended
            self._container.kill(name)

    def _attend(self, output: Iterator[tuple[bytes | None, bytes | None]]) -> None:
        try:
            self._copy_lines(output)
            status = self._container.wait(timeout=None)["StatusCode"]
            self._out_of_memory = self._lacked_memory() if status else None
            self._status = status
        except (docker.errors.APIError, OSError) as lost:  # the engine stopped, or somebody removed the container
            self._log(f"Wildsage: the engine lost this container ({lost}).\n")
            self._status = 137
        finally:
            remove(self._container)
            self._removed()
            self._ended.set()

    @property
    def out_of_memory(self) -> str | None:
        """A sentence if the container lacked memory and ended of it, or one of its processes did while it goes on."""
        if self._status is None:
            with contextlib.suppress(docker.errors.APIError):  # it ends just now
                return self._lacked_memory()
        return self._out_of_memory

    def _lacked_memory(self) -> str | None:
        self._container.reload()
        if not self._container.attrs["State"]["OOMKilled"] and not self._had_oom_event():
            return None
        limit_bytes = self._container.attrs["HostConfig"]["Memory"]
        if limit_bytes:
            limit = f"its limit of {limit_bytes / MIB:,.0f} MiB. Raise the limit with `wildsage up --memory`"
        else:
            limit = "all memory that the Docker engine has. Give the engine more memory"
        return f"The container reached {limit}, or run fewer jobs at a time (`--max-jobs`)."

    def _had_oom_event(self) -> bool:
        """Whether the kernel killed a process of the container, by the engine's events; takes up to a second."""
        wanted = {"container": self._container.id, "event": "oom"}
        events = self._container.client.api.events(
            since=self._begun_s, until=int(time.time()) + 1, filters=wanted, decode=True
        )
        return any(True for _ in events)

    def _copy_lines(self, output: Iterator[tuple[bytes | None, bytes | None]]) -> None:
        """Pass complete lines to `log`. stdout and stderr are split into lines separately."""
        begun = [b"", b""]
        for pieces in output:
            for stream, piece in enumerate(pieces):
                *lines, rest = (begun[stream] + (piece or b"")).split(b"\n")
                if len(rest) > MAX_LINE_BYTES:
                    lines, rest = [*lines, rest], b""
                begun[stream] = rest
                for line in lines:
                    self._log(line.decode(errors="replace"))
        for rest in filter(None, begun):
            self._log(rest.decode(errors="replace"))


def remove(thing: Any) -> None:
    """Remove a network, or a container with its anonymous volumes. Does nothing if it does not exist any more."""
    options = {"force": True, "v": True} if isinstance(thing, Container) else {}
    with contextlib.suppress(docker.errors.APIError):
        thing.remove(**options)
