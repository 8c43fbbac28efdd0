"""What a container says of hyperparameters, and what is made of one that says nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.local_runner.jobs.running import Backend, Container
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import CannotRun, Launch
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
    before = psutil.Process().children()
    monkeypatch.setattr(hyperparameter_check, "ANSWER_WITHIN_S", 0.01)
    assert rejection(tmp_path, "-c", "import time; time.sleep(600)", wrong="1") is None
    assert set(psutil.Process().children()) <= set(before)  # of which some may end meanwhile


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


def answered(
    folder: Path, act: Callable[[Launch], Container | None], image: str = KMEANS
) -> tuple[str | None, Backend]:
    """What is said of `k=3` if a container is this function, and the backend that started it."""
    backend, place = Backend(act), folder / "of this server" / "jobs"
    return hyperparameter_check.rejection(backend, image, [("k", "3"), ("eps", "a b")], place), backend


def saying(text: str) -> Callable[[Launch], Container | None]:
    def act(launch: Launch) -> Container:
        OptML(launch.root).failure.write_text(text)
        return Container(1)

    return act


def test_a_container_is_asked_the_question_in_a_folder_of_its_own_that_goes_afterwards(tmp_path):
    jobs = tmp_path / "of this server" / "jobs"

    def act(launch: Launch) -> None:
        assert launch.root.is_relative_to(jobs) and OptML(launch.root).config.is_dir()

    said, backend = answered(tmp_path, act)
    (launch,) = backend.launches
    assert said is None and (launch.image, launch.arguments) == (KMEANS, ("check", "k=3", "eps=a b"))
    assert not launch.environment and not launch.contract
    assert list(jobs.iterdir()) == []
    assert answered(tmp_path, act)[0] is None, "the folder is there already the second time"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ClientError: k is wrong", "k is wrong"),
        ("AlgorithmError: k is wrong", None),
        ("InternalServerError: ClientError: x", None),
        ("", None),
    ],
)
def test_a_reason_is_a_rejection_if_the_caller_is_to_blame(tmp_path, text, said):
    assert answered(tmp_path, saying(text))[0] == said


def test_an_image_of_the_users_is_not_started(tmp_path):
    said, backend = answered(tmp_path, saying("ClientError: no"), "me/mine:1")
    assert said is None and backend.launches == [] and not list(tmp_path.iterdir())


def test_a_container_that_cannot_be_started_rejects_nothing(tmp_path):
    def act(launch: Launch) -> None:
        raise CannotRun("no engine")

    assert answered(tmp_path, act)[0] is None


def test_a_container_that_does_not_answer_is_killed_and_its_end_awaited(tmp_path, monkeypatch):
    monkeypatch.setattr(hyperparameter_check, "ANSWER_WITHIN_S", 0.001)
    awaited = []

    class Silent(Container):
        def wait(self, timeout_s: float | None = None) -> int | None:
            awaited.append(timeout_s)
            return super().wait(timeout_s)

    assert answered(tmp_path, lambda launch: Silent(None, deaf=True))[0] is None
    assert awaited == [0.001, None]
    _, backend = answered(tmp_path, lambda launch: Container(0))
    assert backend.containers[0].asked == []
