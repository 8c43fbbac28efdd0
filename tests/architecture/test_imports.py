"""local_runner → containers → algorithms.<name> → algorithms.base: never back, never from one algorithm to another."""

import ast
from collections.abc import Collection
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("algorithms", "containers", "local_runner")
RUNNER_MAY_IMPORT = (
    "local_runner",
    "containers.contract",
    "containers.check",
    "containers.codecs.records.recordio",
    "containers.codecs.records.files",
    "containers.launchers.pipes",
    "containers.codecs.records.message",
    "containers.codecs.images",
    "containers.codecs.rows",
    "containers.codecs.mxnet.ndarray",
)


def imported(path: Path) -> set[str]:
    """Modules of the project that a file names in its imports, without the namespace."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    assert not {name for name in names if name.split(".")[0] in OURS}, f"{path}: an import without `wildsage.`"
    return {name.removeprefix("wildsage.") for name in names if name.startswith("wildsage.")}


def allowed(path: Path) -> tuple[str, ...]:
    match path.parts:
        case ["algorithms", "base", *_]:
            return ("algorithms.base",)
        case ["algorithms", name, _, *_]:
            return ("algorithms.base", f"algorithms.{name}")
        case ["algorithms", *_]:
            return ("algorithms",)
        case ["containers", *_]:
            return ("algorithms", "containers")
        case _:
            return (
                *RUNNER_MAY_IMPORT,
                *(f"algorithms.base.{name}" for name in ("errors", "imports", "other_formats", "ports")),
            )


def lies_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


SOURCES = [path.relative_to(ROOT) for package in OURS for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_a_module_imports_only_downwards(path):
    for name in imported(ROOT / path):
        assert lies_in(name, allowed(path)), f"{path} imports {name} against the direction of imports"


def modules() -> dict[str, Path]:
    """All modules of the project by name, without the namespace."""
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): ROOT / path for path in SOURCES}


def module_of(name: str, known: Collection[str]) -> str:
    """The module that an imported name belongs to."""
    while name not in known:
        name = name.rpartition(".")[0]
    return name


def test_no_imports_run_in_a_circle():
    """Imports for type checking and imports inside functions count too: they hide a circle, but do not remove it."""
    paths = modules()
    graph = {module: {module_of(name, paths) for name in imported(path)} - {module} for module, path in paths.items()}
    assert len(tuple(TopologicalSorter(graph).static_order())) == len(
        SOURCES
    )  # CycleError names the modules of a circle


def test_a_name_that_only_begins_alike_lies_elsewhere():
    assert lies_in("algorithms.pca.steps", ("algorithms.pca",))
    assert lies_in("algorithms", ("algorithms",))
    assert not lies_in("algorithms.pca_of_others", ("algorithms.pca",))
    assert not lies_in("algorithms.base_of_others", ("algorithms.base",))


def test_there_is_something_to_check():
    assert len(SOURCES) > 30


@pytest.mark.parametrize(
    "word", ["import pickle", "pickle.", "eval(", "exec(", "os.system", "shell=True", "verify=False"]
)
def test_nothing_turns_input_into_code(word):
    for path in SOURCES:
        assert word not in (ROOT / path).read_text(), f"{path} holds {word!r}"


def test_another_python_is_started_in_two_places_with_ours_and_with_the_users_code():
    spelled = {str(path) for path in SOURCES if '"-m"' in (ROOT / path).read_text()}
    assert spelled == {"local_runner/processes/python.py", "containers/frameworks/python.py"}


def test_the_contracts_root_is_spelled_in_one_place():
    spelled = {str(path) for path in SOURCES if '"/opt/ml"' in (ROOT / path).read_text()}
    assert spelled == {"containers/contract/paths.py"}
