"""`check`: an algorithm says what it takes, and nothing is trained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wildsage import algorithms
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.__main__ import main
from wildsage.containers.check import check_job
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
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


def test_what_it_could_not_have_is_named_once_with_what_is_expected(
    failure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "k=0", "k=2.0", "kk=1", "kk=2", "init_method=luck", "epochs=3"]) == 1
    assert failure.read_text().splitlines() == [
        "ClientError: Hyperparameter k: got '0', expected an integer ≥ 1.",
        "Hyperparameter k: got '2.0', expected an integer ≥ 1.",
        "Additional properties are not allowed ('kk' was unexpected). Did you mean k?",
        "Hyperparameter init_method: got 'luck', expected one of random, kmeans++.",
    ]
    assert capsys.readouterr().out == failure.read_text() + "\n"


def test_an_image_without_an_algorithm_blames_the_platform(failure: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WILDSAGE_ALGORITHM")
    assert main(["check", "k=1"]) == 3
    assert failure.read_text().startswith("InternalServerError: WILDSAGE_ALGORITHM is not set")


@pytest.mark.parametrize("name", algorithms.names())
def test_neither_torch_nor_any_library_of_an_algorithm_is_imported(name: str, tmp_path: Path) -> None:
    script = (
        "import sys; from wildsage import algorithms; from wildsage.containers.check import check;"
        f"status = check({{'WILDSAGE_ALGORITHM': {name!r}, 'SAGEMAKER_DATA_PATH': {str(tmp_path)!r}}}, ['there_is_none=1']);"
        f"print(status, sorted(sys.modules.keys() & {{'torch', 'numpy', 'PIL', *algorithms.spec({name!r}).packages}}))"
    )
    found = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.splitlines()[-1] == "1 []"


def test_an_algorithm_that_declares_them_in_its_class_is_asked_too(
    failure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(algorithms, "hyperparameters_of", lambda name: None)
    assert main(["check", "k=2"]) == 0
    assert main(["check", "k=0"]) == 1
    assert failure.read_text() == "ClientError: Hyperparameter k: got '0', expected an integer ≥ 1."
    check_job("kmeans", TrainingJob({"k": "0"}, TRAIN))  # the job itself names it


TRAIN = {"train": ChannelConfig("text/csv")}
KMEANS = {"k": "2", "feature_dim": "2"}
PCA = {"feature_dim": "2", "num_components": "3", "mini_batch_size": "5"}
IMAGES = {"num_classes": "2", "num_training_samples": "8", "image_shape": "2,8,8"}
PICTURES = {"train": ChannelConfig("application/x-image"), "train_lst": ChannelConfig("application/x-image")}


@pytest.mark.parametrize(
    ("name", "hyperparameters", "channels", "problem"),
    [
        ("kmeans", {"k": "two"}, TRAIN, "Hyperparameter feature_dim: missing"),
        ("kmeans", KMEANS, {**TRAIN, "tset": ChannelConfig("text/csv")}, "Channels: got train, tset; kmeans expects"),
        ("kmeans", KMEANS, {"test": ChannelConfig("text/csv")}, "Channels: got test; kmeans expects"),
        ("kmeans", KMEANS, {"train": ChannelConfig("text/plain")}, "Channel train: got content type 'text/plain'"),
        ("kmeans", KMEANS, {"train": ChannelConfig("csv")}, "expected a media type"),
        ("pca", PCA, TRAIN, "Hyperparameter num_components: got 3, expected at most feature_dim = 2."),
        ("image-classification", IMAGES, PICTURES, "Hyperparameter image_shape: got 2 channels"),
        ("xgboost", {"num_round": "1", "eta": "7"}, TRAIN, "Hyperparameter eta: 7.0 is not in [0, 1]"),
    ],
)
def test_a_job_is_rejected_with_the_words_that_it_would_fail_with(
    name: str,
    hyperparameters: dict[str, str],
    channels: dict[str, ChannelConfig],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = TrainingJob(hyperparameters, channels)
    with pytest.raises(UserError) as rejected:
        check_job(name, job)
    assert problem in str(rejected.value)
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", str(tmp_path))
    monkeypatch.setenv("WILDSAGE_ALGORITHM", name)
    folder = OptML(tmp_path)
    folder.make_folders()
    job.write(folder)
    assert main(["train"]) == 1
    assert folder.failure.read_text() == f"ClientError: {rejected.value}"


def test_a_job_that_reads_its_data_first_is_not_rejected() -> None:
    check_job("kmeans", TrainingJob(KMEANS, {**TRAIN, "model": ChannelConfig()}))
    check_job("blazingtext", TrainingJob({"mode": "supervised"}, TRAIN))
