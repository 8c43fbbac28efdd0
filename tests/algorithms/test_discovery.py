"""A folder is an algorithm; one whose libraries are missing says which extra brings them, and disturbs no other."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from wildsage import algorithms
from wildsage.algorithms.base.errors import MissingPackage, UserError
from wildsage.algorithms.base.program import Program

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_FAISS = """
import sys
sys.modules["faiss"] = None
from wildsage import algorithms
print([kind.spec.image for kind in algorithms.available()])
algorithms.find("knn")
"""


def test_a_missing_library_is_named_with_the_extra_that_brings_it():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FAISS], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "'kmeans'" in done.stdout
    assert "'knn'" not in done.stdout
    needed = "Algorithm knn needs the package faiss, which is not installed here: pip install 'wildsage[knn]'."
    assert needed in done.stderr


def test_an_unknown_name_has_a_nearest_one():
    with pytest.raises(UserError, match=r"Algorithm .kmean. is not known here\. Did you mean kmeans\?"):
        algorithms.find("kmean")


def test_an_algorithm_with_its_own_program_is_not_found_on_the_toolkit():
    with pytest.raises(
        UserError, match=r"'xgboost' brings its own program, expected one that .*: factorization_machines,"
    ):
        algorithms.find("xgboost")


def test_an_algorithm_that_declares_its_hyperparameters_itself_has_no_module_of_them(tmp_path, monkeypatch):
    folder = tmp_path / "made_here"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "spec.py").write_text((ROOT / "algorithms" / "pca" / "spec.py").read_text())
    monkeypatch.setattr(algorithms, "__path__", [*algorithms.__path__, str(tmp_path)])
    monkeypatch.setattr(algorithms, "names", lambda: ["made_here"])
    try:
        assert algorithms.hyperparameters_of("made-here") is None
    finally:
        for name in [name for name in sys.modules if name.startswith("wildsage.algorithms.made_here")]:
            del sys.modules[name]


def test_hyperparameters_of_a_program_are_its_own():
    with pytest.raises(UserError, match="'xgboost' brings its own program"):
        algorithms.hyperparameters_of("xgboost")


def test_a_program_is_recognised_by_its_model_files(tmp_path):
    assert algorithms.program_in(tmp_path) is None
    (tmp_path / "xgboost-model-0").write_bytes(b"")
    assert algorithms.program_in(tmp_path) == "xgboost"


ON_THE_TOOLKIT = ["factorization_machines", "image_classification", "kmeans", "knn", "linear_learner", "pca"]


def test_every_folder_but_the_base_is_an_algorithm():
    assert algorithms.names() == sorted([*ON_THE_TOOLKIT, "blazingtext", "xgboost"])
    assert algorithms.on_the_toolkit() == ON_THE_TOOLKIT


@pytest.mark.parametrize("name", ["linear_learner", "linear-learner"])
def test_a_name_may_be_spelled_as_the_folder_or_as_the_image(name):
    assert algorithms.spec(name).image == "linear-learner"
    assert algorithms.find(name).spec is algorithms.spec(name)
    assert issubclass(algorithms.find(name), algorithms.hyperparameters_of(name))


def test_an_unknown_name_without_a_near_one_has_all_of_them():
    with pytest.raises(UserError) as raised:
        algorithms.spec("zzz")
    assert str(raised.value) == f"Algorithm 'zzz' is not known here. Known: {', '.join(algorithms.names())}."


def test_a_summary_is_the_first_line_on_an_algorithm():
    assert algorithms.summary("pca") == importlib.import_module("wildsage.algorithms.pca").__doc__.splitlines()[0]


def test_an_algorithm_whose_package_is_missing_is_left_out_and_its_program_is_not_loaded(monkeypatch):
    assert algorithms.unavailable() == [] and len(algorithms.available()) == len(ON_THE_TOOLKIT)
    for package in ("faiss", "xgboost"):
        monkeypatch.setitem(sys.modules, package, None)
    assert algorithms.unavailable() == ["knn", "xgboost"]
    assert [kind.spec.image for kind in algorithms.available()] == [
        "factorization-machines", "image-classification", "kmeans", "linear-learner", "pca",
    ]  # fmt: skip
    for call, name in (
        (algorithms.find, "knn"),
        (algorithms.hyperparameters_of, "knn"),
        (algorithms.program, "xgboost"),
    ):
        with pytest.raises(MissingPackage, match=f"Algorithm {name} needs the package"):
            call(name)


def test_a_program_belongs_to_its_folder():
    assert isinstance(algorithms.program("blazingtext"), Program)
    assert algorithms.spec("blazingtext").program and not algorithms.spec("kmeans").program


def test_model_files_are_recognised_by_any_of_their_patterns(tmp_path):
    (tmp_path / "cooking.ftz").write_bytes(b"")
    assert algorithms.program_in(tmp_path) == "blazingtext"
    (tmp_path / "cooking.ftz").rename(tmp_path / "model_algo-1")  # a model of the toolkit
    assert algorithms.program_in(tmp_path) is None
