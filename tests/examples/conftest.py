"""One local AWS for the examples, in whose warm interpreter jobs begin at once, and a client's interpreter to run them in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import forks
from wildsage.local_runner.client.environment import client_environment
from wildsage.local_runner.server import background

ROOT = Path(__file__).parents[2]
OF_OTHERS = ("AWS_", "SAGEMAKER_", "WILDSAGE_")
SLOW_IMPORTS = ("matplotlib.pyplot", "pandas", "sagemaker", "sklearn", "aws_models")
PROGRAM = """
import os, runpy, sys
sys.argv[:] = sys.argv[1:]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="session")
def client_variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables with which a program finds the local AWS, as `wildsage run` sets them."""
    data = tmp_path_factory.mktemp("examples")
    own = {name: value for name, value in os.environ.items() if not name.startswith(OF_OTHERS)}
    with background.server(data) as server:
        found = client_environment(server.endpoint, data, False, own)
        yield found | {"PYTHONPATH": os.pathsep.join([found.get("PYTHONPATH", ""), str(ROOT)]).strip(os.pathsep)}


@pytest.fixture(scope="session")
def client_python(client_variables: dict[str, str]) -> Iterator[forks.Forks]:
    """An interpreter that has imported what the examples import."""
    paths = os.pathsep.join([client_variables["PYTHONPATH"], str(ROOT / "tests")])
    with forks.serving(*SLOW_IMPORTS, environment=client_variables | {"PYTHONPATH": paths}) as found:
        yield found


@pytest.fixture
def run_example(client_python: forks.Forks, client_variables: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    """Runs an example of that path below `examples`, in a folder of the test's own, and returns what it prints."""

    def run(example: str, *arguments: str) -> str:
        command = client_python.command(PROGRAM, str(ROOT / "examples" / example), *arguments)
        done = subprocess.run(
            command, env=client_variables, capture_output=True, text=True, timeout=400, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    return run
