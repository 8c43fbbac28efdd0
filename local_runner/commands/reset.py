"""`wildsage reset`: empty the data folder."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer
from rich.filesize import decimal

from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, fail, stderr
from wildsage.local_runner.monitor.cleanup import freed_bytes
from wildsage.local_runner.server import lock
from wildsage.local_runner.settings import ServerSettings

EXAMPLES = examples("wildsage reset", "wildsage reset --data ./aws --yes")


def reset(
    data: DataOption = DATA, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Ask, and remove everything that the local AWS keeps: buckets, jobs, models, endpoints and logs.

    Other files of the folder stay. `wildsage clean` removes only what ended jobs left.
    """
    if server := lock.running(data):
        fail(1, f"A local AWS runs on {data}, at {server.endpoint}. Stop it first: `wildsage down`.")
    places = [place for place in ServerSettings(data).places if place.exists()]
    if not places:
        stderr.print(f"{data} holds nothing of Wildsage.")
        return
    size = decimal(sum(map(freed_bytes, places)))
    if not yes:
        typer.confirm(f"Remove all buckets, jobs, models, endpoints and logs in {data}, {size}?", abort=True, err=True)
    try:
        with lock.exclusive_use(data):
            for place in places:
                shutil.rmtree(place) if place.is_dir() else place.unlink()
    except lock.InUse as error:
        fail(1, str(error))
    stderr.print(f"[green]Removed[/] {size} in {data}.")
