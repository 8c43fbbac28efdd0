"""The face of a running `wildsage up`: quiet and live on a terminal, plain lines elsewhere, or one JSON object a line."""

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

from wildsage.local_runner.commands.tables import STYLES, duration, moment
from wildsage.local_runner.commands.terminal import told
from wildsage.local_runner.monitor.watch import Happening, Sight, Watch

LOOK_EVERY_S = 0.25
MOST_JOBS_SHOWN = 12
BAR_WIDTH = 16


class LogFormat(enum.StrEnum):
    TEXT = "text"
    JSON = "json"


def show_while(lives: Callable[[], bool], watch: Watch, log_format: LogFormat) -> None:
    """Show what happens until `lives` says no, or Ctrl-C."""
    if log_format is LogFormat.TEXT and told.is_terminal:
        with Live(console=told, auto_refresh=False, transient=True) as live:
            while lives():
                sight = watch.look()
                for happening in sight.news:
                    told.print(line_of(happening))
                live.update(picture(sight), refresh=True)
                time.sleep(LOOK_EVERY_S)
        return
    while lives():
        for happening in watch.look().news:
            if log_format is LogFormat.JSON:
                print(json.dumps(happening.record()), flush=True)
            else:
                told.print(line_of(happening))
        time.sleep(LOOK_EVERY_S)


def line_of(happening: Happening) -> Text:
    """`21:40:03  training job census  Completed in 3.1 s`"""
    line = Text.from_markup(f"[dim]{moment(happening.time_s)}[/]  {happening.what} [bold]{escape(happening.name)}[/]  ")
    line.append(happening.status, STYLES.get(happening.status, ""))
    if happening.took_s is not None:
        line.append(f" in {duration(happening.took_s)}")
    if happening.reason:
        line.append(f"  {happening.reason}", "red")
    return line


def picture(sight: Sight) -> RenderableType:
    """The jobs that run, then the endpoints, in as few lines as they need."""
    parts: list[RenderableType] = []
    if sight.running:
        parts.append(jobs_table(sight))
    if endpoints := [
        f"[{STYLES.get(e.status, 'dim')}]●[/] {escape(e.name)} [dim]{e.status}[/]" for e in sight.endpoints
    ]:
        parts.append(Text.from_markup("endpoints  " + "   ".join(endpoints), overflow="ellipsis"))
    return Group(*(parts or [Text("No job runs, no endpoint. Ctrl-C stops.", "dim")]))


def jobs_table(sight: Sight) -> Table:
    """One line for each job that runs, the oldest first; a long name gives way, and what does not fit is counted."""
    table = Table.grid(padding=(0, 2))
    for column in ("kind", "name", "phase", "bar", "percent", "time"):
        table.add_column(no_wrap=column != "name")
    running = sorted(sight.running, key=lambda job: job.created)
    for job in running[:MOST_JOBS_SHOWN]:
        percent = sight.progress.get(job.name)
        bar: RenderableType = ProgressBar(100, percent, width=BAR_WIDTH) if percent is not None else ""
        done = f"{percent:.0f} %" if percent is not None else ""
        name = Text(job.name, no_wrap=True, overflow="ellipsis")
        table.add_row(job.kind.word, name, job.phase, bar, done, duration(time.time() - job.created))
    if len(running) > MOST_JOBS_SHOWN:
        table.add_row("", f"[dim]and {len(running) - MOST_JOBS_SHOWN} more[/]")
    return table
