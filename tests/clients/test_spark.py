"""Spark with sagemaker_pyspark in an environment of its own: the example runs as `wildsage run` starts it, with no line changed."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "spark_pipelines.py"


@pytest.mark.skipif(shutil.which("java") is None, reason="there is no java: install openjdk-17-jre-headless")
def test_pipelines_train_deploy_and_transform(tool: Any, tmp_path: Path) -> None:
    python = tool("spark", "bin", "python")
    run = [
        sys.executable,
        "-m",
        "wildsage.local_runner",
        "run",
        "--data",
        tmp_path / "aws",
        "--proxy",
        "--python",
        python,
    ]
    done = subprocess.run([*run, EXAMPLE], capture_output=True, text=True, timeout=600, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    clusters = ast.literal_eval(said["clusters of shops"])
    assert sorted(number for found in clusters.values() for number in found) == [0, 1, 2], (
        "each shop has a cluster of its own"
    )
    assert len(ast.literal_eval(said["components of a customer"])) == 2
    assert float(said["median error of the regression"]) < 0.05
    assert "Exception" not in done.stderr and "\tat " not in done.stderr, "a trace of Java or of the proxy"
