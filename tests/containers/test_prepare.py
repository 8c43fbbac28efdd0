"""What an image does as it is built."""

from __future__ import annotations

import runpy

import pytest

from wildsage import algorithms
from wildsage.containers import prepare as module
from wildsage.containers.prepare import prepare


@pytest.fixture
def prepared(monkeypatch) -> list[str]:
    """The algorithms that were told to prepare."""
    names: list[str] = []

    class Program:
        def __init__(self, name: str) -> None:
            self._name = name

        def prepare(self) -> None:
            names.append(self._name)

    monkeypatch.setattr(algorithms, "program", Program)
    return names


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("kmeans", []),
        ("xgboost", ["xgboost"]),
        ("blazingtext", ["blazingtext"]),
        ("runner", ["blazingtext", "xgboost"]),
        ("", []),
    ],
)
def test_an_image_prepares_its_algorithm_and_the_local_aws_all(prepared, image, expected):
    prepare({"WILDSAGE_ALGORITHM": image})
    assert prepared == expected


def test_an_image_that_names_no_algorithm_prepares_none(prepared):
    prepare({})
    assert prepared == []


def test_the_image_that_is_built_is_that_of_the_variable(prepared, monkeypatch):
    monkeypatch.setenv("WILDSAGE_ALGORITHM", "xgboost")
    runpy.run_path(module.__file__, run_name="__main__")
    assert prepared == ["xgboost"]
