"""Notebooks without a kernel: what is written of outputs and of how a kernel ended, and which files are notebooks."""

from __future__ import annotations

import asyncio
import atexit
import io
import logging
import signal
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from rich.console import Console

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.client import notebook

EXECUTED = Path("out/a.executed.ipynb")


@pytest.mark.parametrize("content", [b"", b"x,y\n", b"[]", b"{}", b"3", b'{"cells": 3}', b"\xff\xfe"])
def test_a_file_that_is_not_a_notebook_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(content)
    with pytest.raises(UserError, match="not a Jupyter notebook"):
        notebook.read(tmp_path / "a.ipynb")


def test_a_notebook_is_read(tmp_path: Path) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), tmp_path / "a.ipynb")
    assert [cell.source for cell in notebook.read(tmp_path / "a.ipynb").cells] == ["1"]


@pytest.mark.parametrize(("length", "stays"), [(76, True), (77, False)])
def test_the_address_of_a_kernels_socket_has_at_most_103_bytes(
    length: int, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        folder = Path(short) / ("x" * (length - 1 - len(short)))
        folder.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        with notebook._folder_of_sockets() as sockets:
            assert (Path(sockets).parent == folder) is stays
            assert len(f"{sockets}/kernel-5") <= 103


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"text": "as it is"}, "as it is"),
        ({"traceback": ["one", "two"]}, "one\ntwo\n"),
        ({"data": {"text/plain": "42"}}, "42\n"),
        ({"data": {"text/plain": "a table", "text/html": "<table>"}}, "a table\n"),
        ({"data": {"text/plain": "<Figure>", "image/png": "…"}}, "[image/png in a.executed.ipynb]\n"),
        (
            {"data": {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<b>"}},
            "[text/html in a.executed.ipynb]\n",
        ),
        ({"data": {"text/html": "x", "image/png": "…"}}, "[text/html, image/png in a.executed.ipynb]\n"),
    ],
)
def test_an_output_as_text(content: dict, text: str) -> None:
    assert notebook.format_output(content, EXECUTED) == text


@pytest.mark.parametrize(
    ("texts", "is_terminal", "written"),
    [
        ([], False, ""),
        (["a\n"], False, "a\n"),
        (["a"], False, "a\n"),
        (["a", ""], False, "a"),
        (["a\n", "b"], False, "a\nb\n"),
        (["\x1b[31mred\x1b[0m\n"], False, "red\n"),
        (["\x1b[31mred"], True, "\x1b[31mred\n\x1b[0m"),
        (["a\n"], True, "a\n\x1b[0m"),
    ],
)
def test_a_line_and_a_colour_that_were_left_open_are_closed_once(
    texts: list[str], is_terminal: bool, written: str
) -> None:
    terminal = notebook.Terminal(Console(file=io.StringIO(), force_terminal=is_terminal))
    for text in texts:
        terminal.write(text)
    terminal.close_line()
    assert terminal.console.file.getvalue() == written  # type: ignore[attr-defined]


def process(status: int | None) -> SimpleNamespace:
    return SimpleNamespace(poll=lambda: status)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "no exit code yet"),
        (0, "exit code 0"),
        (9, "exit code 9"),
        (-signal.SIGTERM, "killed by SIGTERM"),
        (-signal.SIGKILL, "killed by SIGKILL; usually the memory ran out"),
    ],
)
def test_how_a_kernel_ended(status: int | None, words: str) -> None:
    assert notebook._end_of(process(status)) == words
    assert notebook._end_of(None) == "no exit code yet"


def client(cell: int | None) -> notebook.PrintingNotebookClient:
    cells = [nbformat.v4.new_code_cell(source) for source in ("1", "a\nb")]
    found = notebook.PrintingNotebookClient(nbformat.v4.new_notebook(cells=cells))
    found.cell_index, found.kernel = cell, process(3)
    return found


def test_why_a_notebook_ended() -> None:
    failed = CellExecutionError("trace", "ValueError", "the reason")
    assert notebook._explain(failed, client(1)) == "The cell 2 of 2 failed:\n    1  a\n    2  b\nValueError: the reason"
    bare = CellExecutionError("trace", "KeyboardInterrupt", "")
    assert notebook._explain(bare, client(0)) == "The cell 1 of 2 failed:\n    1  1\nKeyboardInterrupt"
    ended = "The kernel ended in cell 1 of 2: exit code 3. No later cell was run."
    assert notebook._explain(DeadKernelError(), client(0)) == ended
    assert notebook._explain(RuntimeError("why"), client(None)).startswith(
        "The kernel did not start (exit code 3): why. "
    )
    with pytest.raises(RuntimeError, match="a bug"):
        notebook._explain(RuntimeError("a bug"), client(0))


@pytest.mark.parametrize(("source", "shown"), [("", ""), ("\n [x]\nmore", "[x]"), ("y" * 81, "y" * 80)])
def test_a_cell_is_announced_by_its_number_and_first_line(source: str, shown: str) -> None:
    one = client(None)
    one.terminal = notebook.Terminal(Console(file=io.StringIO(), width=120))
    one.announce(SimpleNamespace(source=source), 1)
    rule = one.terminal.console.file.getvalue()  # type: ignore[attr-defined]
    assert rule.replace("─", "").strip() == f"cell 2 of 2 {shown}".strip()
    assert one.cell_index == 1


