"""The same code with XGBoost 1.7.6, in an environment of its own: there real jobs are met to the digits."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PYTHON = ROOT / ".clients" / "xgboost17" / "bin" / "python"


@pytest.mark.slow
def test_everything_holds_with_the_library_of_the_tags_1():
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON.relative_to(ROOT)} is not there: `make clients` makes it")
    without = [f"--ignore={path}" for path in (__file__, HERE / "data" / "test_loops.py")]  # the loops call no library
    command = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *without, str(HERE)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    print(done.stdout)
