"""Runs a notebook from top to bottom and prints each cell's output. Needs the extra `wildsage[notebook]`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from rich.console import Console
from rich.markup import escape

SHOWN_CHARACTERS = 4_000
LOCAL_KERNEL = "python3"


class PrintingNotebookClient(NotebookClient):
    """A notebook client that prints outputs as they arrive."""

    console: Console

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Print an output message and store it in the notebook."""
        output = super().output(outs, msg, display_id, cell_index)
        if output is not None and output.output_type != "error":
            self.console.print(format_output(msg["content"])[:SHOWN_CHARACTERS], markup=False, highlight=False, end="")
        return output


def format_output(content: Mapping[str, Any]) -> str:
    """An output message as text: text as it is, anything else as the name of its format."""
    if "text" in content:
        return str(content["text"])
    data = content.get("data", {})
    kinds = [kind for kind in data if kind != "text/plain"]
    picture = next((kind for kind in kinds if kind.startswith("image/")), None)
    return f"[{picture}]\n" if picture else f"{data.get('text/plain', ', '.join(kinds))}\n"


def run(path: Path, output: Path, environment: Mapping[str, str], console: Console) -> int:
    """Execute `path` in its own folder and write the executed notebook to `output`, even if a cell fails.

    The kernel is this Python, whatever kernel the notebook names, since SageMaker's `conda_…` kernels exist only there.
    Returns 0, or 1 after printing the error of the cell that failed.
    """
    notebook = nbformat.read(path, as_version=4)
    client = PrintingNotebookClient(
        notebook, timeout=None, kernel_name=LOCAL_KERNEL, resources={"metadata": {"path": str(path.parent.resolve())}}
    )
    client.console = console
    client.on_cell_execute = lambda cell, cell_index: _announce(console, notebook, cell_index)
    try:
        client.execute(env=dict(environment))
    except CellExecutionError as error:
        console.print(str(error), markup=False, highlight=False, style="red")
        return 1
    finally:
        nbformat.write(notebook, output)
        console.print(f"Executed notebook: {escape(str(output))}", style="dim")
    return 0


def _announce(console: Console, notebook: Any, cell_index: int) -> None:
    if notebook.cells[cell_index].cell_type != "code":
        return
    lines = notebook.cells[cell_index].source.strip().splitlines() or [""]
    console.rule(f"[bold]cell {cell_index + 1} of {len(notebook.cells)}[/] {escape(lines[0][:80])}", align="left")
