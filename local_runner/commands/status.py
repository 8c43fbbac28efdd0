"""`wildsage status`: whether the local AWS runs, and what it holds."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape

from wildsage.local_runner.commands.tables import format_duration, format_time
from wildsage.local_runner.commands.terminal import DATA, DataOption, data_option, examples, stderr
from wildsage.local_runner.monitor.cleanup import freed_bytes
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.server.lock import running

NOT_RUNNING = 1
EXAMPLES = examples("wildsage status", "wildsage status --json", "wildsage status --data ./aws || wildsage up -d")


@dataclass(frozen=True)
class Status:
    """State of a local AWS. `endpoint`, `pid`, `started` (seconds since 1970): None while it does not run.

    `jobs`, `endpoints`: how many there are of each status.
    """

    data: str
    endpoint: str | None
    pid: int | None
    started: float | None
    jobs: dict[str, int]
    endpoints: dict[str, int]
    bytes: int


def status(
    data: DataOption = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell whether the local AWS runs, where, and what it holds. Exit status 1 if it does not run."""
    found = read_status(data)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        print_status(found)
    if found.endpoint is None:
        raise typer.Exit(NOT_RUNNING)


def read_status(data: Path) -> Status:
    """The state of the local AWS of a data folder, which need not exist."""
    server = running(data)
    jobs: Counter[str] = Counter()
    endpoints: Counter[str] = Counter()
    with contextlib.suppress(FileNotFoundError), contextlib.closing(Overview(data)) as overview:
        jobs.update("Pending" if job.waits and job.is_running else job.status for job in overview.jobs())
        endpoints.update(endpoint.status for endpoint in overview.endpoints())
    return Status(
        data=str(data),
        endpoint=server.endpoint if server else None,
        pid=server.pid if server else None,
        started=server.started_s if server else None,
        jobs=dict(jobs),
        endpoints=dict(endpoints),
        bytes=freed_bytes(data),
    )


def print_status(found: Status) -> None:
    """Print the state for a person, on standard output."""
    if found.started:
        age = format_duration(time.time() - found.started)
        typer.echo(f"Local AWS on {found.endpoint}, process {found.pid}, since {format_time(found.started)} ({age})")
    else:
        typer.echo("The local AWS does not run.")
        stderr.print(f"[dim]`wildsage up -d{escape(data_option(Path(found.data)))}` starts it.[/]")
    typer.echo(f"state      {found.data}, {decimal(found.bytes)}")
    typer.echo(f"jobs       {counts(found.jobs)}")
    typer.echo(f"endpoints  {counts(found.endpoints)}")


def counts(numbers: dict[str, int]) -> str:
    """`3 Completed, 1 Failed`, or `none`."""
    return ", ".join(f"{count} {name}" for name, count in sorted(numbers.items())) or "none"
