"""The examples of scripts with scikit-learn run from top to bottom on the local AWS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wildsage.local_runner.processes import mounts

pytest.importorskip("sklearn")
pytest.importorskip("sagemaker.sklearn")


@pytest.mark.slow
def test_iris_is_learned_and_told_apart(run_example: Callable[..., str]) -> None:
    said = run_example("scripts/iris.py")
    assert "Three flowers: setosa, versicolor, virginica" in said
    assert float(said.partition("Accuracy: ")[2].split()[0]) > 0.95


@pytest.mark.slow
@pytest.mark.skipif(mounts.problem("/opt/ml") is not None, reason="this machine forbids mounts")
def test_flowers_are_prepared_learned_and_judged_in_one_program(run_example: Callable[..., str]) -> None:
    said = run_example("scripts/processing.py")
    assert "120 rows to train with, 30 to judge" in said
    assert "Judged: 30 flowers, 3 kinds" in said
