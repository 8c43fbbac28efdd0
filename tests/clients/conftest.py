"""One local AWS with the real algorithms, as `wildsage up` starts it, and clients of other environments to use it.

Those environments are large and lie apart in `.clients`, made by `make clients`; where one is absent its tests skip.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from tests import forks
from wildsage.local_runner.client import environment as client
from wildsage.local_runner.proxy import process
from wildsage.local_runner.server import background

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / ".clients"
BARE = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_", "WILDSAGE_"))}

# These run in the environment of SDK v3, started by test_sdk3.py.
collect_ignore = [] if list(metadata.distributions(name="sagemaker-train")) else ["sdk3"]


@pytest.fixture(scope="session")
def tool() -> Callable[..., str]:
    """Finds a file of a client's environment; skips where that was not made."""

    def find(*parts: str) -> str:
        path = CLIENTS.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"{path.relative_to(ROOT)} is not there: `make clients` makes it, about 4 GB")
        return str(path)

    return find


@dataclass(frozen=True)
class Local:
    """A local AWS, and what an unmodified program needs to find it: variables for an endpoint, or for a proxy."""

    endpoint: str
    data: Path
    python: forks.Forks
    proxy: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which an unmodified program finds this AWS."""
        return client.client_environment(self.endpoint, self.data, False, BARE, self.proxy)

    def run(
        self, command: Sequence[str | Path], folder: Path, timeout_s: float = 300, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in a folder and return what it said; any exit status."""
        words = [str(word) for word in command]
        environment = {**self.environment, **more}
        return subprocess.run(
            words, env=environment, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def run_sdk2(
        self, code: str, folder: Path, timeout_s: float = 300, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Python code in a folder, as `python -c` would: a process of its own, which has SDK v2 from the beginning."""
        return self.run(self.python.command(code), folder, timeout_s, **more)


SCALER_IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/own-scikit-learn:1"
SCALER_PROGRAM = Path(__file__).with_name("scikit_learn_container.py")


def options() -> Iterator[str]:
    """Options of `wildsage up`: a program that stands in for an image of the user's, and the Pythons of the frameworks that have an
    environment of their own, where that was made.
    """
    yield from ("--image", f"{SCALER_IMAGE}={sys.executable} {SCALER_PROGRAM}")
    for framework, folder in (("tensorflow", "tensorflow"), ("huggingface-pytorch", "huggingface")):
        if (python := CLIENTS / folder / "bin" / "python").exists():
            yield from ("--python", f"{framework}={python}")


@pytest.fixture(scope="session")
def sdk2() -> Iterator[forks.Forks]:
    """An interpreter that has imported SDK v2. Its forks learn the address of a local AWS from their variables."""
    variables = client.client_environment("http://127.0.0.1", Path(), False, BARE)
    paths = os.pathsep.join([variables["PYTHONPATH"], str(ROOT / "tests")])
    with forks.serving("sagemaker", "aws_models", environment=variables | {"PYTHONPATH": paths}) as found:
        yield found


@pytest.fixture(scope="session")
def own_image() -> tuple[str, Path]:
    """An image of a user's, and the program of scikit-learn that it runs, or that stands in for it."""
    return SCALER_IMAGE, SCALER_PROGRAM


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory, sdk2: forks.Forks) -> Iterator[Local]:
    """The one local AWS of these tests."""
    data = tmp_path_factory.mktemp("clients")
    with background.server(data, tuple(options())) as server:
        yield Local(server.endpoint, data, sdk2)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, sdk2: forks.Forks) -> Iterator[Callable[..., Local]]:
    """Starts a local AWS of the file's own, with options of `wildsage up`."""
    with ExitStack() as stack:

        def start(*options: str) -> Local:
            data = tmp_path_factory.mktemp("aws")
            return Local(stack.enter_context(background.server(data, options)).endpoint, data, sdk2)

        yield start


@pytest.fixture(scope="session")
def behind_proxy(local: Local) -> Iterator[Local]:
    """The same AWS for clients that are given no endpoint."""
    with process.run_proxy(local.data, local.endpoint, 0, tunnel=False) as address:
        yield Local(local.endpoint, local.data, local.python, address)
