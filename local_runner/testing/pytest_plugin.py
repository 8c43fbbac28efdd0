"""A pytest plugin, on by installing: the fixtures `wildsage` and `wildsage_module`, each a clean local AWS.

It costs nothing where no test asks for one: nothing of AWS's is imported here, and no server runs. The first test that asks
starts a process with everything imported (`wildsage.local_runner.testing.fork_server`), which forks a server on an empty
folder for each use. Every worker of pytest-xdist has its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wildsage.local_runner.client import environment
from wildsage.local_runner.client.shim import sitecustomize as shim
from wildsage.local_runner.processes import python
from wildsage.local_runner.settings import ACCOUNT, ServerSettings


@dataclass(frozen=True)
class LocalAws:
    """A local AWS that is the test's own. The environment points to it: `boto3.client("s3")` is all a test needs.

    `data` holds its state: objects below `s3/buckets`, log lines below `logs`, `server.log`. `role` is a role ARN that
    jobs and models may be created with.
    """

    endpoint: str
    data: Path
    role: str = f"arn:aws:iam::{ACCOUNT}:role/{ServerSettings.role}"


class ForkServer:
    """The process that forks servers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            python.command("wildsage.local_runner.testing.fork_server"),
            env=python.environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, data: Path) -> str:
        """Endpoint of a new server on an empty folder."""
        answer = self._ask(start=str(data))
        if "error" in answer:
            raise RuntimeError(f"The local AWS for this test did not start: {answer['error']}")
        return answer["endpoint"]

    def end(self, data: Path) -> None:
        """End a server and all that it runs, at once."""
        self._ask(end=str(data))

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, **order: str) -> dict[str, str]:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(
                f"The process that starts local AWSs for tests has ended (status {self._process.wait()}); "
                "its message is above, among pytest's captured output."
            )
        return json.loads(line)


@pytest.fixture(scope="session")
def wildsage_fork_server() -> Iterator[ForkServer]:
    """Forks the servers of this session; tests have no use for it."""
    fork_server = ForkServer()
    yield fork_server
    fork_server.close()


@pytest.fixture
def wildsage(wildsage_fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """An empty local AWS for this test alone; environment variables point every AWS client to it, and are set back."""
    with _local_aws(wildsage_fork_server, tmp_path_factory.mktemp("wildsage")) as aws:
        yield aws


@pytest.fixture(scope="module")
def wildsage_module(wildsage_fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS that all tests of a module share, for what is trained or deployed once and looked at often."""
    with _local_aws(wildsage_fork_server, tmp_path_factory.mktemp("wildsage")) as aws:
        yield aws


@contextmanager
def _local_aws(fork_server: ForkServer, data: Path) -> Iterator[LocalAws]:
    environment.write_telemetry_opt_out(data)
    endpoint = fork_server.start(data)
    try:
        with _clients_of(endpoint, data):
            yield LocalAws(endpoint, data)
    finally:
        fork_server.end(data)


@contextmanager
def _clients_of(endpoint: str, data: Path) -> Iterator[None]:
    """Make this process, and those it starts, clients of `endpoint`. Clients made earlier stay what they are."""
    session_before = _default_session()
    _set_session(None)
    try:
        with pytest.MonkeyPatch.context() as patch, _shim():
            for name in environment.conflicting(os.environ):
                patch.delenv(name)
            for name, value in environment.variables(endpoint, data, False, os.environ).items():
                patch.setenv(name, value)
            yield
    finally:
        _set_session(session_before)


def _default_session() -> Any:
    """boto3's own session, which remembers credentials: None where there is none yet, or no boto3."""
    return getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)


def _set_session(before: Any) -> None:
    if boto3 := sys.modules.get("boto3"):
        boto3.DEFAULT_SESSION = before  # type: ignore[attr-defined]


@contextmanager
def _shim() -> Iterator[None]:
    """What `wildsage run` does to a client's libraries, for as long as the block runs; nested blocks share it."""
    if shim.installed():
        yield
        return
    shim.install(shim.LOCAL_CLIENTS | shim.SHORT_POLLING)
    try:
        yield
    finally:
        shim.uninstall()
