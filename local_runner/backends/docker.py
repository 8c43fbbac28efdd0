"""Runs containers in a Docker engine: ours, or any image that keeps the contract.

What SageMaker mounts is mounted, and nothing else of this machine: input, model and output of the job's folder below
/opt/ml. Channels of files are read-only, since their files may be the stored objects themselves. The engine is the one
that the `docker` command uses (DOCKER_HOST, or its current context); it must see this machine's folders.

Everything made here bears a label with the data folder. What a killed runner has left is found by it at the next start.

Sources: container contract sections 1, 2 and 5.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.networks import Network
from docker.types import DeviceRequest, LogConfig, Mount

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import CannotRun, Launch
from wildsage.local_runner.backends.engine import LOOPBACK, SERVING_PORT, EngineContainer, remove
from wildsage.local_runner.images import uris

LABEL = "wildsage.data"
CONTAINER_TREE = OptML()
STAGED = "pipe"  # files on their way through FIFOs
NO_HEALTHCHECK = {"test": ["NONE"]}  # a job has none, and an endpoint's is asked by the runner


@dataclass(frozen=True)
class Limits:
    """What one container may take, in the words of `docker run`: `memory` such as 4g, or None for all; `shm_size` of /dev/shm."""

    memory: str | None = None
    shm_size: str = "1g"


def connect() -> docker.DockerClient:
    """The engine that the `docker` command uses. Raises CannotRun where none answers."""
    try:
        engine = docker.from_env()
        engine.ping()
    except DockerException as error:
        raise CannotRun(
            f"No Docker engine answers: {error}. Start one, or name it in DOCKER_HOST; the process backend needs none."
        ) from None
    return engine


class DockerBackend:
    """Containers of the runner that owns the folder `data`."""

    isolates = True

    def __init__(self, data: Path, limits: Limits | None = None) -> None:
        """Connects, and removes what an earlier runner of the same folder has left. Raises CannotRun without an engine."""
        self._data = data.resolve()
        self._limits = limits or Limits()
        self._engine = connect()
        self._gpus = "nvidia" in self._engine.info().get("Runtimes", {})
        self.close()

    def check(self, image: str) -> None:
        self._local_name(image)

    def train(self, hosts: Sequence[Launch]) -> list[EngineContainer]:
        """One container for each host, on a network of their own that goes with the last of them."""
        images_found = [self._local_name(launch.image) for launch in hosts]
        network = self._engine.networks.create(
            self._name(hosts[0].root.parent), driver="bridge", labels=self._label, check_duplicate=True
        )
        last_out = _Countdown(len(hosts), partial(remove, network))
        started: list[EngineContainer] = []
        with _engine_errors():
            try:
                for launch, image in zip(hosts, images_found, strict=True):
                    started.append(self._start(launch, image, last_out, **self._host_options(launch, network)))
            except BaseException:
                for container in started:
                    container.kill()
                    container.wait()
                remove(network)
                raise
        return started

    def serve(self, launch: Launch) -> EngineContainer:
        image = self._local_name(launch.image)
        published = {SERVING_PORT: (LOOPBACK, None)}
        with _engine_errors():
            return self._start(launch, image, lambda: None, command=["serve"], ports=published)

    def close(self) -> None:
        """Remove all containers and networks of this data folder."""
        ours = {"label": f"{LABEL}={self._data}"}
        for container in self._engine.containers.list(all=True, filters=ours, ignore_removed=True):
            remove(container)
        for network in self._engine.networks.list(filters=ours):
            remove(network)

    # One container

    def _start(self, launch: Launch, image: str, removed: Callable[[], None], **options: Any) -> EngineContainer:
        container = self._engine.containers.create(
            image,
            name=self._name(launch.root),
            labels=self._label,
            environment={**launch.environment, **launch.contract},
            mounts=list(_mounts(launch)),
            mem_limit=self._limits.memory,
            shm_size=self._limits.shm_size,
            device_requests=[DeviceRequest(count=-1, capabilities=[["gpu"]])] if self._gpus else None,
            healthcheck=NO_HEALTHCHECK,
            log_config=LogConfig(type="none"),  # lines go to the runner's own log, once
            **options,
        )
        try:
            return EngineContainer(container, launch.log, removed)
        except BaseException:
            remove(container)
            raise

    def _host_options(self, launch: Launch, network: Network) -> dict[str, Any]:
        """How a host of a job is created: its place on the network, and what it runs [contract: container, section 1]."""
        default = [] if launch.entrypoint else ["train"]
        return {
            "hostname": launch.host,
            "network": network.name,
            "networking_config": {network.name: self._engine.api.create_endpoint_config(aliases=[launch.host])},
            "entrypoint": list(launch.entrypoint) if launch.entrypoint else None,
            "command": list(launch.arguments) if launch.arguments else default,
        }

    def _local_name(self, image: str) -> str:
        """The image as the engine knows it: as it is named, or ours for the URI of a built-in algorithm. Raises CannotRun."""
        algorithm = uris.algorithm(image)
        ours = [uris.tag(algorithm, target) for target in self._targets] if algorithm else []
        for name in (image, *ours):
            try:
                self._engine.images.get(name)
                return name
            except ImageNotFound:
                continue
            except APIError as refused:
                raise CannotRun(f"Image {image}: the engine refuses it ({refused.explanation}).") from None
        remedy = f"`wildsage build {algorithm}` makes it" if ours else f"`docker pull {image}` may fetch it"
        raise CannotRun(f"Image {image} is not in this Docker engine. {remedy}.")

    @property
    def _targets(self) -> tuple[str, ...]:
        return ("cuda", "cpu") if self._gpus else ("cpu", "cuda")

    @property
    def _label(self) -> dict[str, str]:
        return {LABEL: str(self._data)}

    def _name(self, folder: Path) -> str:
        """For people who look at `docker ps`: the runner, and the folder in its data; unlike any other of this machine."""
        runner = hashlib.sha256(str(self._data).encode()).hexdigest()[:8]
        return "-".join(("wildsage", runner, *folder.resolve().relative_to(self._data).parts))


class _Countdown:
    """Acts when it has been called `count` times."""

    def __init__(self, count: int, act: Callable[[], None]) -> None:
        self._left = count
        self._act = act
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            over = self._left == 0
        if over:
            self._act()


def _mounts(launch: Launch) -> Iterator[Mount]:
    """The folders that SageMaker mounts. What an image itself has below /opt/ml, such as code, stays visible."""
    tree = OptML(launch.root)
    moved = {tree.checkpoints: launch.checkpoints} if launch.checkpoints else {}
    for folder in _folders(tree.root):
        if folder.name != STAGED:
            yield _mount(folder, moved.get(folder) or f"{CONTAINER_TREE.root}/{folder.name}")
    for folder in _folders(tree.data):
        yield _mount(folder, str(CONTAINER_TREE.channel(folder.name)), read_only=True)


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob("*") if path.is_dir())


def _mount(folder: Path, target: str, read_only: bool = False) -> Mount:
    return Mount(target=target, source=str(folder.resolve()), type="bind", read_only=read_only)


@contextmanager
def _engine_errors() -> Iterator[None]:
    """What the engine refuses, in its own words. Raises CannotRun."""
    try:
        yield
    except APIError as refused:
        raise CannotRun(f"The Docker engine refuses to start the container: {refused.explanation or refused}") from None
