"""Every boto3 example runs from top to bottom on the local AWS, as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*_boto3.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_trains_answers_and_cleans_up(example: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wildsage.local_runner", "run", "--data", str(tmp_path), str(example)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Trained: s3://")
    assert len(set(lines[1:])) == 3  # three rows, three answers
