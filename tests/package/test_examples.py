"""The examples of all docstrings run, and what a user imports has one.

Those of `wildsage.local_runner.estimators` need SDK v3 and a local AWS: tests/clients/sdk3 runs them.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest

import wildsage
from wildsage import algorithms
from wildsage.algorithms.base.errors import MissingPackage

ROOT = Path(__file__).parents[2]
ESTIMATORS = "local_runner/estimators/"
OURS = ("UserError",)
"""Names that neither SageMaker nor its SDK has."""

PACKAGES = ("algorithms", "containers", "local_runner")
SOURCES = {path.relative_to(ROOT).as_posix(): path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))}
WITH_EXAMPLES = [
    name for name, path in SOURCES.items() if ">>>" in path.read_text() and not name.startswith(ESTIMATORS)
]


def imported(name: str) -> object:
    """The module of a file. Skips where it needs a package that is not installed."""
    try:
        return importlib.import_module(f"wildsage.{name.removesuffix('.py').replace('/', '.')}")
    except (MissingPackage, ModuleNotFoundError) as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(imported(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.attempted and not outcome.failed


def docstring_of(module: str, name: str) -> str:
    """The docstring of a class or function, read from the source: it may need packages that are not installed."""
    path = SOURCES[f"{module.removeprefix('wildsage.').replace('.', '/')}.py"]
    (node,) = (node for node in ast.parse(path.read_text()).body if getattr(node, "name", None) == name)
    return ast.get_docstring(node) or ""


def sources_of_public_names() -> dict[str, str]:
    """The module that defines each name of `wildsage.__all__`, followed through the imports of packages."""
    found = {}
    for path in (ROOT / "wildsage" / "__init__.py", ROOT / ESTIMATORS / "__init__.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                found |= {alias.name: node.module for alias in node.names if alias.name in wildsage.__all__}
    return found


@pytest.mark.parametrize(("name", "module"), sorted(sources_of_public_names().items()))
def test_every_public_name_has_an_example_and_says_where_it_comes_from(name, module):
    text = docstring_of(module, name)
    assert ">>> from wildsage import " in text, f"wildsage.{name} has no example that begins with its import"
    assert re.search(r"Source:|\[contract: ", text) or name in OURS, f"wildsage.{name}: say `Source:` or [contract: …]"
    assert "Raises " in text or not name.islower(), f"wildsage.{name}: say what it raises"


def test_all_public_names_are_looked_at():
    assert sources_of_public_names().keys() | {"__version__"} == set(wildsage.__all__)


@pytest.mark.parametrize("name", algorithms.names())
def test_the_class_of_every_algorithm_has_an_example(name):
    module = ast.parse(SOURCES[f"algorithms/{name}/algorithm.py"].read_text())
    documented = [ast.get_docstring(node) or "" for node in module.body if isinstance(node, ast.ClassDef)]
    assert any(">>>" in text for text in documented), f"algorithms/{name}/algorithm.py: its class has no example"
