"""`wildsage jobs`: list the jobs."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from wildsage.local_runner.commands.tables import format_duration, format_time, print_table
from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, open_overview, stderr
from wildsage.local_runner.jobs.states import ENDED, UNENDED
from wildsage.local_runner.jobs.training.states import MESSAGES
from wildsage.local_runner.monitor.overview import JobSummary, Overview
from wildsage.local_runner.server.lock import running

COLUMNS = ("kind", "name", "status", "progress", "started", "took", "region", "reason")
STATUSES = tuple(dict.fromkeys([*ENDED, *UNENDED, *MESSAGES]))
"""Every status a job can have, and every phase of a training job."""
EXAMPLES = examples("wildsage jobs", "wildsage jobs --status Failed", "wildsage jobs --limit 0 --json | jq .name")


def require_status(status: str | None) -> str | None:
    """The status as given, in any case. Raises BadParameter for a word that no job's status is."""
    if status is not None and status.lower() not in map(str.lower, STATUSES):
        raise typer.BadParameter(f"got {status!r}, expected one of {', '.join(STATUSES)}.")
    return status


def jobs(
    data: DataOption = DATA,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Show the newest N; 0 shows all.")] = 20,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATUS", callback=require_status, help="Show only jobs of this status, such as Failed or Training."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List training, transform, processing and tuning jobs, newest first, whether or not the local AWS runs."""
    with open_overview(data) as overview:
        alive = running(data) is not None
        found = [job for job in overview.jobs() if status is None or status.lower() in words(job, alive)]
        shown = found[:limit] if limit else found
        if as_json:
            for job in shown:
                typer.echo(json.dumps(record(job, alive)))
        else:
            print_table(COLUMNS, [row(job, overview, alive) for job in shown])
    if len(found) > len(shown):
        stderr.print(f"[dim]{len(found) - len(shown)} older jobs are not shown; --limit 0 shows all.[/]")


def shown_status(job: JobSummary, alive: bool) -> str:
    """Its phase while it runs, then its status. A job that ran when its server ended is Interrupted until a server continues
    it. A job that waited stays Pending."""
    if not job.is_running:
        return job.status
    if job.waits:
        return "Pending"
    return job.phase if alive else "Interrupted"


def words(job: JobSummary, alive: bool) -> tuple[str, str]:
    """What `--status` may say of a job, in lower case: the status that is shown, and SageMaker's."""
    return shown_status(job, alive).lower(), job.status.lower()


def record(job: JobSummary, alive: bool) -> dict[str, object]:
    """A job as JSON. Times are in seconds since 1970; `ended` is null while the job runs."""
    return {
        "kind": job.kind.word,
        "name": job.name,
        "arn": job.arn,
        "status": shown_status(job, alive),
        "created": job.created,
        "ended": job.ended,
        "region": job.region,
        "reason": job.reason,
    }


def row(job: JobSummary, overview: Overview, alive: bool) -> tuple[str, ...]:
    """Cells of a job, in the order of COLUMNS."""
    server_stopped = job.is_running and not alive
    progress = overview.follow(job.name, job.region).progress() if job.is_running else None
    took = "" if server_stopped else format_duration((job.ended or time.time()) - job.created)
    return (
        job.kind.word,
        job.name,
        shown_status(job, alive),
        "" if progress is None else f"{progress:.0f} %",
        format_time(job.created),
        took,
        job.region,
        job.reason,
    )
