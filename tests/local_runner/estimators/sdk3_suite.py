"""Runs tests of `sdk3/` in the environment that has SDK v3."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SUITE = Path(__file__).parent / "sdk3"
ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".clients" / "sdk3" / "bin" / "python"

needs_sdk3 = pytest.mark.skipif(
    not PYTHON.exists(), reason=".clients/sdk3 is not there: `make clients` makes it, about 4 GB"
)


def run(environment: dict[str, str], *files: str) -> None:
    """Run these files of the suite up to the first test that fails."""
    paths = filter(None, [environment.get("PYTHONPATH"), str(ROOT)])
    tests = [SUITE / file for file in files]
    command = [PYTHON, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--confcutdir", SUITE, *tests]
    environment = {**environment, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
