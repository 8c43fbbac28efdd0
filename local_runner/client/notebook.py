"""Runs a notebook from top to bottom and prints each cell's output. Needs the extra `wildsage[notebook]`."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import typer
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from rich.console import Console
from rich.markup import escape
from rich.text import Text
from traitlets.config import Config

from wildsage.algorithms.base.errors import UserError

LOCAL_KERNEL = "python3"
SHOWN = ("stream", "display_data", "update_display_data", "execute_result", "error")
RESET_COLOURS = "\x1b[0m"
LONGEST_TEMPORARY_FOLDER = 76
"""Bytes of its path. With the 27 of a socket's name below it that is what macOS allows; Linux allows four more."""


class Terminal:
    """Writes what cells print: all of it, without breaking lines. Colours are left out if it is not a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._line_is_open = False

    def write(self, text: str) -> None:
        """Write text as it is."""
        typer.echo(text, self.console.file, nl=False, color=self.console.is_terminal)
        self._line_is_open = bool(text) and not text.endswith("\n")

    def close_line(self) -> None:
        """End a line and colours that the last output left open."""
        if self._line_is_open:
            self.write("\n")
        if self.console.is_terminal:
            self.write(RESET_COLOURS)
            self._line_is_open = False


class PrintingNotebookClient(NotebookClient):
    """A notebook client that prints outputs as they arrive and knows which cell it runs in which process."""

    terminal: Terminal
    executed: Path
    cell_index: int | None = None
    kernel: subprocess.Popen[Any] | None = None

    async def async_start_new_kernel(self, **settings: Any) -> None:
        """Start a kernel and remember its process, whose exit code the kernel's manager forgets."""
        await super().async_start_new_kernel(**settings)
        assert self.km is not None
        assert isinstance(self.km.provisioner, LocalProvisioner)
        self.kernel = self.km.provisioner.process

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Print a message of the kernel if it is an output, and store it in the notebook."""
        if msg["msg_type"] in SHOWN:
            self.terminal.write(format_output(msg["content"], self.executed))
        return super().process_message(msg, cell, cell_index)

    def announce(self, cell: Any, cell_index: int) -> None:
        """Print a cell's number and first line, and remember it."""
        self.cell_index = cell_index
        self.terminal.close_line()
        first_line = (cell.source.strip().splitlines() or [""])[0][:80]
        self.terminal.console.rule(f"[bold]{self.position}[/] {escape(first_line)}", align="left")

    @property
    def position(self) -> str:
        """The cell that runs or ran last, as `cell 2 of 9`."""
        assert self.cell_index is not None
        return f"cell {self.cell_index + 1} of {len(self.nb.cells)}"


def format_output(content: Mapping[str, Any], executed: Path) -> str:
    """An output message as text. Of anything that is not text, its format and the notebook that holds it."""
    if "text" in content:
        return str(content["text"])
    if "traceback" in content:
        return "\n".join([*content["traceback"], ""])
    data = content.get("data", {})
    kinds = [kind for kind in data if kind != "text/plain"]
    text = str(data.get("text/plain", ""))
    only_text = not any(kind.startswith("image/") for kind in kinds) and not text.startswith("<IPython.core.display.")
    return f"{text}\n" if text and only_text else f"[{', '.join(kinds)} in {executed.name}]\n"


def read(path: Path) -> Any:
    """The notebook in a file. Raises UserError if the file is not a notebook."""
    try:
        notebook = nbformat.read(path, as_version=4)
        if all(isinstance(cell.source, str) for cell in notebook.cells):
            return notebook
        raise ValueError("a cell has no source")
    except (ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError) as error:
        raise UserError(
            f"{path}: not a Jupyter notebook ({type(error).__name__}: {str(error)[:200]}). Expected the JSON document "
            "that Jupyter saves. For a Python script, use a name that ends in .py."
        ) from error


def run(notebook: Any, folder: Path, output: Path, environment: Mapping[str, str], console: Console) -> int:
    """Execute a notebook in `folder` and write it with its outputs to `output`, even if a cell fails.

    The kernel is this Python, whatever kernel the notebook names, since SageMaker's `conda_…` kernels exist only there.
    Returns 0, or 1 after printing why a cell failed.
    """
    with _folder_of_sockets() as sockets:
        client = _client(notebook, folder, output, Terminal(console), sockets)
        try:
            client.execute(env=dict(environment))
        except (CellExecutionError, DeadKernelError, NoSuchKernel, RuntimeError) as error:
            client.terminal.close_line()
            console.print(Text(_explain(error, client), style="red"), soft_wrap=True)
            return 1
        finally:
            client.terminal.close_line()
            atexit.unregister(client._cleanup_kernel)  # nbclient leaves it registered if the kernel does not start
            nbformat.write(notebook, output)
            console.print(f"Executed notebook: {escape(str(output))}", style="dim", soft_wrap=True)
    return 0


def _folder_of_sockets() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.gettempdir()
    short = len(os.fsencode(folder)) <= LONGEST_TEMPORARY_FOLDER
    return tempfile.TemporaryDirectory(prefix="wildsage-", dir=folder if short else "/tmp")


def _client(notebook: Any, folder: Path, output: Path, terminal: Terminal, sockets: str) -> PrintingNotebookClient:
    """A client whose kernel listens in the folder `sockets`: at ports, another program may take one before the kernel does."""
    log = logging.getLogger(__name__)
    log.setLevel(logging.CRITICAL)  # what it would log is what `_explain` says
    client = PrintingNotebookClient(
        notebook,
        timeout=None,
        kernel_name=LOCAL_KERNEL,
        resources={"metadata": {"path": str(folder.resolve())}},
        config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
        log=log,
    )
    client.terminal, client.executed = terminal, output
    client.on_cell_execute = client.announce
    return client


def _explain(error: Exception, client: PrintingNotebookClient) -> str:
    """Why the notebook ended: the lines of the cell that failed and its error, or how the kernel ended."""
    if isinstance(error, CellExecutionError):
        lines = client.nb.cells[client.cell_index].source.splitlines()
        source = "\n".join(f"{number:5}  {line}" for number, line in enumerate(lines, 1))
        name_and_message = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
        return f"The {client.position} failed:\n{source}\n{name_and_message}"
    if client.cell_index is None:
        return (
            f"The kernel did not start ({_end_of(client.kernel)}): {error}. Its own messages are above. "
            "To see them alone, run: python -m ipykernel_launcher"
        )
    if isinstance(error, DeadKernelError):
        return f"The kernel ended in {client.position}: {_end_of(client.kernel)}. No later cell was run."
    raise error


def _end_of(process: subprocess.Popen[Any] | None) -> str:
    """How a process ended, in words."""
    status = process.poll() if process else None
    if status is None:
        return "no exit code yet"
    if status >= 0:
        return f"exit code {status}"
    cause = "; usually the memory ran out" if -status == signal.SIGKILL else ""
    return f"killed by {signal.Signals(-status).name}{cause}"
