"""Runs the tests of SavedModels in the environment that has TensorFlow, as the server runs a container with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wildsage.local_runner.processes import python

TESTS = Path(__file__).parents[1] / "containers" / "frameworks" / "tensorflow_serving"


@pytest.mark.slow
def test_saved_models_answer_as_tensorflow_serving(tool: Callable[..., str]) -> None:
    command = python.command_of(
        Path(tool("tensorflow", "bin", "python")), "pytest", "-q", "-p", "no:cacheprovider", str(TESTS)
    )
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
