"""The picture of docs/architecture.md is the code's, and no imports run in a circle."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"


@pytest.fixture(scope="module")
def drawing():
    spec = importlib.util.spec_from_file_location("architecture_picture", ROOT / "scripts" / "architecture_picture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_that_of_the_code(drawing):
    page = PAGE.read_text()
    assert drawing.page_with(drawing.picture(ROOT), page) == page, f"run: {drawing.COMMAND}"


def test_every_folder_of_the_picture_has_a_line_in_the_table_of_parts(drawing):
    parts = [part for part in drawing.all_arrows(ROOT) if "/" in part and not part.endswith(".py")]
    page = PAGE.read_text()
    for part in parts:
        assert f"| `{part}` |" in page, f"{PAGE.name} does not describe {part}"


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for package in ("local_runner", "containers", "algorithms"):
        (root / package).mkdir(exist_ok=True)
    return root


def test_parts_imports_and_layers_of_a_small_tree(drawing, tmp_path):
    root = written(
        tmp_path,
        {
            "containers/train.py": "from wildsage.containers.codecs import csv\nimport wildsage.containers.contract",
            "containers/codecs/csv.py": "def read():\n    from wildsage.containers.contract.paths import X",
            "containers/contract/paths.py": "X = 1",
        },
    )
    arrows = drawing.within(drawing.all_arrows(root), "containers")
    assert arrows == {
        "containers/train.py": {"containers/codecs", "containers/contract"},
        "containers/codecs": {"containers/contract"},
        "containers/contract": set(),
    }
    assert drawing.layers(arrows) == {"containers/train.py": 2, "containers/codecs": 1, "containers/contract": 0}
    assert drawing.needed(arrows)["containers/train.py"] == {"containers/codecs"}


def test_one_algorithm_more_leaves_the_picture_as_it_is(drawing, tmp_path):
    algorithm = "from wildsage.algorithms.base import spec"
    files = {
        "algorithms/base/spec.py": "",
        "algorithms/one/spec.py": algorithm,
        "containers/a.py": "",
        "local_runner/a.py": "",
    }
    before = drawing.picture(written(tmp_path, files))
    assert drawing.picture(written(tmp_path, {"algorithms/other/spec.py": algorithm})) == before
    assert "each algorithm" in before


def test_a_circle_is_an_error(drawing, tmp_path):
    root = written(
        tmp_path,
        {
            "containers/codecs/csv.py": "from wildsage.containers.contract import paths",
            "containers/contract/paths.py": "from wildsage.containers.codecs import csv",
        },
    )
    with pytest.raises(ValueError, match="cycle"):
        drawing.layers(drawing.within(drawing.all_arrows(root), "containers"))
