"""What the local AWS knows of the algorithms, without importing any."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wildsage import algorithms
from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.images import catalogue


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in place of that of the algorithms, and a cache that knows nothing."""

    class Package:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(catalogue.importlib.util, "find_spec", lambda name: Package)
    catalogue._described.cache_clear()
    yield tmp_path
    catalogue._described.cache_clear()


def test_every_folder_is_known_by_its_name_and_its_repository():
    assert [one.name.replace("-", "_") for one in catalogue.algorithms()] == algorithms.names()
    found = catalogue.in_repository("factorization-machines")
    assert found is not None and found is catalogue.named("factorization_machines") and found.label_size == 1
    assert catalogue.named("kmean") is catalogue.named(None) is catalogue.in_repository("") is None


def test_nothing_is_imported_by_asking():
    script = "import sys; from wildsage.local_runner.images import catalogue as c; print(c.algorithms(), 'torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True).stdout
    assert "'kmeans'" in found and found.strip().endswith("False")


def test_the_container_is_asked_once_until_a_folder_says_something_else(folder, monkeypatch):
    asked = []

    def answer(*arguments, **options):
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, "[]", "")

    monkeypatch.setattr(catalogue.subprocess, "run", answer)
    for expected in (1, 1):
        assert catalogue.algorithms() == () and len(asked) == expected
    (folder / "toy").mkdir()
    (folder / "toy" / "spec.py").write_text("SPEC = None")
    assert catalogue.algorithms() == catalogue.algorithms() == () and len(asked) == 2
    (folder / "toy" / "spec.py").write_text("SPEC = 12345")
    assert catalogue.algorithms() == () and len(asked) == 3


def test_a_container_that_cannot_answer_is_quoted(folder, monkeypatch):
    monkeypatch.setattr(
        catalogue.python, "command", lambda *_: (sys.executable, "-c", "import sys; sys.exit('no such door')")
    )
    with pytest.raises(PlatformError, match=r"Listing the installed algorithms failed: no such door$"):
        catalogue.algorithms()
