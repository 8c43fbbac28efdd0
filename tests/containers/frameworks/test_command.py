"""What an entry point is, and the command line that runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks.command import EntryPoint, command, entry_point

PYTHON = Path("/usr/bin/python3")
MEETING = {"MASTER_ADDR": "algo-1", "MASTER_PORT": "7777"}


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for name in ("train.py", "run.sh", "program", "deep/er/train.py", "_a+b-c.1.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        ("train.py", EntryPoint.PROGRAM),
        ("deep/er/train.py", EntryPoint.PROGRAM),
        ("_a+b-c.1.py", EntryPoint.PROGRAM),
        ("run.sh", EntryPoint.SHELL),
        ("program", EntryPoint.SHELL),
    ],
)
def test_the_name_says_what_an_entry_point_is(code, program, kind):
    assert entry_point(program, code) is kind


def test_code_with_a_setup_is_a_package_but_for_shell_scripts(code):
    (code / "setup.py").touch()
    assert entry_point("train.py", code) is EntryPoint.PACKAGE
    assert entry_point("not.there", code) is EntryPoint.PACKAGE, "installing it may bring it"
    assert entry_point("run.sh", code) is EntryPoint.SHELL


def test_a_folder_that_is_called_setup_is_not_a_setup(code):
    (code / "setup.py").mkdir()
    assert entry_point("train.py", code) is EntryPoint.PROGRAM


@pytest.mark.parametrize(
    "program",
    [
        "",
        ".",
        "../train.py",
        "deep/../train.py",
        "deep/./er",
        "/train.py",
        "deep//er",
        "train.py/",
        "-c",
        "a b.py",
        "a;b.py",
    ],
)
def test_a_name_that_a_shell_or_a_folder_could_misread_is_rejected(code, program):
    with pytest.raises(UserError, match=r"cannot be used. Expected the path of a script in the folder of the code"):
        entry_point(program, code)


def test_an_entry_point_that_is_not_there_is_named_with_what_is(tmp_path):
    with pytest.raises(UserError, match=r"^The entry point train\.py is not in the code, which holds nothing\.$"):
        entry_point("train.py", tmp_path)
    names = [f"{number:02}.py" for number in range(21)]
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UserError) as caught:
        entry_point("train.py", tmp_path)
    assert str(caught.value).endswith(f"holds {', '.join(names[:20])}.")
    (tmp_path / "train.py").mkdir()
    with pytest.raises(UserError):
        entry_point("train.py", tmp_path)


def test_programs_and_packages_are_run_by_the_python_of_the_job(script_job):
    job = script_job(sagemaker_program="deep/train.py", epochs=5)
    assert command(job, EntryPoint.PROGRAM, PYTHON, {}) == [str(PYTHON), "deep/train.py", "--epochs", "5"]
    assert command(job, EntryPoint.PACKAGE, PYTHON, {}) == [str(PYTHON), "-m", "deep.train", "--epochs", "5"]


def test_a_shell_script_is_made_executable_and_gets_its_words_unchanged(script_job):
    job = script_job(sagemaker_program="run.sh", text="two words; exit 3")
    script = job.opt_ml.code / "run.sh"
    script.parent.mkdir(exist_ok=True)
    script.write_text('#!/bin/sh\necho "$0|$1|$2"\n')
    line = command(job, EntryPoint.SHELL, PYTHON, {})
    assert line[:2] == ["/bin/sh", "-c"]
    assert script.stat().st_mode & 0o777 == 0o777
    said = subprocess.run(line, cwd=job.opt_ml.code, capture_output=True, text=True, check=True).stdout
    assert said == "./run.sh|--text|two words; exit 3\n"


def test_a_distribution_starts_python_programs_and_nothing_else(script_job):
    job = script_job(sagemaker_program="train.py", sagemaker_torch_distributed_enabled=True, epochs=5)
    line = command(job, EntryPoint.PROGRAM, PYTHON, MEETING)
    assert line[:3] == [str(PYTHON), "-m", "torch.distributed.run"] and line[-3:] == ["train.py", "--epochs", "5"]
    for kind in (EntryPoint.SHELL, EntryPoint.PACKAGE):
        with pytest.raises(UserError, match=r"^The distribution runs a Python script, not train\.py\.$"):
            command(job, kind, PYTHON, MEETING)
