"""One word means one thing: a class name stands once in the whole project, apart from the names that others have chosen."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("algorithms", "containers", "local_runner")

STAND_TWICE = ("FactorizationMachines", "KMeans", "KNN", "LinearLearner", "PCA")
"""The SageMaker SDK gives its estimators these names, and an algorithm's own class is named after its folder."""


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def classes() -> dict[str, list[str]]:
    """The places of each class by name: `path:line`, nested classes included."""
    places = defaultdict(list)
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    return places


def test_a_class_name_stands_once():
    twice = {name: places for name, places in classes().items() if len(places) > 1}
    assert twice.keys() <= set(STAND_TWICE), f"rename one of {twice}"


def test_every_exception_is_still_one():
    found = classes()
    for name in STAND_TWICE:
        folders = sorted(place.partition("/")[0] for place in found[name])
        assert folders == ["algorithms", "local_runner"], f"{name} does not stand twice any more"


def test_constructors_say_what_they_take():
    """A class method `of` says nothing: `from_rows`, `from_arrays`, `parse` do."""
    for path in sources():
        assert "def of(" not in path.read_text(), f"{path.relative_to(ROOT)} names a constructor `of`"


def test_what_is_not_accepted_is_rejected():
    """AWS says "rejected" too. Only a connection is refused."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *sources()]:
        for line in path.read_text().splitlines():
            assert "refus" not in line.lower() or "onnection" in line, f"{path.relative_to(ROOT)}: {line.strip()}"
