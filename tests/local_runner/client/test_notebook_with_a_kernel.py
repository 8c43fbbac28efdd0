"""Notebooks run by a real kernel: what reaches the terminal, whatever the cells do."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from rich.console import Console

from wildsage.local_runner.client import notebook

EVERY_OUTPUT = [
    'for i in range(1000): print("line", i)',
    'print("wide " * 100, end="")',
    'print("\\x1b[31mred")',
    "from IPython.display import display, HTML, Image; display(Image(data=b'\\x89PNG', format='png')); HTML('<b>x</b>')",
    'shown = display("first", display_id=True); shown.update("second")',
]
LISTENS_AT = """
import ipykernel, json, os
from glob import glob
info = json.loads(ipykernel.get_connection_info())
print(info["transport"], oct(os.stat(os.path.dirname(info["ip"])).st_mode), *glob(info["ip"] + "-*"))
""".strip()
LONG_TRACE = """
def deep(n):
    if n: deep(n - 1)
    print("out " * 2000)
    raise ValueError("the reason", n)
from rich import traceback
traceback.install()
deep(20)
""".strip()


def run(
    cells: Sequence[str], folder: Path, terminal: bool = False, tags: Sequence[str] = (), **environment: str
) -> tuple[int, str]:
    """The exit status of a notebook and what it wrote to the terminal."""
    document = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell, metadata={"tags": list(tags)}) for cell in cells]
    )
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    status = notebook.run(document, folder, folder / "a.executed.ipynb", os.environ | environment, console)
    assert isinstance(console.file, io.StringIO)
    return status, console.file.getvalue()


def test_everything_that_cells_print_is_shown_and_lines_stay_whole(tmp_path: Path) -> None:
    status, text = run(EVERY_OUTPUT, tmp_path)
    assert status == 0
    assert "".join(f"line {i}\n" for i in range(1000)) in text
    assert "wide " * 100 + "\ncell 3 of 5" in text
    assert "\nred\n" in text
    assert "[image/png in a.executed.ipynb]\n[text/html in a.executed.ipynb]\n" in text
    assert "'first'\n'second'\n" in text


def test_no_colour_is_left_open(tmp_path: Path) -> None:
    status, text = run(EVERY_OUTPUT[2:3], tmp_path, terminal=True)
    assert status == 0
    assert "\x1b[31mred\n\x1b[0m" in text


def test_the_end_of_a_failed_notebook_is_its_cell_and_its_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, text = run(["1", LONG_TRACE, "print('never')"], tmp_path)
    end = text[text.index("The cell 2 of 3 failed:") :]
    assert status == 1
    assert "    4      raise ValueError" in end
    assert "    7  deep(20)\nValueError: ('the reason', 0)\n" in end
    assert "never" not in text
    assert capfd.readouterr().err == ""  # the kernel's own warnings


def test_an_error_that_the_notebook_allows_is_shown_too(tmp_path: Path) -> None:
    status, text = run(["1 / 0", "print('goes on')"], tmp_path, tags=["raises-exception"])
    assert status == 0
    assert text.index("ZeroDivisionError: division by zero") < text.index("goes on")


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("import os; os._exit(9)", "exit code 9"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL; usually the memory ran out"),
    ],
)
def test_a_kernel_that_dies_is_one_sentence(
    code: str, ending: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    status, text = run(["1", code, "2"], tmp_path)
    assert status == 1
    assert f"The kernel ended in cell 2 of 3: {ending}. No later cell was run.\n" in text
    assert "Traceback" not in text + capfd.readouterr().err


def test_a_kernel_listens_in_a_folder_of_its_own_for_its_user_alone(tmp_path: Path) -> None:
    status, text = run([LISTENS_AT], tmp_path)
    assert status == 0
    transport, mode, *sockets = text.splitlines()[1].split()
    assert (transport, mode) == ("ipc", "0o40700")
    assert len(sockets) == 5
    assert not any(Path(place).exists() or Path(place).parent.exists() for place in sockets)


def test_a_kernel_that_does_not_start_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit(3)")
    status, text = run(["1"], tmp_path, PYTHONPATH=str(tmp_path))
    assert status == 1
    assert "The kernel did not start (exit code 3)" in text
