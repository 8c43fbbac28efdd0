"""The example of thresholds: its own functions here, and the whole workflow on the local AWS."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "linear_learner"
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def thresholds() -> ModuleType:
    """The example, imported as Python imports a script."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        return importlib.import_module("thresholds")


def test_rows_are_made_in_three_parts_with_as_many_positives_each(thresholds: ModuleType) -> None:
    channels = thresholds.made(1000)
    assert {name: len(rows.x_nd) for name, rows in channels.items()} == {"train": 600, "validation": 200, "test": 200}
    shares = [rows.labels_n.mean() for rows in channels.values()]
    assert shares == pytest.approx([1 / 12] * 3, abs=0.02)


def test_the_threshold_lies_between_what_is_called_negative_and_positive(thresholds: ModuleType) -> None:
    answers = thresholds.Answers(np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 0, 1, 1]))
    assert answers.threshold == pytest.approx(0.5)
    assert thresholds.measured(answers, np.array([0, 1, 0, 1])) == (0.5, 0.5)


def test_the_picture_is_written(thresholds: ModuleType, tmp_path: Path) -> None:
    answers = thresholds.Answers(np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 0, 1, 1]))
    thresholds.draw(answers, np.array([0, 1, 0, 1]), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_nine_of_ten_positives_are_found(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wildsage.local_runner", "run", "--data", str(tmp_path / "aws")]
    command += [str(FOLDER / "thresholds.py"), "--output", str(tmp_path / "picture.png")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=400, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-2])
    assert found["recall"] == pytest.approx(0.9, abs=0.07)  # 100 positive rows: 0.03 is one standard deviation
    assert found["precision"] > 0.3
    assert (tmp_path / "picture.png").read_bytes().startswith(PNG)
