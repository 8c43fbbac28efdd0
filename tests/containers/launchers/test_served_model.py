"""`serve --model`."""

import os

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import archive
from wildsage.containers.contract.paths import OptML
from wildsage.containers.launchers import served_model


@pytest.fixture
def packed(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "model_algo-1").write_text("weights")
    archive.pack(tmp_path / "files", tmp_path / "model.tar.gz")
    return tmp_path / "model.tar.gz"


def test_a_server_finds_the_model_where_sagemaker_puts_it(packed, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", "/nowhere")
    with served_model.provided(["--model", str(packed)]):
        folder = OptML.from_environment(os.environ).model
        assert (folder / "model_algo-1").read_text() == "weights"
        assert folder.parent.stat().st_mode & 0o005 == 0o005, "workers run as another user"
    assert not folder.exists()


def test_without_the_option_nothing_is_prepared(monkeypatch):
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", "/nowhere")
    with served_model.provided([]):
        assert os.environ["SAGEMAKER_DATA_PATH"] == "/nowhere"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--hp", "k=1"], "unrecognized arguments: --hp k=1. usage: python -m wildsage.containers serve"),
        (["--model", "/nowhere/m.tar.gz"], "does not exist"),
    ],
)
def test_what_does_not_fit_is_said(arguments, text):
    with pytest.raises(UserError, match=text), served_model.provided(arguments):
        pass


def test_a_folder_of_several_files_is_not_a_model(packed):
    with (
        pytest.raises(UserError, match=r"2 files, expected one, such as model.tar.gz"),
        served_model.provided(["--model", str(packed.parent)]),
    ):
        pass
