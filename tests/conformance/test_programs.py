"""Algorithms that bring their own program: what containers ask of them, and what their pages must say."""

import json
import re
from pathlib import Path

import pytest

from wildsage import algorithms
from wildsage.algorithms.base.errors import MissingPackage, UserError
from wildsage.containers import programs
from wildsage.containers.__main__ import main
from wildsage.containers.model_files.reader import read_model

FOLDER = Path(algorithms.__file__).parent
PROGRAMS = [name for name in algorithms.names() if algorithms.spec(name).program]


@pytest.fixture(params=PROGRAMS)
def name(request):
    try:
        algorithms.require_packages(request.param)
    except MissingPackage as missing:
        pytest.skip(str(missing))
    return request.param


def test_the_page_shows_hyperparameters_and_content_types(name):
    page = (FOLDER / name / "README.md").read_text()
    assert algorithms.program(name).table() in page
    for content_type in algorithms.spec(name).content_types:
        assert f"`{content_type}`" in page, content_type


def model_file(name):
    """The name of a file by which the algorithm's models are recognised."""
    return algorithms.spec(name).model_files[0].replace("*", "")


def test_it_is_recognised_by_each_of_its_model_files(name, tmp_path):
    assert algorithms.program_in(tmp_path) is None
    for pattern in algorithms.spec(name).model_files:
        file = tmp_path / pattern.replace("*", "0")
        file.write_bytes(b"")
        assert algorithms.program_in(tmp_path) == name
        file.unlink()


def same_model_files(patterns):
    """The programs that have a pattern of another; `patterns` by name."""
    everybodys = [pattern for own in patterns.values() for pattern in own]
    return sorted(name for name, own in patterns.items() if any(everybodys.count(pattern) > 1 for pattern in own))


def test_its_model_files_are_its_own():
    patterns = {name: algorithms.spec(name).model_files for name in PROGRAMS}
    assert all(patterns.values()), "Spec.model_files are the patterns by which an artifact is recognised"
    assert not same_model_files(patterns), "two programs recognise the same model files"


def test_two_programs_with_the_same_model_files_are_rejected():
    assert same_model_files({"one": ("model*",), "other": ("*.bin", "model*"), "third": ("third*",)}) == [
        "one",
        "other",
    ]


def test_who_asks_for_arrays_learns_how_to_load_the_model(name, tmp_path):
    (tmp_path / model_file(name)).write_bytes(b"")
    assert algorithms.spec(name).model_note
    with pytest.raises(UserError, match=re.escape(algorithms.spec(name).model_note)):
        read_model(tmp_path)


def test_it_says_which_hyperparameters_it_does_not_take(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WILDSAGE_ALGORITHM", name)
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", str(tmp_path))
    assert main(["check", "there_is_none_of_that_name=1"]) == 1
    assert "there_is_none_of_that_name" in capsys.readouterr().out


def test_files_that_are_not_a_model_are_rejected(name, tmp_path):
    (tmp_path / model_file(name)).write_bytes(b"not a model")
    with pytest.raises(UserError, match="model"):
        programs.load(name, tmp_path, {})


@pytest.mark.parametrize("port", ["many", "70000"])
def test_a_port_that_cannot_be_is_named(name, port, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WILDSAGE_ALGORITHM", name)
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", str(tmp_path))
    monkeypatch.setenv("MASTER_PORT", port)
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text("{}")
    hosts = {"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]}
    (config / "resourceconfig.json").write_text(json.dumps(hosts))
    assert main(["train"]) == 1
    assert (
        f"MASTER_PORT: got '{port}', expected a whole number from 0 to 65535"
        in (tmp_path / "output" / "failure").read_text()
    )
    assert "Traceback" not in capsys.readouterr().err


def test_a_job_that_fails_leaves_its_reason(name, monkeypatch, tmp_path):
    monkeypatch.setenv("WILDSAGE_ALGORITHM", name)
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", str(tmp_path))
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text("{}")
    assert main(["train"]) == 1
    assert (tmp_path / "output" / "failure").read_text().startswith("ClientError: ")
