"""What of a lock an image gets, and that it is all that the code imports."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from wildsage import algorithms

ROOT = Path(__file__).parents[3]
IMAGE = ROOT / "containers" / "docker"
OURS = {"wildsage"}


@pytest.fixture(scope="module")
def pick():
    spec = importlib.util.spec_from_file_location("pick", IMAGE / "pick.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCK = """\
alone==1.0 \\
    --hash=sha256:00
    # via wildsage (pyproject.toml)
deep==2.0 \\
    --hash=sha256:01
    # via middle
middle==3.0 \\
    --hash=sha256:02 \\
    --hash=sha256:03
    # via
    #   alone
    #   top
top==4.0 \\
    --hash=sha256:04
    # via -r containers/docker/packages.txt
"""


def test_what_is_wanted_comes_with_what_it_needs(pick):
    assert [entry.split("==")[0] for entry in pick.picked(LOCK, {"top"})] == ["deep", "middle", "top"]
    assert pick.picked(LOCK, {"middle"})[1].count("sha256") == 2


def test_packages_that_others_need_too_leave_what_is_picked_as_it_is(pick):
    assert pick.picked(LOCK.replace("#   top", "#   top\n    #   other"), {"top"}) == pick.picked(LOCK, {"top"})


def test_a_package_that_is_not_locked_is_named(pick):
    with pytest.raises(SystemExit, match=r"no other: regenerate it with scripts/lock"):
        pick.picked(LOCK, {"other", "top"})


@pytest.mark.parametrize(("name", "spelled"), [("Faiss_CPU", "faiss-cpu"), ("a._-b", "a-b"), ("kmeans", "kmeans")])
def test_a_name_is_spelled_in_one_way(pick, name, spelled):
    assert pick.spelled(name) == spelled


PROJECT = {"optional-dependencies": {"two-words": ["Top[extra]>=4; python_version > '3'", "alone"], "test": ["deep"]}}


def test_an_algorithm_asks_for_the_packages_of_the_extra_of_its_name(pick):
    assert pick.own(PROJECT, "two_words") == {"top", "alone"}
    assert pick.own(PROJECT, "kmeans") == pick.own({}, "two_words") == set()


def test_an_image_needs_beyond_what_all_have_its_own_or_the_rest_of_the_lock(pick, monkeypatch):
    monkeypatch.setattr(pick, "shared", lambda: {"alone"})

    def found(image: str) -> list[str]:
        return [entry.split("==")[0] for entry in pick.beyond_shared(LOCK, PROJECT, image)]

    assert [entry.split("==")[0] for entry in pick.picked(LOCK, {"alone"})] == ["alone", "deep", "middle"]
    assert found("two_words") == ["top"] == found("runner") and found("kmeans") == []


def test_lines_of_the_list_may_be_empty_or_comments(pick, tmp_path, monkeypatch):
    (tmp_path / "packages.txt").write_text("# all\n\nTop\nalone\n")
    monkeypatch.setattr(pick, "COMMON", tmp_path / "packages.txt")
    assert pick.shared() == {"top", "alone"}


def test_entries_are_printed_as_the_lock_has_them_without_its_notes(pick, tmp_path, monkeypatch, capsys):
    (tmp_path / "lock").write_text(LOCK)
    monkeypatch.setattr(pick, "shared", lambda: {"alone"})
    pick.main(tmp_path / "lock")
    assert capsys.readouterr().out == "".join(pick.picked(LOCK, {"alone"}))
    assert pick.picked(LOCK, {"deep"}) == ["deep==2.0 \\\n    --hash=sha256:01\n"]
    (tmp_path / "pyproject.toml").write_text('[project]\n[project.optional-dependencies]\ntwo-words = ["top"]\n')
    pick.main(tmp_path / "lock", tmp_path / "pyproject.toml", "two-words")
    assert capsys.readouterr().out == "top==4.0 \\\n    --hash=sha256:04\n"


def names(lock: str) -> set[str]:
    return {line.partition("==")[0] for line in lock.splitlines() if "==" in line}


def picked(target: str, *algorithm: str) -> str:
    pyproject = [ROOT / "pyproject.toml", *algorithm] if algorithm else []
    command = [sys.executable, IMAGE / "pick.py", IMAGE / f"{target}.lock", *pyproject]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("--hash=sha256:") >= len(names(found.stdout))
    return found.stdout


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_what_all_images_share_is_in_both_locks(target):
    found = names(picked(target))
    assert {"torch", "numpy", "sympy", "boto3"} <= found and not {"optuna", "typer", "faiss-cpu"} & found


@pytest.mark.parametrize("target", ["cpu", "cuda"])
@pytest.mark.parametrize("algorithm", algorithms.names())
def test_an_image_adds_the_extra_of_its_algorithms_name(target, algorithm):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = names(picked(target, algorithm))
    assert bool(found) == (algorithm.replace("_", "-") in extras)
    assert not found & names(picked(target))


def test_the_runner_adds_the_rest_of_the_lock():
    whole = names((IMAGE / "cpu.lock").read_text())
    assert names(picked("cpu", "runner")) == whole - names(picked("cpu"))


def imported(folder: Path) -> set[str]:
    """Top-level names that the modules below a folder import.

    A layout is only imported for a model that has it, and `compiled` only by algorithms whose extra has numba. Scripts for a framework's image run in the user's own Python, never in
    an image of ours.
    """
    paths = [
        path for path in folder.rglob("*.py") if not {"model_files", "frameworks", "compiled.py"} & set(path.parts)
    ]
    trees = [ast.parse(path.read_text()) for path in paths]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in plain | {n.module for n in nodes if isinstance(n, ast.ImportFrom)}}


def test_images_have_what_the_code_imports(pick):
    listed = pick.shared()
    packages = importlib.metadata.packages_distributions()
    for folder in ("containers", "algorithms/base", "algorithms/kmeans"):
        for name in imported(ROOT / folder) - OURS - sys.stdlib_module_names - {"backports"}:
            assert {pick.spelled(package) for package in packages[name]} & listed, f"{folder} imports {name}"
