"""Runs containers as processes of this machine: no Docker, no isolation, the algorithms that are installed here."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from containers.contract.paths import ROOT_VARIABLE
from local_runner import images, interpreter
from local_runner.backends import CannotRun, Launch, leash

MAX_LINE_BYTES = 256 * 1024
LOOPBACK = "127.0.0.1"


class ProcessBackend:
    """`command` obeys the container contract when `train` or `serve` is appended to it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    def check(self, image: str) -> None:
        self._algorithm(image)

    def rendezvous(self) -> dict[str, str]:
        """All hosts are this machine, so they meet on its loopback address."""
        return {"MASTER_ADDR": LOOPBACK, "MASTER_PORT": str(free_port())}

    def train(self, launch: Launch) -> Process:
        return Process((*self._command, "train"), self._environment(launch), launch.root, launch.log)

    def serve(self, launch: Launch) -> ServingProcess:
        port = free_port()
        place = {"SAGEBRUSH_BIND_HOST": LOOPBACK, "SAGEMAKER_BIND_TO_PORT": str(port)}
        environment = {**self._environment(launch), **place}
        return ServingProcess((*self._command, "serve"), environment, launch.root, launch.log, port)

    def _algorithm(self, image: str) -> str:
        try:
            return images.installed_algorithm(image)
        except images.UnknownImage as unknown:
            raise CannotRun(str(unknown)) from None

    def _environment(self, launch: Launch) -> dict[str, str]:
        """The surroundings, then the caller's variables, then those of the contract, which nobody overrides."""
        found = {
            **os.environ,
            **launch.environment,
            **launch.contract,
            ROOT_VARIABLE: str(launch.root),
            "SAGEBRUSH_ALGORITHM": self._algorithm(launch.image),
            "PYTHONUNBUFFERED": "1",
        }
        return interpreter.environment(found)


class Process:
    """A command on a leash: it ends with this process at the latest, and its lines go to `log`."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Callable[[str], None]
    ) -> None:
        self._leash = subprocess.Popen(
            leash.leashed(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
        )
        self._log = log
        self._reader = threading.Thread(target=self._copy_lines, daemon=True)
        self._reader.start()

    def wait(self, timeout_s: float | None = None) -> int | None:
        try:
            status = self._leash.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(timeout=5)
        self.kill()  # nothing is left to kill: this closes the leash's pipe
        return status if status >= 0 else 128 - status

    def terminate(self) -> None:
        self._leash.terminate()

    def kill(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            cast(IO[bytes], self._leash.stdin).close()

    def _copy_lines(self) -> None:
        with cast(IO[bytes], self._leash.stdout) as output:
            while line := output.readline(MAX_LINE_BYTES):
                self._log(line.decode(errors="replace"))


class ServingProcess(Process):
    """A serving container on a port of the loopback address."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        log: Callable[[str], None],
        port: int,
    ) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        super().__init__(command, environment, folder, log)


def free_port() -> int:
    """A port that was free a moment ago. Another program may take it first; then the container fails and is restarted."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
