"""Every public name says what it is, in its docstring or where its documentation belongs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from scripts.undocumented_names import FOLDERS, Module, undocumented

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_name_has_a_docstring():
    found = list(undocumented(ROOT, FOLDERS))
    assert not found, "say shapes, units, errors and source, or make the name private: " + ", ".join(found)


def test_the_docstring_of_operations_says_what_differs_from_aws():
    for path in (ROOT / "local_runner" / "operations").rglob("*.py"):
        module = Module.read(ROOT, path.relative_to(ROOT))
        if module.holds_operations:
            sentences = re.split(r"\.\s+", ast.get_docstring(module.tree))
            assert len(sentences) > 1, f"{module.path}: say after the first sentence what is different from AWS"


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_says_its_command(path):
    text = path.read_text()
    command = "python -m benchmarks" if path.stem == "__main__" else f"python -m benchmarks.{path.stem}"
    assert "__main__" not in text or command in ast.get_docstring(ast.parse(text)), f"{path.name}: name `{command}`"


def found_in(root: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(undocumented(root, sorted({name.partition("/")[0] for name in files})))


def test_modules_classes_functions_and_methods_count_unless_private(tmp_path):
    text = """
class Shown:
    def method(self): ...
    def _hidden(self): ...

class Said:
    'Something.'
    def method(self): 'Something.'

class _Hidden:
    def method(self): ...

def function(): ...
def _hidden(): ...
"""
    names = ["the module", "Shown", "Shown.method", "function"]
    assert found_in(tmp_path, {"containers/a.py": text}) == [f"containers/a.py: {name}" for name in names]


BASE = """'A base.'
class Base:
    'A base.'
    def said(self): 'Something.'
    def unsaid(self): ...
"""


@pytest.mark.parametrize(
    ("line", "base"),
    [("from wildsage.algorithms.base import kinds", "kinds.Base"), ("from wildsage.algorithms.base.kinds import Base as B", "B")],
)  # fmt: skip
def test_a_method_that_a_base_class_documents_does_not_count(tmp_path, line, base):
    text = f"""'Says something.'
{line}
class One({base}):
    'One.'
    def said(self): ...

class Two(One):
    'Two.'
    def said(self): ...
    def unsaid(self): ...
"""
    found = found_in(tmp_path, {"algorithms/base/kinds.py": BASE, "algorithms/one/model.py": text})
    assert found == ["algorithms/base/kinds.py: Base.unsaid", "algorithms/one/model.py: Two.unsaid"]


def test_a_method_of_a_protocol_does_not_count_where_the_whole_protocol_is_met(tmp_path):
    text = """'Says something.'
from typing import Protocol

class Shape(Protocol):
    'A shape.'
    @property
    def name(self): 'Its name.'
    def area(self): 'In square metres.'

class Square:
    'Meets it.'
    name: str
    def area(self): ...

class Point:
    'Has no name.'
    def area(self): ...
"""
    assert found_in(tmp_path, {"containers/a.py": text}) == ["containers/a.py: Point.area"]


def test_operations_are_documented_by_aws(tmp_path):
    files = {
        "local_runner/operations/jobs.py": "'Jobs.'\nSERVICE = 'sagemaker'\ndef create_job(context, request): ...",
        "local_runner/operations/resources.py": "'Shared.'\ndef find(name): ...",
    }
    assert found_in(tmp_path, files) == ["local_runner/operations/resources.py: find"]
