"""The examples of linear learner: their own functions here, and the whole workflows on the local AWS."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "linear_learner"
PNG = b"\x89PNG"
GDELT = ROOT.parent / "shared" / "data" / "gdelt"
MISSED = re.compile(r"(\d) host\(s\): .* by ([\d.]+) on average")
ENDPOINT = re.compile(r"The endpoint of two hosts' model: ([\d.]+)\. .*: ([\d.]+)")


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
def test_nine_of_ten_positives_are_found(run_example: Callable[..., str], tmp_path: Path) -> None:
    said = run_example("linear_learner/thresholds.py", "--output", str(tmp_path / "picture.png"))
    found = json.loads(said.splitlines()[-2])
    assert found["recall"] == pytest.approx(0.9, abs=0.07)  # 100 positive rows: 0.03 is one standard deviation
    assert found["precision"] > 0.3
    assert (tmp_path / "picture.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_two_hosts_that_share_made_up_events_miss_the_tone_as_one_does(run_example: Callable[..., str]) -> None:
    """Their noise has a deviation of 2, and so a mean absolute error of 1.6 at least."""
    said = run_example("linear_learner/gdelt_sharded.py")
    missed = {int(hosts): float(by) for hosts, by in MISSED.findall(said)}
    assert missed[2] == pytest.approx(missed[1], rel=0.02) and 1.5 < missed[2] < 1.8
    served, guess = map(float, ENDPOINT.search(said).groups())
    assert served == pytest.approx(missed[2], rel=1e-3) and guess > 1.5 * served


@pytest.mark.slow
@pytest.mark.skipif(not GDELT.exists(), reason="needs ../shared/data/gdelt")
def test_two_hosts_that_share_real_events_miss_the_tone_as_one_does(run_example: Callable[..., str]) -> None:
    exports = sorted(map(str, GDELT.glob("*.export.CSV")))
    said = run_example("linear_learner/gdelt_sharded.py", "--events", *exports)
    missed = {int(hosts): float(by) for hosts, by in MISSED.findall(said)}
    assert missed[2] == pytest.approx(missed[1], rel=0.02)
    served, guess = map(float, ENDPOINT.search(said).groups())
    assert served == pytest.approx(missed[2], rel=1e-3) and served < 0.95 * guess
