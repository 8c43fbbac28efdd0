"""Fuzzing that follows coverage finds nothing in some inputs of each format; `make fuzz` tries more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.formats import FORMATS

PROGRAM = Path(__file__).with_name("guided.py")
SHORT = ("-runs=1000", "-max_total_time=4")
"""Most formats reach the first in less than a second."""


def test_no_input_that_reaches_new_branches_is_fatal(request: pytest.FixtureRequest):
    pytest.importorskip("atheris", reason="atheris is not installed: pip install 'wildsage[fuzz]'")
    seconds = request.config.getoption("--fuzz-seconds", "")
    bounds = (f"-max_total_time={seconds}",) if seconds else SHORT
    done = subprocess.run([sys.executable, str(PROGRAM), *bounds], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert done.stdout.splitlines()[-1] == f"Fuzzed: {', '.join(FORMATS)}."
