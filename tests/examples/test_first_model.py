"""The notebook: it runs as it stands, ends with a picture, and is stored without outputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "first_model.ipynb"


def test_it_is_stored_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")


def test_it_finds_the_three_groups_and_draws_them(tmp_path):
    pytest.importorskip("sagemaker.amazon.kmeans", reason="needs version 2 of the SageMaker SDK: wildsage[demo]")
    copy = tmp_path / NOTEBOOK.name
    copy.write_text(NOTEBOOK.read_text())
    executed = tmp_path / "executed.ipynb"
    command = [sys.executable, "-m", "wildsage.local_runner", "run", "--data", tmp_path / "aws", "--output", executed]
    done = subprocess.run([*command, copy], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code"]
    assert "[200 200 200]" in _text(cells[3])
    assert any("image/png" in output.get("data", {}) for output in cells[4].outputs)


def _text(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)
