"""Frameworks by their images, and the Pythons that are named for them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from wildsage.containers.contract import frameworks


def test_the_variable_names_pythons_with_a_space_between_two():
    given = {"WILDSAGE_PYTHON": f"tensorflow={sys.executable} huggingface-pytorch={sys.executable}"}
    python = Path(sys.executable)
    assert frameworks.pythons_of(given) == {"tensorflow": python, "huggingface-pytorch": python}
    assert frameworks.pythons_of({}) == {}
    with pytest.raises(ValueError, match=r"^/none is not a program; expected a Python that has pytorch"):
        frameworks.pythons_of({"WILDSAGE_PYTHON": "pytorch=/none"})


@pytest.mark.parametrize(
    ("tag", "version"),
    [("2.5-cpu-py311", "2.5"), ("1.2-1-cpu-py3", "1.2-1"), ("1.12.0-cpu-py3", "1.12.0"), ("latest", "")],
)
def test_a_tag_asks_for_a_version(tag, version):
    assert frameworks.version_of(tag) == version


def test_an_algorithms_image_is_a_frameworks_only_where_it_is_given_a_script(tmp_path):
    of_image = {"WILDSAGE_ALGORITHM": "xgboost", "SAGEMAKER_DATA_PATH": str(tmp_path)}
    assert frameworks.of_container(of_image) is None
    assert frameworks.of_container({**of_image, "SAGEMAKER_PROGRAM": "own.py"}).name == "xgboost"
    assert frameworks.of_container({"WILDSAGE_ALGORITHM": "kmeans", "SAGEMAKER_PROGRAM": "own.py"}) is None
    assert frameworks.of_container({"WILDSAGE_FRAMEWORK": "pytorch"}).name == "pytorch"


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


TOY = frameworks.Framework("toy", "Toy", ("toy",), {"json": "json", "no_toy": "s3fs"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("echo '[[3, 11], []]'", None),
        ("echo '[[4, 0], []]'", None),
        ("echo '[[3, 10], []]'", "which is Python 3.10; expected 3.11 or later"),
        (
            "echo '[[3, 11], [\"no_toy\"]]'",
            "where the package no_toy is not installed: {program} -m pip install s3fs",
        ),
        ("echo '[[3, 11], []]'; exit 1", "which is not a Python that starts"),
        ("echo hello", "which is not a Python that starts"),
    ],
)
def test_another_python_is_asked_what_it_is_and_has(tmp_path, text, problem):
    python = program(tmp_path / "python", text)
    found = TOY.problem_with(python)
    assert (found is None) if problem is None else (problem.format(program=python) in found and str(python) in found)


def test_this_python_is_one_that_lacks_a_package():
    assert "which is not a Python that starts" in TOY.problem_with(Path("/none"))
    assert TOY.problem_with(Path(sys.executable)).endswith("-m pip install s3fs")
    assert "the package no_toy is not installed: pip install s3fs. " in TOY.problem
    assert replace(TOY, packages={"json": "json"}).problem is None


def test_an_obstacle_is_said_whatever_is_installed():
    closed = replace(TOY, packages={"json": "json"}, obstacle="nobody has it")
    assert closed.problem == closed.problem_with(Path(sys.executable)) == "nobody has it"


@pytest.mark.parametrize("name", ["folder", "text", "missing"])
def test_what_cannot_be_run_is_not_a_python(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("")
    (tmp_path / "text").chmod(0o644)
    with pytest.raises(ValueError, match=f"{name} is not a program; expected a Python that has pytorch"):
        frameworks.parse_python(f"pytorch={tmp_path / name}")


@pytest.mark.parametrize("text", ["", "pytorch", "toy=/bin/sh", "=/bin/sh"])
def test_the_name_of_a_framework_stands_before_its_python(text):
    with pytest.raises(ValueError, match=r"expected FRAMEWORK=PATH|is not a program"):
        frameworks.parse_python(text)
