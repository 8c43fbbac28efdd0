"""Output of a running `wildsage up`: a live display on a terminal, else plain lines, or one JSON object a line."""

from __future__ import annotations

import enum
import json
import time
from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wildsage.local_runner.commands.tables import STYLES, format_duration, format_time
from wildsage.local_runner.commands.terminal import stderr
from wildsage.local_runner.monitor.watch import Event, Snapshot, Watch

POLL_INTERVAL_S = 0.25
MAX_JOBS_SHOWN = 12
BAR_WIDTH = 16


class LogFormat(enum.StrEnum):
    """How `wildsage up` prints events."""

    TEXT = "text"
    JSON = "json"


def show_events(is_alive: Callable[[], bool], watch: Watch, log_format: LogFormat) -> None:
    """Show the events of `watch` while `is_alive()`, or until Ctrl-C."""
    if log_format is LogFormat.TEXT and stderr.is_terminal:
        with Live(console=stderr, auto_refresh=False, transient=True) as live:
            while is_alive():
                snapshot = watch.poll()
                for event in snapshot.events:
                    stderr.print(event_line(event))
                live.update(render(snapshot), refresh=True)
                time.sleep(POLL_INTERVAL_S)
        return
    while is_alive():
        for event in watch.poll().events:
            if log_format is LogFormat.JSON:
                print(json.dumps(event.record()), flush=True)
            else:
                stderr.print(event_line(event))
        time.sleep(POLL_INTERVAL_S)


def event_line(event: Event) -> Text:
    """`21:40:03  training job census  Completed in 3.1 s`"""
    line = Text.from_markup(f"[dim]{format_time(event.time_s)}[/]  {event.what} [bold]{escape(event.name)}[/]  ")
    line.append(event.status, STYLES.get(event.status, ""))
    if event.took_s is not None:
        line.append(f" in {format_duration(event.took_s)}")
    if event.reason:
        line.append(f"  {event.reason}", "red")
    return line


def render(snapshot: Snapshot) -> RenderableType:
    """The running jobs, then the endpoints, in as few lines as possible."""
    parts: list[RenderableType] = []
    if snapshot.running:
        parts.append(jobs_table(snapshot))
    if endpoints := [
        f"[{STYLES.get(e.status, 'dim')}]●[/] {escape(e.name)} [dim]{e.status}[/]" for e in snapshot.endpoints
    ]:
        parts.append(Text.from_markup("endpoints  " + "   ".join(endpoints), overflow="ellipsis"))
    return Group(*(parts or [Text("No running jobs, no endpoints. Ctrl-C stops.", "dim")]))


def jobs_table(snapshot: Snapshot) -> Table:
    """One line for each running job, oldest first. Long names are cut, and jobs beyond the limit are counted."""
    table = Table.grid(padding=(0, 2))
    for column in ("kind", "name", "phase", "bar", "percent", "time"):
        table.add_column(no_wrap=column != "name")
    running = sorted(snapshot.running, key=lambda job: job.created)
    for job in running[:MAX_JOBS_SHOWN]:
        percent = snapshot.progress.get(job.arn)
        bar: RenderableType = ProgressBar(100, percent, width=BAR_WIDTH) if percent is not None else ""
        done = f"{percent:.0f} %" if percent is not None else ""
        name = Text(job.name, no_wrap=True, overflow="ellipsis")
        table.add_row(job.kind.word, name, job.phase, bar, done, format_duration(time.time() - job.created))
    if len(running) > MAX_JOBS_SHOWN:
        table.add_row("", f"[dim]and {len(running) - MAX_JOBS_SHOWN} more[/]")
    return table
