"""`wildsage open`: show the console of the local AWS in a browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from wildsage.local_runner.commands.answering import answers
from wildsage.local_runner.commands.terminal import DATA, HOST, DataOption, data_option, examples, fail, stderr
from wildsage.local_runner.console import PATH
from wildsage.local_runner.server import lock

HEALTH = "/_wildsage/health"
EXAMPLES = examples("wildsage open", "wildsage open --data ./aws", "wildsage open --port 4577")


def open_console(
    data: DataOption = DATA,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port of a server in a container or of another user; default: found in --data."
        ),
    ] = None,
) -> None:
    """Open the console of the running local AWS in the browser, and print its address."""
    endpoint = find_server(data) if port is None else require_server(port)
    address = f"{endpoint}{PATH}/"
    typer.echo(address)
    if not webbrowser.open(address):
        stderr.print("No browser could be opened here. Open the address in one yourself.")


def find_server(data: Path) -> str:
    """The address of the server of a data folder. Exits with an error if it does not run."""
    server = lock.running(data)
    if server is None:
        fail(1, f"No local AWS runs on {data}. `wildsage up -d{escape(data_option(data))}` starts one.")
    return server.endpoint


def require_server(port: int) -> str:
    """The address of a server on a port of this machine. Exits with an error if none answers there."""
    if not answers(port, HEALTH, timeout_s=5):
        fail(1, f"No local AWS answers on port {port}. `wildsage up -d --port {port}` starts one there.")
    return f"http://{HOST}:{port}"
