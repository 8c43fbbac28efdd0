"""SDK v3: its suite, `sdk3/`, in the environment that has it, against the local AWS that all clients here share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_the_suite_of_sdk_v3(local: Any, tool: Any) -> None:
    root = HERE.parents[1]
    python = tool("sdk3", "bin", "python")
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--confcutdir", HERE / "sdk3", HERE / "sdk3"]
    paths = os.pathsep.join([local.environment["PYTHONPATH"], str(root)])
    done = local.run(command, root, PYTHONPATH=paths)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
