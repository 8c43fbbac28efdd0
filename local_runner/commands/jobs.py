"""`wildsage jobs`: list the jobs."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from wildsage.local_runner.commands.tables import format_duration, format_time, print_table
from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, open_overview, stderr
from wildsage.local_runner.monitor.overview import JobSummary, Overview
from wildsage.local_runner.server.lock import running

COLUMNS = ("kind", "name", "status", "progress", "started", "took", "region", "reason")
EXAMPLES = examples("wildsage jobs", "wildsage jobs --limit 0 | grep Failed", "wildsage jobs --data ./aws")


def jobs(
    data: DataOption = DATA,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Show the newest N; 0 shows all.")] = 20,
) -> None:
    """List training, transform, processing and tuning jobs, newest first, whether or not the local AWS runs."""
    with open_overview(data) as overview:
        found = overview.jobs()
        alive = running(data) is not None
        shown = found[:limit] if limit else found
        print_table(COLUMNS, [row(job, overview, alive) for job in shown])
    if len(found) > len(shown):
        stderr.print(f"[dim]{len(found) - len(shown)} older jobs are not shown; --limit 0 shows all.[/]")


def row(job: JobSummary, overview: Overview, alive: bool) -> tuple[str, ...]:
    """Cells of a job. A job that ran when its server ended is Interrupted until a server continues it. A job that waited
    stays Pending."""
    server_stopped = job.is_running and not alive
    interrupted = server_stopped and not job.waits
    progress = overview.follow(job.name, job.region).progress() if job.is_running else None
    took = "" if server_stopped else format_duration((job.ended or time.time()) - job.created)
    return (
        job.kind.word,
        job.name,
        "Interrupted" if interrupted else "Pending" if job.waits else job.phase if job.is_running else job.status,
        "" if progress is None else f"{progress:.0f} %",
        format_time(job.created),
        took,
        job.region,
        job.reason,
    )
