"""Every boto3 example runs from top to bottom on the local AWS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = sorted(path.name for path in (Path(__file__).parents[2] / "examples").glob("*_boto3.py"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_trains_answers_and_cleans_up(example: str, run_example: Callable[..., str]) -> None:
    lines = run_example(example).splitlines()
    assert lines[0].startswith("Trained: s3://")
    assert len(set(lines[1:])) == 3  # three rows, three answers
