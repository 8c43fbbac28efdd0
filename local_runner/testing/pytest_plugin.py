"""A pytest plugin, active once installed: the fixtures `wildsage` and `wildsage_module` give a test an empty local AWS.

It costs nothing until a test uses a fixture: it imports no AWS library and starts no server. The first use starts a
process with everything imported (`wildsage.local_runner.testing.fork_server`), which forks a server on an empty folder for
each fixture. Every worker of pytest-xdist has its own process.
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
    """A local AWS for one test or module. The environment points to it, so a test just calls `boto3.client("s3")`.

    `endpoint`: its URL. `data`: the folder of its state: objects below `s3/buckets`, log lines below
    `regions/<region>/logs`, `server.log`. `role`: a role ARN for creating jobs and models.
    """

    endpoint: str
    data: Path
    role: str = f"arn:aws:iam::{ACCOUNT}:role/{ServerSettings.role}"


class ForkServer:
    """The process that forks servers for tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            python.command("wildsage.local_runner.testing.fork_server"),
            env=python.environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, data: Path, token: bool = False) -> str:
        """Start a server on an empty folder and return its URL. Raises RuntimeError if it does not start.

        `token`: requests have to be signed with the keys of the folder, which are in the environment of tests.
        """
        answer = self._ask(start=str(data), **({"token": "yes"} if token else {}))
        if "error" in answer:
            raise RuntimeError(f"The local AWS for this test did not start: {answer['error']}")
        return answer["endpoint"]

    def end(self, data: Path) -> None:
        """End a server and everything that it runs, at once."""
        self._ask(end=str(data))

    def close(self) -> None:
        """End the process and all its servers."""
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
                f"The process that starts servers for tests has ended (status {self._process.wait()}); "
                "its message is above, in pytest's captured output."
            )
        return json.loads(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting `wildsage_token`."""
    parser.addini(
        "wildsage_token",
        "Servers of the fixtures accept only requests that are signed with the keys in the environment of tests.",
        type="bool",
        default=False,
    )


@pytest.fixture(scope="session")
def wildsage_fork_server() -> Iterator[ForkServer]:
    """Forks the servers of this session. Tests do not use it directly."""
    fork_server = ForkServer()
    yield fork_server
    fork_server.close()


@pytest.fixture
def wildsage(
    wildsage_fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[LocalAws]:
    """An empty local AWS for this test. Environment variables point AWS clients to it and are restored afterwards."""
    with _local_aws(wildsage_fork_server, tmp_path_factory.mktemp("wildsage"), pytestconfig) as aws:
        yield aws


@pytest.fixture(scope="module")
def wildsage_module(
    wildsage_fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[LocalAws]:
    """A local AWS that all tests of a module share, for models that are trained or deployed once and used often."""
    with _local_aws(wildsage_fork_server, tmp_path_factory.mktemp("wildsage"), pytestconfig) as aws:
        yield aws


@contextmanager
def _local_aws(fork_server: ForkServer, data: Path, config: pytest.Config) -> Iterator[LocalAws]:
    endpoint = fork_server.start(data, config.getini("wildsage_token"))
    try:
        with _clients_of(endpoint, data):
            yield LocalAws(endpoint, data)
    finally:
        fork_server.end(data)


@contextmanager
def _clients_of(endpoint: str, data: Path) -> Iterator[None]:
    """Make this process and its children clients of `endpoint`. Clients that exist already stay unchanged."""
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
    """The default session of boto3, which caches credentials; None if it does not exist or boto3 is not imported."""
    return getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)


def _set_session(before: Any) -> None:
    if boto3 := sys.modules.get("boto3"):
        boto3.DEFAULT_SESSION = before  # type: ignore[attr-defined]


@contextmanager
def _shim() -> Iterator[None]:
    """Patch the client libraries as `wildsage run` does while the block runs. Nested blocks share one patch."""
    if shim.installed():
        yield
        return
    shim.install(shim.LOCAL_CLIENTS | shim.SHORT_POLLING)
    try:
        yield
    finally:
        shim.uninstall()
