"""A folder is an algorithm; one whose libraries are missing says which extra brings them, and disturbs no other."""

import subprocess
import sys
from pathlib import Path

import pytest

from wildsage import algorithms
from wildsage.algorithms.base.errors import UserError

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
