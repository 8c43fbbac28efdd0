"""`check`: an algorithm says what it takes, and nothing is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from wildsage.containers.__main__ import main
from wildsage.containers.contract.paths import OptML


@pytest.fixture
def failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a container that is k-means leaves its reasons."""
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", str(tmp_path))
    monkeypatch.setenv("WILDSAGE_ALGORITHM", "kmeans")
    return OptML(tmp_path).failure


def test_what_a_job_could_have_is_taken_each_by_itself(failure: Path) -> None:
    given = ("k=2", "k=500", "extra_center_factor=auto", "init_method=kmeans++", "_tuning_objective_metric=test:msd")
    assert main(["check", *given]) == 0
    assert not failure.exists()


def test_what_it_could_not_have_is_named_once_with_what_is_expected(failure: Path) -> None:
    assert main(["check", "k=0", "k=2.0", "kk=1", "kk=2", "init_method=luck", "epochs=3"]) == 1
    assert failure.read_text().splitlines() == [
        "ClientError: Hyperparameter k: got '0', expected an integer ≥ 1.",
        "Hyperparameter k: got '2.0', expected an integer ≥ 1.",
        "Additional properties are not allowed ('kk' was unexpected). Did you mean k?",
        "Hyperparameter init_method: got 'luck', expected one of random, kmeans++.",
    ]


def test_an_image_without_an_algorithm_blames_the_platform(failure: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WILDSAGE_ALGORITHM")
    assert main(["check", "k=1"]) == 3
    assert failure.read_text().startswith("InternalServerError: WILDSAGE_ALGORITHM is not set")
