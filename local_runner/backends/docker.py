"""Runs containers in a Docker engine: those of this project, or any image that follows the container contract.

It mounts what SageMaker mounts and nothing else of this machine: input, model and output of the job's folder below
/opt/ml. Channels of files are read-only, because their files may be the stored objects themselves. The engine is the one
that the `docker` command uses (DOCKER_HOST, or its current context). The engine must see this machine's folders.

Every container and network carries a label with the data folder. The next start finds by it what a killed runner left.

Sources: container contract sections 1, 2 and 5.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import sys
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

from wildsage.containers.contract import image_tag, pretrained_weights
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import CannotRun, Launch
from wildsage.local_runner.backends.engine import ISOLATED, LOOPBACK, SERVING_PORT, EngineContainer, remove
from wildsage.local_runner.images import uris

LABEL = "wildsage.data"
READ, SEARCH = stat.S_IRGRP | stat.S_IROTH, stat.S_IXGRP | stat.S_IXOTH
CONTAINER_TREE = OptML()
WEIGHTS = "/opt/wildsage/pretrained"  # the file or folder of pretrained weights lies in it
STAGED = "pipe"  # files that a pipe channel reads
LOGS = LogConfig(type="json-file", config={"max-size": "10m", "max-file": "2"})  # for `docker logs`, as long as it runs
NO_HOST = {"com.docker.network.bridge.inhibit_ipv4": "true"}  # this machine has no address on the network
NO_NAMES = {"dns": [LOOPBACK], "dns_opt": ["timeout:1", "attempts:1"]}
"""Engines forward names of other machines even from internal networks: nobody is to be asked, and that is not to take long."""
NO_HEALTHCHECK = {"test": ["NONE"]}  # a job needs no health check, and the runner checks endpoints itself


@dataclass(frozen=True)
class Limits:
    """Limits of one container, as `docker run` takes them: `memory`, such as 4g, or None for no limit; `shm_size` of /dev/shm."""

    memory: str | None = None
    shm_size: str = "1g"


def connect() -> docker.DockerClient:
    """Connect to the engine that the `docker` command uses. Raises CannotRun if no engine answers."""
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

    def __init__(self, data: Path, limits: Limits | None = None, weights: Path | None = None) -> None:
        """Connect, and remove what an earlier runner of the same folder left. Raises CannotRun if no engine answers."""
        self._data = data.resolve()
        self._limits = limits or Limits()
        self._weights = weights
        self._engine = connect()
        self._gpus = "nvidia" in self._engine.info().get("Runtimes", {})
        self._shares_networks = sys.platform == "linux" and _is_local(self._engine)
        self.close()

    def check(self, image: str, has_entrypoint: bool = False) -> None:
        """Raises CannotRun for an image that the engine does not have."""
        self._local_name(image)

    def knows_entrypoint(self, image: str) -> bool:
        """True: every image says what its containers run."""
        return True

    def check_isolation(self, hosts: int = 1, serves: bool = False) -> None:
        """Raises CannotRun for a server in an engine whose networks this machine has no part in."""
        if serves and not self._shares_networks:
            raise CannotRun(
                "EnableNetworkIsolation of a model needs a Docker engine on this Linux machine itself: this one runs in a "
                "virtual machine or elsewhere, where a container without a network cannot be asked. Leave the field out."
            )

    def train(self, hosts: Sequence[Launch]) -> list[EngineContainer]:
        """Start one container per host on a network of their own. The network is removed with the last container."""
        images_found = [self._local_name(launch.image) for launch in hosts]
        isolated = hosts[0].network_isolation
        network = self._network(hosts[0].root.parent, isolated, NO_HOST if isolated else {})
        on_removed = _Countdown(len(hosts), partial(remove, network))
        started: list[EngineContainer] = []
        with _engine_errors():
            try:
                for launch, image in zip(hosts, images_found, strict=True):
                    started.append(self._start(launch, image, on_removed, **self._host_options(launch, network)))
            except BaseException:
                for container in started:
                    container.kill()
                    container.wait()
                remove(network)
                raise
        return started

    def serve(self, launch: Launch) -> EngineContainer:
        """Start `serve` and publish its port on the loopback address."""
        image = self._local_name(launch.image)
        if launch.network_isolation:
            return self._serve_isolated(launch, image)
        published = {SERVING_PORT: (LOOPBACK, None)}
        with _engine_errors():
            return self._start(launch, image, lambda: None, command=["serve"], ports=published)

    def _serve_isolated(self, launch: Launch, image: str) -> EngineContainer:
        """Start `serve` on a network of its own that leads nowhere.

        This machine has an address on it, by which it asks the container; so the container reaches what listens on all
        addresses of this machine, and nothing else.
        """
        with _engine_errors():
            network = self._network(launch.root, True, {})
            try:
                return self._start(launch, image, partial(remove, network), command=["serve"], network=network.name)
            except BaseException:
                remove(network)
                raise

    def _network(self, folder: Path, isolated: bool, options: dict[str, str]) -> Network:
        return self._engine.networks.create(
            self._name(folder),
            driver="bridge",
            labels=self._label,
            check_duplicate=True,
            internal=isolated,
            options=options,
        )

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
            labels={**self._label, **({ISOLATED: "true"} if launch.network_isolation else {})},
            **(NO_NAMES if launch.network_isolation else {}),
            environment={
                **({pretrained_weights.VARIABLE: self._weights_inside} if self._weights else {}),
                **launch.environment,
                **launch.contract,
                image_tag.VARIABLE: uris.tag_of(launch.image),
            },
            mounts=[*_mounts(launch), *self._weights_mount()],
            mem_limit=self._limits.memory,
            memswap_limit=self._limits.memory,  # instances of SageMaker have no swap
            shm_size=self._limits.shm_size,
            device_requests=[DeviceRequest(count=-1, capabilities=[["gpu"]])] if self._gpus else None,
            healthcheck=NO_HEALTHCHECK,
            log_config=LOGS,
            **options,
        )
        try:
            return EngineContainer(container, launch.log, removed)
        except BaseException:
            remove(container)
            raise

    @property
    def _weights_inside(self) -> str:
        return f"{WEIGHTS}/{self._weights.name}" if self._weights else ""

    def _weights_mount(self) -> list[Mount]:
        return [_mount(self._weights, self._weights_inside, read_only=True)] if self._weights else []

    def _host_options(self, launch: Launch, network: Network) -> dict[str, Any]:
        """Network and command of one host of a job [contract: container, section 1]."""
        default = [] if launch.entrypoint else ["train"]
        return {
            "hostname": launch.host,
            "network": network.name,
            "networking_config": {network.name: self._engine.api.create_endpoint_config(aliases=[launch.host])},
            "entrypoint": list(launch.entrypoint) if launch.entrypoint else None,
            "command": default if launch.arguments is None else list(launch.arguments),
        }

    def _local_name(self, image: str) -> str:
        """Name of the image in the engine: `image` itself, or the local image of the built-in algorithm. Raises CannotRun."""
        algorithm = uris.algorithm(image)
        ours = [uris.image_name(algorithm, target) for target in self._targets] if algorithm else []
        for name in (image, *ours):
            try:
                self._engine.images.get(name)
                return name
            except ImageNotFound:
                continue
            except APIError as error:
                raise CannotRun(f"Image {image}: the engine rejects it ({error.explanation}).") from None
        remedy = f"`wildsage build {algorithm}` makes it" if ours else f"`docker pull {image}` may fetch it"
        raise CannotRun(f"Image {image} is not in this Docker engine. {remedy}.")

    @property
    def _targets(self) -> tuple[str, ...]:
        return ("cuda", "cpu") if self._gpus else ("cpu", "cuda")

    @property
    def _label(self) -> dict[str, str]:
        return {LABEL: str(self._data)}

    def _name(self, folder: Path) -> str:
        """A name that is unique on this machine and readable in `docker ps`: the runner, then the folder in its data."""
        runner = hashlib.sha256(str(self._data).encode()).hexdigest()[:8]
        return "-".join(("wildsage", runner, *folder.resolve().relative_to(self._data).parts))


class _Countdown:
    """Calls `act` at the call number `count`."""

    def __init__(self, count: int, act: Callable[[], None]) -> None:
        self._left = count
        self._act = act
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            is_last = self._left == 0
        if is_last:
            self._act()


def _is_local(engine: docker.DockerClient) -> bool:
    """Whether the engine runs on this machine, so that its networks are this machine's too."""
    same_kernel = engine.info().get("KernelVersion") == platform.release()
    return engine.api.base_url.startswith("http+docker://") and same_kernel


