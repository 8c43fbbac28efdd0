"""Runs containers as processes of this machine, without Docker and without isolation.

They are the installed algorithms, and code of the user's (`user_code`): scripts of framework images, entrypoints of a request.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from wildsage.algorithms.base.ports import free_port
from wildsage.containers.contract import frameworks, image_tag, pretrained_weights
from wildsage.containers.contract.frameworks import Framework
from wildsage.containers.contract.paths import ROOT_VARIABLE, OptML
from wildsage.local_runner.backends import CannotRun, Launch, Usage
from wildsage.local_runner.backends.user_code import UserCode
from wildsage.local_runner.backends.warm import WarmInterpreter
from wildsage.local_runner.images import uris
from wildsage.local_runner.images.catalogue import AlgorithmEntry
from wildsage.local_runner.processes import no_network, python, supervisor

MAX_LINE_BYTES = 256 * 1024
MAX_REPORT_BYTES = 4096  # mutants: equivalent: a report has a hundred bytes
LOOPBACK = "127.0.0.1"
CONTAINERS = "wildsage.containers"
# mutants: equivalent: one connection more or less may wait
BACKLOG = 2048  # connections that may wait, as gunicorn has it
READ_WITHIN_S = 5  # mutants: equivalent: any time that is long enough for what a container that has ended wrote last
KILLED = 137
GIB = 1 << 30
SAGEMAKER_ROOT = OptML().root.as_posix()
READ_WHEN_NEEDED = ("SAGEMAKER_", "WILDSAGE_")
"""Prefixes of variables that no import reads. Any other variable of a caller might change what an import does."""


@dataclass(frozen=True)
class _Start:
    """What a container runs. A warm interpreter that has done `imports` may run `warm_arguments` in place of `command`."""

    command: Sequence[str]
    environment: Mapping[str, str]
    warm_arguments: Sequence[str] | None = None
    imports: Sequence[str] = ()

    def without_network(self) -> _Start:
        """The same without a network, in an interpreter of its own."""
        return _Start(no_network.without_network(self.command), self.environment)


class ProcessBackend:
    """`command` followed by `train` or `serve` runs a container; `warm` runs the same command and starts it faster.

    `user_code` says how code of the user's runs. `images` maps an image, by its URI or by its repository, to a command of
    the user's that stands in for its entrypoint. `weights`: the file or folder of weights from which training may start.
    `pythons` maps a framework to the Python that runs its scripts, where that is not the one that runs here.
    """

    isolates = False

    def __init__(
        self,
        command: Sequence[str],
        warm: WarmInterpreter | None = None,
        user_code: UserCode | None = None,
        images: Mapping[str, Sequence[str]] | None = None,
        weights: Path | None = None,
        pythons: Mapping[str, Path] | None = None,
    ) -> None:
        self._command = tuple(command)
        self._warm = warm
        self._user_code = user_code or UserCode()
        self._images = dict(images or {})
        self._pythons = dict(pythons or {})
        self._weights = {pretrained_weights.VARIABLE: str(weights)} if weights else {}

    def check(self, image: str, has_entrypoint: bool = False) -> None:
        """Raises CannotRun for an image that is not one of a built-in algorithm, of a framework, or mapped to a command."""
        if uris.mapped(image, self._images):
            return
        if has_entrypoint:
            self._user_code.check_entrypoint()
            if uris.runs_spark(image):
                self._user_code.check_spark()
            return
        framework = uris.framework(image)
        if framework is None or uris.algorithm(image):
            self._algorithm(image)
        elif problem := self._problem(framework):
            raise CannotRun(f"Image {image}: {problem}.")

    def knows_entrypoint(self, image: str) -> bool:
        """True for an image that is mapped to a command."""
        return bool(uris.mapped(image, self._images))

    def _problem(self, framework: Framework) -> str | None:
        interpreter = self._pythons.get(framework.name)
        return framework.problem_with(interpreter) if interpreter else framework.problem

    def _python_of(self, image: str) -> Path | None:
        """The Python that was named for the framework of an image."""
        framework = uris.framework(image)
        return self._pythons.get(framework.name) if framework else None

    def check_isolation(
        self,
        hosts: int = 1,
        serves: bool = False,  # mutants: equivalent: a server can be cut off where a job can
    ) -> None:
        """Raises CannotRun where this machine has no network namespaces, and for several hosts, which talk by its network."""
        problem = no_network.problem()
        if hosts > 1:
            problem = "its hosts are processes that reach each other through this machine's network"
        if problem:
            raise CannotRun(
                f"EnableNetworkIsolation cannot be kept here: {problem}. Use `wildsage up --backend docker`, or leave it out."
            )

    def train(self, hosts: Sequence[Launch]) -> list[Process]:
        """All hosts run on this machine and reach each other on its loopback address."""
        rendezvous = {"MASTER_ADDR": LOOPBACK, "MASTER_PORT": str(free_port())} if len(hosts) > 1 else {}
        names = [launch.host for launch in hosts]
        started: list[Process] = []
        try:
            for launch in hosts:
                start = self._plan("train", launch, rendezvous, names)
                if launch.network_isolation:
                    start = start.without_network()
                started.append(Process(_inside(launch), *self._start(start, launch)))
        except BaseException:
            for process in started:
                process.kill()
            raise
        return started

    def serve(self, launch: Launch) -> ServingProcess:
        """Start `serve` on a free port of the loopback address."""
        if launch.network_isolation:
            return self._serve_isolated(launch)
        port = free_port()
        address = {"WILDSAGE_BIND_HOST": LOOPBACK, "SAGEMAKER_BIND_TO_PORT": str(port)}
        start = self._plan("serve", launch, address, [launch.host])
        return ServingProcess(_inside(launch), *self._start(start, launch), port=port)

    def _serve_isolated(self, launch: Launch) -> ServingProcess:
        """Start `serve` without a network. It inherits a socket that listens on the machine's loopback address."""
        if uris.mapped(launch.image, self._images):
            raise CannotRun(
                f"Image {launch.image}: a command of yours opens its port itself, which EnableNetworkIsolation prevents. "
                "Leave the field out, or use `wildsage up --backend docker`."
            )
        with socket.create_server((LOOPBACK, 0), backlog=BACKLOG) as listener:
            address = {supervisor.LISTENER: str(listener.fileno())}
            start = self._plan("serve", launch, address, [launch.host]).without_network()
            port = listener.getsockname()[1]
            return ServingProcess(_inside(launch), *self._start(start, launch, [listener.fileno()]), port=port)

    def close(self) -> None:
        """Close the warm interpreter. The supervisors end all containers when this process ends."""
        if self._warm:
            self._warm.close()

    def _plan(self, action: str, launch: Launch, variables: Mapping[str, str], hosts: Sequence[str]) -> _Start:
        """What runs for `action`, which is train or serve, with the variables of this backend."""
        user_code, arguments = self._user_code, (action,) if launch.arguments is None else tuple(launch.arguments)
        if launch.entrypoint or (mapped := uris.mapped(launch.image, self._images)):
            command = (*launch.entrypoint, *(launch.arguments or ())) if launch.entrypoint else (*mapped, *arguments)
            environment = user_code.environment_with_python(launch, variables, self._python_of(launch.image))
            return _Start(user_code.command(command, launch, hosts), environment)
        command = (*self._command, *arguments)
        if framework := _script_framework(launch):
            meeting = {
                "MASTER_ADDR": LOOPBACK,
                "MASTER_PORT": str(free_port()),
            }  # also for a lone host: many use one machine
            variables = {**meeting, **variables, frameworks.VARIABLE: framework.name}
            environment = user_code.environment(launch, variables)
            if interpreter := self._pythons.get(framework.name):
                command = python.command_of(interpreter, CONTAINERS, *arguments)
            else:
                environment = python.environment(environment)
            return _Start(user_code.command(command, launch, hosts), environment)
        algorithm = self._algorithm(launch.image)
        environment = {**self._environment(launch, algorithm), **variables}
        return _Start(command, environment, arguments, algorithm.packages)

    def _start(
        self, start: _Start, launch: Launch, inherited: Sequence[int] = ()
    ) -> tuple[socket.socket, int, subprocess.Popen[bytes] | None]:
        """Return the control socket, a descriptor that reads the output, and the supervisor if it is a child of this process."""
        control, parent_pipe = socket.socketpair()
        reading, writing = os.pipe()
        try:
            with parent_pipe:
                if self._start_warm(start, launch, control, parent_pipe, writing):
                    return control, reading, None
                streams: dict[str, Any] = {
                    "stdin": parent_pipe.fileno(),
                    "stdout": writing,
                    "stderr": subprocess.STDOUT,
                    "pass_fds": inherited,
                }
                command = supervisor.supervised(start.command)
                child = subprocess.Popen(
                    command, **streams, env=start.environment, cwd=launch.root, start_new_session=True
                )
                return control, reading, child
        except BaseException:
            control.close()
            os.close(reading)
            raise
        finally:
            os.close(writing)

    def _start_warm(
        self,
        start: _Start,
        launch: Launch,
        control: socket.socket,
        parent_pipe: socket.socket,
        writing: int,
    ) -> bool:
        arguments = start.warm_arguments
        if self._warm is None or arguments is None:
            return False
        if not all(name.startswith(READ_WHEN_NEEDED) for name in launch.environment):
            return False
        imports = start.imports
        return self._warm.start(
            arguments, start.environment, launch.root, control, parent_pipe.fileno(), writing, imports
        )

    def _algorithm(self, image: str) -> AlgorithmEntry:
        try:
            return uris.installed_algorithm(image)
        except uris.UnknownImage as unknown:
            raise CannotRun(str(unknown)) from None

    def _environment(self, launch: Launch, algorithm: AlgorithmEntry) -> dict[str, str]:
        """Variables of this process, then the caller's, then those of the contract, which override all others."""
        found = {
            **os.environ,
            **self._weights,
            **launch.environment,
            **launch.contract,
            ROOT_VARIABLE: str(launch.root),
            "WILDSAGE_ALGORITHM": algorithm.name,
            image_tag.VARIABLE: uris.tag_of(launch.image),
            "PYTHONUNBUFFERED": "1",
        }
        return python.environment(found)


