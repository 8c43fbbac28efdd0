"""The example of a script with scikit-learn runs from top to bottom on the local AWS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytest.importorskip("sklearn")
pytest.importorskip("sagemaker.sklearn")


@pytest.mark.slow
def test_iris_is_learned_and_told_apart(tmp_path: Path) -> None:
    example = ROOT / "examples" / "scripts" / "iris.py"
    command = [sys.executable, "-m", "wildsage.local_runner", "run", "--data", str(tmp_path), str(example)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Three flowers: setosa, versicolor, virginica" in done.stdout
    assert float(done.stdout.partition("Accuracy: ")[2].split()[0]) > 0.95
