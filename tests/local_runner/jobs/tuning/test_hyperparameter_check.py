"""What a container says of hyperparameters, and what is made of one that says nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.images import catalogue
from wildsage.local_runner.jobs.tuning import hyperparameter_check

STAND_IN = Path(__file__).parents[2] / "stand_in.py"
KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


def rejection(folder: Path, *program: str, image: str = KMEANS, **values: str) -> str | None:
    backend = ProcessBackend((sys.executable, "-S", *program))
    return hyperparameter_check.rejection(backend, image, values.items(), folder / "jobs")


def test_a_rejection_is_in_the_containers_words_and_nothing_stays(tmp_path):
    assert rejection(tmp_path, str(STAND_IN), x="1", y="a=b c") is None
    said = rejection(tmp_path, str(STAND_IN), x="1", wrong="2")
    assert said == "Hyperparameter wrong=2 is not known.\nKnown: x."
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_container_that_cannot_answer_rejects_nothing(tmp_path, monkeypatch):
    assert rejection(tmp_path, "-c", "import sys; sys.exit(64)", wrong="1") is None
    assert rejection(tmp_path, str(STAND_IN), image="me/mine:1", wrong="1") is None
    monkeypatch.setattr(hyperparameter_check, "ANSWER_WITHIN_S", 0.1)
    assert rejection(tmp_path, "-c", "import time; time.sleep(600)", wrong="1") is None


def test_a_container_that_does_not_answer_has_ended_afterwards(tmp_path, monkeypatch):
    before = psutil.Process().children(recursive=True)
    monkeypatch.setattr(hyperparameter_check, "ANSWER_WITHIN_S", 0.01)
    assert rejection(tmp_path, "-c", "import time; time.sleep(600)", wrong="1") is None
    assert psutil.Process().children(recursive=True) == before


def test_only_what_the_caller_can_mend_is_a_rejection(tmp_path):
    write = (
        "import os; open(os.environ['SAGEMAKER_DATA_PATH'] + '/output/failure', 'w').write('InternalServerError: x')"
    )
    assert rejection(tmp_path, "-c", write, wrong="1") is None


def test_an_algorithm_that_cannot_run_here_does_not_reject_hyperparameters(tmp_path, monkeypatch):
    absent = catalogue.AlgorithmEntry("pca", "", ("pca",), (), 0, {}, "Algorithm pca needs a package.")
    monkeypatch.setattr(catalogue, "algorithms", lambda: (absent,))
    for image in (KMEANS.replace("kmeans", "pca"), KMEANS.replace("kmeans", "ntm")):
        assert rejection(tmp_path, str(STAND_IN), image=image, wrong="1") is None
