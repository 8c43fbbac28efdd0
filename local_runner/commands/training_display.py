"""What `wildsage train` shows: one line of progress on a terminal, otherwise the log; at the end what came out."""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wildsage.containers.contract.extensions import CSV, PARQUET, TEXT_TYPES
from wildsage.containers.contract.printable import printable_lines
from wildsage.local_runner.commands.standalone import ChannelData
from wildsage.local_runner.commands.tables import format_duration
from wildsage.local_runner.commands.terminal import HOST, JobFailed, stderr
from wildsage.local_runner.commands.training_log import TrainingLog
from wildsage.local_runner.inputs import text_lines
from wildsage.local_runner.processes import foreground

SERVE_PORT = 8080
METRICS_SHOWN = 2
LINES_OF_A_FAILURE = 12
MOST_OF_A_LINE = 1 << 16
MOST_OF_A_REQUEST = 500  # bytes that are shown in a command


@contextmanager
def log_shown(log: TrainingLog, whole: bool) -> Iterator[foreground.ShowLine]:
    """Yield what takes the lines of a job's log. It prints them if `whole`, else shows one line that follows the job.

    The end of a log that was not shown is printed if the job fails without a reason.
    """
    if whole:

        def print_and_read(line: str, stream: TextIO) -> None:
            log.read(line)
            foreground.print_line(line, stream)

        yield print_and_read
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(24),
        TaskProgressColumn(),
        TextColumn("{task.fields[metrics]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=stderr, transient=True) as progress:
        task = progress.add_task("Training", total=None, metrics="")
        last: deque[str] = deque(maxlen=LINES_OF_A_FAILURE)

        def show(line: str, stream: TextIO) -> None:
            log.read(line)
            last.append(line)
            total = None if log.percent is None else 100
            progress.update(task, completed=log.percent or 0, total=total, metrics=escape(log.latest(METRICS_SHOWN)))

        try:
            yield show
        except JobFailed as failed:
            if not failed.has_reason:
                progress.console.print(escape(printable_lines("".join(last))))
            raise


def summarize(algorithm: str, log: TrainingLog, seconds: float, model: Path, train: ChannelData | None) -> None:
    """Print what the job read and reached, where its model is, and the commands that use it."""
    rows = f"{log.rows:,} rows, " if log.rows else ""
    metrics = "".join(f", {name} {value:.6g}" for name, value in list(log.metrics.items())[-METRICS_SHOWN:])
    stderr.print(f"[green]Trained[/] {algorithm}: {rows}{format_duration(seconds)}{escape(metrics)}")
    stderr.print(f"[green]Model:[/] {escape(str(model))}")
    stderr.print(f"  serve it:  [cyan]wildsage serve {escape(shlex.quote(str(model)))}[/]")
    if train and (request := example_request(train)):
        stderr.print(f"  ask it:    [cyan]{escape(request)}[/]")


def example_request(train: ChannelData) -> str | None:
    """A shell command that asks the served model for the first row of a CSV file, for the first line of a text, or for all rows of
    another file. None where the endpoint does not read what the file holds.
    """
    files = train.files()
    if not files:
        return None
    media_type, _, parameters = train.content_type.partition(";")
    url = f"http://{HOST}:{SERVE_PORT}/invocations"
    file = shlex.quote(str(files[0]))
    if media_type == CSV:
        label = " | cut -d, -f2-" if parameters.strip() != "label_size=0" else ""
        return f"head -n 1 {file}{label} | curl -H 'Content-Type: text/csv' --data-binary @- {url}"
    if media_type in TEXT_TYPES.values():
        body = _text_request(files[0])
        return body and f"curl -H 'Content-Type: application/json' --data-binary {shlex.quote(body)} {url}"
    if media_type == PARQUET:
        return None
    header = shlex.quote(f"Content-Type: {train.content_type}")
    return f"curl -H {header} --data-binary @{file} {url}"


def _text_request(file: Path) -> str | None:
    """A JSON request for the first line of a text; None for a line without text, or with too much of it for a command."""
    with file.open("rb") as lines:
        line = lines.readline(MOST_OF_A_LINE).decode(errors="replace")
    try:
        body = text_lines.request_of(line).decode()
    except ValueError:
        return None
    return body if len(body) <= MOST_OF_A_REQUEST else None
