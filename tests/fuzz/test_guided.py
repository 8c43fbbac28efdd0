"""Fuzzing that follows coverage finds nothing in some seconds for each format; `make fuzz` takes longer.

Where atheris is missing, files are damaged at random for as long.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz import formats
from tests.fuzz.conftest import DEFAULT_SECONDS
from tests.fuzz.formats import FORMATS

PROGRAM = Path(__file__).with_name("guided.py")


HAS_ATHERIS = importlib.util.find_spec("atheris") is not None


@pytest.mark.skipif(HAS_ATHERIS, reason="atheris follows coverage here")
@pytest.mark.parametrize("name", FORMATS)
def test_damage_for_some_seconds_is_read_or_is_an_error_of_the_user(name, tmp_path, damaged_for_long, request):
    until = time.monotonic() + float(request.config.getoption("--fuzz-seconds", DEFAULT_SECONDS))
    for content in damaged_for_long(formats.seed(name, tmp_path)):
        formats.read(name, content, tmp_path)
        if time.monotonic() > until:
            break


def test_no_input_that_reaches_new_branches_is_fatal(request: pytest.FixtureRequest):
    pytest.importorskip("atheris", reason="atheris is not installed: pip install 'wildsage[fuzz]'")
    seconds = request.config.getoption("--fuzz-seconds", DEFAULT_SECONDS)
    done = subprocess.run([sys.executable, str(PROGRAM), seconds], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert done.stdout.splitlines()[-1] == f"Fuzzed: {', '.join(FORMATS)}."
