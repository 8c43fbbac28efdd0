"""Names of jobs and endpoints on the command line: the start of a name is enough, and the shell completes it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import typer

from wildsage.local_runner.commands.terminal import DATA, fail
from wildsage.local_runner.monitor.overview import Overview

SHOWN = 5


def full_name(name: str, known: Iterable[str], of_active: Iterable[str] | None = None) -> str:
    """`name` if it is one of the known names, else the one that begins with it: of the active ones, if they are given.

    Returns `name` if none begins with it. Exits with an error if several do.
    """
    names = list(dict.fromkeys(known))
    if name in names:
        return name
    found = [each for each in (names if of_active is None else dict.fromkeys(of_active)) if each.startswith(name)]
    match found:
        case []:
            return name
        case [only]:
            return only
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    fail(2, f"Several names begin with {name}: {', '.join(found[:SHOWN])}{more}. Give more of the one you mean.")


def complete(context: typer.Context, incomplete: str) -> list[str]:
    """What the shell offers for a name: those of jobs, the newest first, and of endpoints."""
    data = Path(context.params.get("data") or DATA).expanduser()
    with contextlib.suppress(FileNotFoundError), contextlib.closing(Overview(data)) as overview:
        return [name for name in dict.fromkeys(all_names(overview)) if name.startswith(incomplete)]
    return []


def all_names(overview: Overview) -> list[str]:
    """The names of jobs, the newest first, and then of endpoints."""
    return [job.name for job in overview.jobs()] + [endpoint.name for endpoint in overview.endpoints()]


def active_names(overview: Overview) -> list[str]:
    """The names of running jobs, the newest first, and then of endpoints."""
    return [job.name for job in overview.jobs() if job.is_running] + [each.name for each in overview.endpoints()]
