"""The elbow of the GDELT post: eleven jobs at once, and distances that fall as clusters are added."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EVENTS = ROOT.parent / "shared" / "data" / "gdelt" / "20180326044500.export.CSV"


@pytest.fixture
def distances(run_example: Callable[..., str], tmp_path: Path) -> Callable[..., dict[int, float]]:
    """Runs the example and returns the distances by k."""

    def run(*arguments: str) -> dict[int, float]:
        plot = tmp_path / "elbow.png"
        said = run_example("gdelt_elbow.py", "--output", str(plot), *arguments)
        assert plot.read_bytes().startswith(b"\x89PNG")
        return {int(k): float(d) for k, d in re.findall(r"k = +(\d+) +mean distance ([\d.]+)", said)}

    return run


def falls(distance_k: dict[int, float]) -> bool:
    """True if more clusters never cost more than the 3 % by which two runs of a heuristic may differ."""
    return all(distance_k[k + 1] <= 1.03 * distance_k[k] for k in range(2, 12))


@pytest.mark.slow
def test_made_up_events_bend_at_their_five_places(distances: Callable[..., dict[int, float]]) -> None:
    distance_k = distances()
    assert list(distance_k) == list(range(2, 13))
    assert falls(distance_k)
    assert distance_k[2] - distance_k[5] > 3 * (distance_k[5] - distance_k[8])


@pytest.mark.slow
@pytest.mark.skipif(not EVENTS.exists(), reason="needs ../shared/data/gdelt")
def test_real_events_come_closer_with_each_cluster(distances: Callable[..., dict[int, float]]) -> None:
    distance_k = distances("--events", str(EVENTS))
    assert list(distance_k) == list(range(2, 13))
    assert falls(distance_k)
    assert distance_k[12] < 0.75 * distance_k[2]