# Runs, with what a kernel would do in place of a kernel


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.fixture
def executed(tmp_path, monkeypatch, console):
    """Runs a notebook of two cells; the function given stands in for the kernel. Returns status, output and the notebook's file."""
    given = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in ("1", "a\nb")])

    def run(kernel) -> tuple[int, str, Path]:
        def execute(self: notebook.PrintingNotebookClient, **settings: object) -> None:
            assert settings == {"env": {"A": "1"}}
            self.clear_before_next_output = False  # as nbclient does for each cell
            kernel(self)

        monkeypatch.setattr(notebook.PrintingNotebookClient, "execute", execute)
        output = tmp_path / "out.ipynb"
        status = notebook.run(given, tmp_path, output, {"A": "1"}, console)
        return status, console.file.getvalue(), output  # type: ignore[attr-defined]

    return run


def message(kind: str, **content: str) -> dict:
    """What a kernel says."""
    header = {"msg_type": kind, "date": datetime(2026, 1, 1, tzinfo=UTC)}
    return {"msg_type": kind, "header": header, "parent_header": {}, "content": content}


def stream(text: str) -> dict:
    """What a cell prints."""
    return message("stream", name="stdout", text=text)


def test_a_run_shows_each_cell_and_keeps_its_outputs(executed, tmp_path: Path, monkeypatch) -> None:
    clients, unregistered = [], []
    monkeypatch.setattr(atexit, "unregister", unregistered.append)

    def kernel(client: notebook.PrintingNotebookClient) -> None:
        clients.append(client)
        assert (client.kernel_name, client.timeout) == ("python3", None)
        assert client.resources["metadata"]["path"] == str(tmp_path.resolve())
        assert client.log.level == logging.CRITICAL
        for number, cell in enumerate(client.nb.cells):
            client.on_cell_execute(cell=cell, cell_index=number)
            cell.metadata["execution"] = {}
            client.process_message(message("status", execution_state="busy"), cell, number)
            client.process_message(stream(f"said {number}"), cell, number)

    status, shown, output = executed(kernel)
    assert status == 0 and unregistered == [client._cleanup_kernel for client in clients]
    first, said, second, said_too, last = shown.splitlines()
    assert first.startswith("cell 1 of 2 1 ─") and second.startswith("cell 2 of 2 a ─")
    assert (said, said_too, last) == ("said 0", "said 1", f"Executed notebook: {output}")
    stored = nbformat.read(output, as_version=4)
    assert [[one.text for one in cell.outputs] for cell in stored.cells] == [["said 0"], ["said 1"]]


def test_a_cell_that_fails_is_explained_and_what_ran_is_kept(executed) -> None:
    def kernel(client: notebook.PrintingNotebookClient) -> None:
        client.on_cell_execute(cell=client.nb.cells[0], cell_index=0)
        client.process_message(stream("begun"), client.nb.cells[0], 0)
        raise CellExecutionError("trace", "ValueError", "[bold]the reason" + " is long" * 20)

    status, shown, output = executed(kernel)
    assert status == 1
    assert (
        f"\nbegun\nThe cell 1 of 2 failed:\n    1  1\nValueError: [bold]the reason{' is long' * 20}\nExecuted notebook: "
        in shown
    )
    assert nbformat.read(output, as_version=4).cells[0].outputs[0].text == "begun"


@pytest.mark.parametrize(
    ("error", "told"), [(DeadKernelError("gone"), "The kernel did not start"), (RuntimeError("no port"), "no port")]
)
def test_a_kernel_that_does_not_start_is_explained(executed, error: Exception, told: str) -> None:
    def kernel(client: notebook.PrintingNotebookClient) -> None:
        raise error

    status, shown, output = executed(kernel)
    assert status == 1 and told in shown and output.exists()


def test_a_bug_keeps_its_trace_and_the_notebook(executed, console, tmp_path: Path) -> None:
    def kernel(client: notebook.PrintingNotebookClient) -> None:
        client.terminal.write("begun")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        executed(kernel)
    assert console.file.getvalue().startswith("begun\nExecuted notebook: ") and (tmp_path / "out.ipynb").exists()


def test_the_process_of_a_kernel_is_remembered(monkeypatch) -> None:
    one, asked = client(None), []
    one.kernel = None

    async def start(self: NotebookClient, **settings: object) -> None:
        asked.append(settings)
        provisioner = LocalProvisioner()
        provisioner.process = process(0)
        self.km = SimpleNamespace(provisioner=provisioner)

    monkeypatch.setattr(NotebookClient, "async_start_new_kernel", start)
    asyncio.run(one.async_start_new_kernel(env={"A": "1"}))
    assert asked == [{"env": {"A": "1"}}] and one.kernel is one.km.provisioner.process
