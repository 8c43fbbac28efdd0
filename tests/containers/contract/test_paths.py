"""The folders and files of the contract, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from wildsage.containers.contract.paths import CHANNEL_NAME, OptML


def test_the_paths_are_those_of_the_contract():
    folder = OptML()
    assert {
        "input/config/hyperparameters.json": folder.hyperparameters,
        "input/config/inputdataconfig.json": folder.input_data_config,
        "input/config/resourceconfig.json": folder.resource_config,
        "input/config/checkpointconfig.json": folder.checkpoint_config,
        "input/data/train": folder.channel("train"),
        "input/data/train_0": folder.pipe("train", 0),
        "model": folder.model,
        "models/a/model": folder.loaded_model("a"),
        "code": folder.code,
        "output/data": folder.output_data,
        "output/intermediate": folder.output_intermediate,
        "output/success": folder.success,
        "output/failure": folder.failure,
        "output/metrics/sagemaker": folder.metrics,
        "output/tensorboard": folder.tensorboard(None),
        "checkpoints": folder.checkpoints,
    } == {path.relative_to("/opt/ml").as_posix(): path for path in _paths(folder)}


def _paths(folder: OptML) -> list[Path]:
    names = "hyperparameters input_data_config resource_config checkpoint_config model code output_data success failure"
    found = [getattr(folder, name) for name in f"{names} output_intermediate metrics checkpoints".split()]
    return [
        *found,
        folder.channel("train"),
        folder.pipe("train", 0),
        folder.loaded_model("a"),
        folder.tensorboard(None),
    ]


def test_the_root_is_opt_ml_unless_a_variable_names_another():
    assert OptML.from_environment({}).root == OptML().root == Path("/opt/ml")
    assert OptML.from_environment({"SAGEMAKER_DATA_PATH": "/tmp/job"}).model == Path("/tmp/job/model")


def test_a_path_below_opt_ml_is_one_below_the_root(tmp_path):
    folder = OptML(tmp_path)
    assert folder.inside("/opt/ml/checkpoints/a") == tmp_path / "checkpoints" / "a"
    assert folder.inside("/opt/ml") == tmp_path
    for wrong in ("/opt/ml/../etc", "/opt/ml/a/..", "/opt", "/etc", "model"):
        with pytest.raises(ValueError, match=r"leaves /opt/ml|not in the subpath"):
            folder.inside(wrong)


def test_files_of_tensorboard_lie_below_the_root_wherever_they_belong(tmp_path):
    folder = OptML(tmp_path)
    assert folder.tensorboard("/opt/ml/output/logs") == tmp_path / "output" / "logs"
    assert folder.tensorboard("/home/logs") == tmp_path / "tensorboard"


def test_the_folders_of_a_job_may_exist_already(tmp_path):
    folder = OptML(tmp_path / "job")
    for _ in range(2):
        folder.make_folders()
    assert sorted(path.relative_to(folder.root).as_posix() for path in folder.root.rglob("*")) == [
        "input", "input/config", "input/data", "model", "output", "output/data", "output/metrics", "output/metrics/sagemaker",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["train", "a.b-c_D9", "...", "x" * 64, ".a"])
def test_a_channel_may_have_such_a_name(name):
    assert CHANNEL_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "x" * 65, "a b", "é"])
def test_a_channel_may_not_have_a_name_that_leaves_its_folder(name):
    assert not CHANNEL_NAME.fullmatch(name)
