"""`wildsage serve`: serve a model on /invocations, without AWS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from wildsage.local_runner.commands import standalone
from wildsage.local_runner.commands.terminal import (
    HOST,
    examples,
    fail,
    report_errors,
    require_algorithm,
    require_free_port,
    stderr,
)
from wildsage.local_runner.processes import foreground

EXAMPLES = examples(
    "wildsage serve model/model.tar.gz",
    "curl -H 'Content-Type: text/csv' --data-binary @rows.csv http://127.0.0.1:8080/invocations",
)


def serve(
    model: Annotated[Path, typer.Argument(metavar="MODEL_TAR_GZ", help="A model archive of Wildsage or of SageMaker.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8080,
    algorithm: Annotated[
        str | None, typer.Option(help="Name of the algorithm in SageMaker; default: found from the archive.")
    ] = None,
) -> None:
    """Serve a model on /ping and /invocations, as its SageMaker container does, until Ctrl-C. A browser gets a form at /."""
    if model.is_dir():
        fail(1, f"{model} is a folder, expected a model archive, such as {model / standalone.MODEL_ARCHIVE}.")
    if not model.is_file():
        fail(1, f"{model}: no such file. `wildsage train` writes one.")
    if algorithm:
        require_algorithm(algorithm)
    require_free_port(port)
    with report_errors(), standalone.serving(model, port, algorithm, os.environ) as process:
        stderr.print(
            f"[green]Serving[/] {escape(str(model))} on [bold]http://{HOST}:{port}/invocations[/]. Ctrl-C stops it."
        )
        stderr.print(f"[dim]In a browser, http://{HOST}:{port}/ has a form to try it with.[/]")
        status = foreground.wait(process)
    raise typer.Exit(status)