def _script_framework(launch: Launch) -> Framework | None:
    """The framework whose image is to run a script. An image that is an algorithm too, XGBoost's, needs to be given one."""
    framework = uris.framework(launch.image)
    if uris.algorithm(launch.image) and not frameworks.gets_script(OptML(launch.root), launch.environment):
        return None
    return framework


def _inside(launch: Launch) -> Callable[[str], None]:
    """The log of a container, with its folder named /opt/ml as in SageMaker and in Docker."""
    root = str(launch.root)
    return lambda line: launch.log(line.replace(root, SAGEMAKER_ROOT))


class Process:
    """A command under a supervisor. It ends with this process at the latest, and its lines go to `log`."""

    def __init__(
        self, log: Callable[[str], None], control: socket.socket, output: int, child: subprocess.Popen[bytes] | None
    ) -> None:
        """`child` is the supervisor if it is a child of this process, which must wait for it."""
        self.usage: Usage | None = None
        self.out_of_memory: str | None = None
        self._killed = False
        self._control = control
        self._child = child
        self._status: int | None = None
        self._log = log
        self._reader = threading.Thread(target=self._copy_lines, args=(output,), daemon=True)
        try:
            self._reader.start()
        except RuntimeError:  # no thread is left: without its control the supervisor ends the command
            os.close(output)
            control.close()
            raise

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Exit status (128 + signal if a signal ended it), or None if it still runs after `timeout_s` seconds."""
        if self._status is None:
            poll = select.poll()
            poll.register(self._control, select.POLLIN)
            if poll.poll(None if timeout_s is None else timeout_s * 1000):
                self._end()
        return self._status

    def terminate(self) -> None:
        """Send SIGTERM to the command. No effect once it has ended."""
        with contextlib.suppress(OSError):  # it has ended
            self._control.send(supervisor.TERMINATE)

    def kill(self) -> None:
        """Kill the command and every process that it started. No effect once it has ended."""
        self._killed = True
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)

    def _end(self) -> None:
        """Read the supervisor's report. It is missing if somebody killed the supervisor."""
        report_line = b""
        with contextlib.suppress(ConnectionResetError):  # killed before it read an order
            report_line = self._control.recv(MAX_REPORT_BYTES)
        if report_line:
            report = json.loads(report_line)
            self.usage = Usage(report["cpu_s"], report["peak_bytes"])
        if self._child:
            self._child.wait()
        self._reader.join(READ_WITHIN_S)
        self._control.close()
        status = report["status"] if report_line else KILLED
        if status == KILLED and not self._killed:
            self.out_of_memory = _killed_by_somebody(self.usage)
        self._status = status

    def _copy_lines(self, output: int) -> None:
        with open(output, "rb") as lines:
            while line := lines.readline(MAX_LINE_BYTES):
                self._log(line.decode(errors="replace"))


def _killed_by_somebody(usage: Usage | None) -> str:
    """What a SIGKILL that this process did not send most likely means."""
    total_gib = psutil.virtual_memory().total / GIB
    peak = f"its peak was {usage.peak_bytes / GIB:.1f} GiB of this machine's {total_gib:.1f}" if usage else ""
    peak = peak or f"this machine has {total_gib:.1f} GiB"
    return (
        f"Something outside Wildsage sent SIGKILL, most likely the kernel because memory ran out: {peak}. Run fewer jobs at a "
        "time (`wildsage up --max-jobs`), or less data."
    )


class ServingProcess(Process):
    """A serving container on a port of the loopback address."""

    def __init__(self, *arguments: Any, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        super().__init__(*arguments)
