"""Whole workflows of users with real clients and real containers, through all packages of the local AWS."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JOURNEYS = Path(__file__).parent / "journeys"


@pytest.mark.slow
def test_sdk_v2_transforms_and_serves(tmp_path):
    pytest.importorskip("sagemaker.transformer", reason="SageMaker's SDK v2 is not installed")
    command = [
        sys.executable,
        "-m",
        "wildsage.local_runner",
        "run",
        "--data",
        str(tmp_path),
        str(JOURNEYS / "sdk_v2.py"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    parts = (
        "recordio transformed",
        "csv joined",
        "pipeline answered",
        "models answered",
        "asynchronous answers came",
    )
    assert [part for part in parts if part in done.stdout] == list(parts)  # the SDK's dots stand before some of them
