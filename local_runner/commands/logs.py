"""`wildsage logs`: print the log of a job or an endpoint."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from wildsage.containers.contract.printable import printable
from wildsage.local_runner.commands.names import all_names, complete, full_name
from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, fail, open_overview, stderr, suggestion
from wildsage.local_runner.monitor.overview import JobSummary, LogTail, Overview
from wildsage.local_runner.server.lock import running

POLL_INTERVAL_S = 0.2
EXAMPLES = examples("wildsage logs my-job", "wildsage logs -f my-job", "wildsage logs my-endpoint | grep ERROR")


def logs(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a training, transform or processing job or of an endpoint, or its beginning.",
            autocompletion=complete,
        ),
    ],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new lines too, until the job ends or Ctrl-C.")
    ] = False,
    data: DataOption = DATA,
) -> None:
    """Print the log of a job or an endpoint: lines of all its containers by time, with stream names if there are several."""
    with open_overview(data) as overview:
        tail = overview.follow(name)
        if not tail.streams():  # the log of a deleted job is found by its whole name
            name = full_name(name, all_names(overview))
            tail = overview.follow(name)
        if not exists(overview, tail, name):
            fail(1, f"{data} has no job, endpoint or log named {name}.{suggestion(name, all_names(overview))}")
        try:
            print_new(tail)
            while follow and is_active(overview, data, name):
                time.sleep(POLL_INTERVAL_S)
                print_new(tail)
            print_new(tail)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        if follow and (job := find_job(overview, name)):
            stderr.print(f"[dim]{job.kind.word} job {name}: {job.status}[/]")


def exists(overview: Overview, tail: LogTail, name: str) -> bool:
    """True if there is a log, a job or an endpoint named `name`."""
    return bool(
        tail.streams() or find_job(overview, name) or any(endpoint.name == name for endpoint in overview.endpoints())
    )


def is_active(overview: Overview, data: Path, name: str) -> bool:
    """True while the server runs and the job has not ended, or the endpoint exists."""
    job = find_job(overview, name)
    active = job.is_running if job else any(endpoint.name == name for endpoint in overview.endpoints())
    return active and running(data) is not None


def find_job(overview: Overview, name: str) -> JobSummary | None:
    """The job named `name`, or None."""
    return next((job for job in overview.jobs() if job.name == name), None)


def print_new(tail: LogTail) -> None:
    """Print the new lines, without terminal codes other than colours, with the stream's name if there are several streams."""
    lines = tail.read()
    several = len(tail.streams()) > 1
    for line in lines:
        message = printable(line.event.message, colours=True)
        print(f"{line.stream.rpartition('/')[2]}: {message}" if several else message, flush=True)
