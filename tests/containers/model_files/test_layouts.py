"""Layouts by name, the file of a model, and whose model a file can be."""

from __future__ import annotations

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers import model_files
from wildsage.containers.model_files import model_file, ndarrays, only_one


def test_a_layout_is_the_module_of_its_name():
    assert model_files.find("ndarrays") is ndarrays


def test_the_first_file_by_name_is_the_models_and_no_folder_is(tmp_path):
    assert model_file(tmp_path) is None and model_file(tmp_path / "missing") is None
    (tmp_path / "model_algo-0").mkdir()
    (tmp_path / "state_1").touch()
    assert model_file(tmp_path) is None
    for name in ("model_algo-2", "model_algo-1"):
        (tmp_path / name).touch()
        assert model_file(tmp_path) == tmp_path / name


def test_one_algorithm_whose_model_a_file_can_be_is_that_one():
    assert only_one(["pca"], ["kmeans", "pca"], "x holds s") == "pca"
    assert only_one({"pca": 1}, {"pca": 1}, "x holds s") == "pca"


@pytest.mark.parametrize(("expected", "advice"), [((), "."), (("a list",), "; expected a list.")])
def test_no_algorithm_is_an_error_that_says_what_is_held_and_expected(expected, advice):
    with pytest.raises(UserError) as caught:
        only_one([], ["kmeans", "pca"], "x holds s", *expected)
    assert str(caught.value) == f"x holds s, which is not a model of kmeans or pca{advice}"


def test_of_several_the_name_has_to_be_said():
    with pytest.raises(
        UserError, match=r"x holds s, which may be a model of a or b\. Say of which: `wildsage serve --alg"
    ):
        only_one(["a", "b"], ["a", "b", "c"], "x holds s")
