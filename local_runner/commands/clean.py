"""`wildsage clean`: free the disk space that ended jobs use."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from wildsage.local_runner.commands.tables import format_time, print_table
from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, fail, open_overview, stderr
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.monitor import cleanup
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.server import lock
from wildsage.local_runner.settings import ServerSettings

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
EXAMPLES = examples(
    "wildsage clean",
    "wildsage clean --older-than 7d",
    "wildsage clean --older-than 30d --objects --yes",
    "wildsage clean --older-than 4w --environments",
)


def parse_age(text: str) -> float:
    """`7d` as seconds: a number and one of s, m, h, d, w. Raises typer.BadParameter for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not found:
        expected = "expected a number and one of s, m, h, d, w, such as 12h or 7d"
        raise typer.BadParameter(f"got {text!r}, {expected}.", param_hint="--older-than")
    return float(found[1]) * SECONDS[found[2]]


def clean(
    data: DataOption = DATA,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Remove only what was last used longer ago: 12h, 7d, 4w.")
    ] = "0s",
    objects: Annotated[
        bool,
        typer.Option("--objects", help="Remove objects in S3 too, data and models, by the time they were written."),
    ] = False,
    environments: Annotated[
        bool,
        typer.Option(
            "--environments",
            help="Remove environments made for requirements.txt too, which all data folders share. No job may use them now.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Show the disk space that ended jobs use, ask, and remove it.

    Records, logs and kept folders of ended jobs, and what deleted endpoints left, are removed even while the local AWS runs.
    Unfinished uploads, data fetched from public buckets and, with --objects, objects are removed only while it does not run.
    """
    before = time.time() - parse_age(older_than)
    settings = ServerSettings(data)
    with contextlib.ExitStack() as opened:
        overview = opened.enter_context(open_overview(data))
        s3 = opened.enter_context(lock_objects(settings, objects))
        found: list[cleanup.Removable] = []
        for folder in settings.existing_regions():
            store = opened.enter_context(contextlib.closing(Store(folder.state)))
            found += cleanup.leftovers(folder, overview, store)
        found += cleanup.stored_data(settings, s3, objects) if s3 else []
        found += cleanup.environments() if environments else []
        removable = [each for each in found if each.time_s <= before]
        summarize(removable)
        stderr.print(f"{data} uses {decimal(cleanup.freed_bytes(data))} in total; {kept_sizes(settings)}.")
        if not removable:
            stderr.print("Nothing to remove.")
            return
        if not yes:
            typer.confirm(f"Remove {len(removable)} items, {decimal(total_bytes(removable))}?", abort=True, err=True)
        for each in removable:
            each.remove()
    stderr.print(f"[green]Removed[/] {len(removable)} items, {decimal(total_bytes(removable))}.")


@contextlib.contextmanager
def lock_objects(settings: ServerSettings, objects_wanted: bool) -> Iterator[ObjectStore | None]:
    """Yield the object store with the data folder locked against servers; None while a server runs."""
    if running := lock.running(settings.data):
        if objects_wanted:
            fail(1, f"--objects: a server runs at {running.endpoint} and may use the objects. Stop it first.")
        yield None
        return
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock.exclusive_use(settings.data))
        except lock.InUse as error:
            fail(1, str(error))
        yield held.enter_context(contextlib.closing(ObjectStore(settings.objects)))


def summarize(removable: Sequence[cleanup.Removable]) -> None:
    """Print one line for each kind of removable thing."""
    rows = []
    for what in dict.fromkeys(each.what for each in removable):
        group = [each for each in removable if each.what == what]
        oldest, newest = (format_time(pick(each.time_s for each in group)) for pick in (min, max))
        rows.append((what, str(len(group)), decimal(total_bytes(group)), f"{oldest} to {newest}"))
    if rows:
        print_table(("what", "count", "size", "last used"), rows)


def total_bytes(found: Sequence[cleanup.Removable]) -> int:
    """Bytes that removing all of them frees."""
    return sum(each.size_bytes for each in found)


def kept_sizes(settings: ServerSettings) -> str:
    """Sizes of the folders of objects, endpoints and running jobs."""
    regions = settings.existing_regions()
    places: list[tuple[str, list[Path]]] = [
        ("objects", [settings.objects]),
        ("endpoints", [folder.endpoints for folder in regions]),
        ("running jobs", [folder.jobs for folder in regions]),
    ]
    return ", ".join(f"{name} {decimal(sum(map(cleanup.freed_bytes, found)))}" for name, found in places)
