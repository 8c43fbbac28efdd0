"""Frameworks by their images, and the Pythons that are named for them."""

import sys
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
