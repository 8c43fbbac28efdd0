"""The examples of scripts with scikit-learn run from top to bottom on the local AWS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wildsage.local_runner.processes import mounts

ROOT = Path(__file__).parents[2]

pytest.importorskip("sklearn")
pytest.importorskip("sagemaker.sklearn")


def run(example: str, folder: Path) -> str:
    """What an example prints."""
    command = [sys.executable, "-m", "wildsage.local_runner", "run", "--data", str(folder)]
    command.append(str(ROOT / "examples" / "scripts" / example))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_iris_is_learned_and_told_apart(tmp_path: Path) -> None:
    said = run("iris.py", tmp_path)
    assert "Three flowers: setosa, versicolor, virginica" in said
    assert float(said.partition("Accuracy: ")[2].split()[0]) > 0.95


@pytest.mark.slow
@pytest.mark.skipif(mounts.problem("/opt/ml") is not None, reason="this machine forbids mounts")
def test_flowers_are_prepared_learned_and_judged_in_one_program(tmp_path: Path) -> None:
    said = run("processing.py", tmp_path)
    assert "120 rows to train with, 30 to judge" in said
    assert "Judged: 30 flowers, 3 kinds" in said