def _mounts(launch: Launch) -> Iterator[Mount]:
    """The folders that SageMaker mounts. Folders of the image below /opt/ml, such as code, stay visible."""
    _let_all_read(launch.root)
    tree = OptML(launch.root)
    moved = {tree.checkpoints: launch.checkpoints, tree.tensorboard(launch.tensorboard): launch.tensorboard}
    for folder in _folders(tree.root):
        if folder.name != STAGED:
            yield _mount(folder, moved.get(folder) or f"{CONTAINER_TREE.root}/{folder.name}")
    for folder in _folders(tree.data):
        yield _mount(folder, str(CONTAINER_TREE.channel(folder.name)), read_only=True)


def _let_all_read(tree: Path) -> None:
    """Images may run as any user. Outside the container nobody else reaches the tree, since the data folder is closed."""
    for folder, _, files in os.walk(tree):
        os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) | READ | SEARCH)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) | READ)


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob("*") if path.is_dir())


def _mount(folder: Path, target: str, read_only: bool = False) -> Mount:
    return Mount(target=target, source=str(folder.resolve()), type="bind", read_only=read_only)


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Turn an error of the engine into CannotRun, with the engine's explanation."""
    try:
        yield
    except APIError as error:
        raise CannotRun(f"The Docker engine could not start the container: {error.explanation or error}") from None
