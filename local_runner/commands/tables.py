"""Output of commands: a table on a terminal, tab-separated lines for another program."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wildsage.containers.contract.printable import printable

STYLES = {
    "Completed": "green",
    "InService": "green",
    "Failed": "red",
    "Stopped": "yellow",
    "Stopping": "yellow",
    "Interrupted": "yellow",
    "stopped": "dim",
}


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows on standard output: as a table on a terminal, else as lines with tabs between the cells."""
    out = Console(highlight=False)
    if not out.is_terminal:
        for row in (columns, *rows):
            print("\t".join(printable(" ".join(cell.split())) for cell in row))
        return
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(style_status, row))
    out.print(table)


def style_status(cell: str) -> str:
    """A status with its color, any other text unchanged."""
    style = STYLES.get(cell)
    return f"[{style}]{cell}[/]" if style else escape(printable(cell))


def format_time(seconds: float) -> str:
    """Local time of `seconds` since 1970: the time if it is today, else with the date."""
    then = time.localtime(seconds)
    today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M", then)


def format_duration(seconds: float) -> str:
    """A duration in seconds as text: `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    seconds = round(seconds)
    for larger, smaller, size_s in (("d", "h", 86_400), ("h", "min", 3_600), ("min", "s", 60)):
        if seconds >= size_s:
            whole, rest = divmod(seconds, size_s)
            return f"{whole} {larger} {rest * {86_400: 24, 3_600: 60, 60: 60}[size_s] // size_s} {smaller}"
    return f"{seconds} s"
