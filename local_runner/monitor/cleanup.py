"""What can be removed from a data folder: what ended jobs and deleted endpoints left and, on request, objects.

A job is removed completely: its record, its logs and, if it was kept, its /opt/ml folder. What it stored in S3 stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from wildsage.containers.contract import layered_environment
from wildsage.local_runner.jobs.logs import ENDPOINTS
from wildsage.local_runner.jobs.store import TAGS, NotFound, Store
from wildsage.local_runner.monitor.overview import JobSummary, Overview
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.uploads import Uploads
from wildsage.local_runner.settings import RegionFolder, ServerSettings

ENDED_JOBS = "ended jobs: records, logs, kept folders"
ORPHANED_LOGS = "logs of deleted jobs and endpoints"
ORPHANED_FOLDERS = "folders of deleted jobs and endpoints"
UPLOADS = "unfinished uploads"
PUBLIC = "objects fetched from public buckets"
OBJECTS = "objects in S3"
ENVIRONMENTS = "environments of requirements.txt"


@dataclass(frozen=True)
class Removable:
    """Something that can be removed. `time_s`: time of its last use, in seconds since 1970."""

    what: str
    name: str
    time_s: float
    size_bytes: int
    remove: Callable[[], None]


def leftovers(folder: RegionFolder, overview: Overview, store: Store) -> Iterator[Removable]:
    """What can be removed from a region even while a server runs, because no running job and no existing endpoint uses it."""
    jobs = [job for job in overview.jobs() if job.region == folder.name]
    in_use = {job.arn for job in jobs if job.is_running}
    for job in jobs:
        if not job.is_running and job.tuned_by not in in_use:
            places = [*_log_files(folder, job.name), folder.kept / job.name]
            forget = partial(_forget, store, job, places)
            yield Removable(ENDED_JOBS, job.name, job.ended or job.created, sum(map(freed_bytes, places)), forget)
    names = {job.name for job in jobs}
    names |= {endpoint.name for endpoint in overview.endpoints() if endpoint.region == folder.name}
    yield from _orphans(ORPHANED_LOGS, _orphaned_logs(folder, names))
    places = [*_children(folder.kept), *_children(folder.endpoints)]
    yield from _orphans(ORPHANED_FOLDERS, [place for place in places if place.name not in names])


def stored_data(settings: ServerSettings, objects: ObjectStore, with_objects: bool) -> Iterator[Removable]:
    """What can be removed from S3 while no server runs: unfinished uploads, fetched public data and, on request, all objects."""
    uploads = Uploads(objects)
    for bucket in objects.buckets():
        for upload in uploads.list_uploads(bucket.name):
            size_bytes = freed_bytes(settings.objects / "uploads" / upload.id)
            begun = upload.begun.timestamp()
            yield Removable(UPLOADS, upload.key, begun, size_bytes, partial(uploads.abort, upload))
        for found in objects.list(bucket.name) if with_objects else ():
            remove = partial(objects.delete, bucket.name, found.key)
            yield Removable(OBJECTS, found.key, found.last_modified.timestamp(), found.size, remove)
    yield from _orphans(PUBLIC, [folder for folder in [settings.objects / "public"] if folder.is_dir()])


def environments() -> Iterator[Removable]:
    """Environments that were made for the requirements.txt of scripts, which jobs of all data folders share."""
    for place in _children(layered_environment.kept()):
        if place.is_dir():
            with contextlib.suppress(FileNotFoundError):
                complete = place / layered_environment.COMPLETE
                last_use = (complete if complete.exists() else place).stat().st_mtime
                yield Removable(ENVIRONMENTS, place.name, last_use, freed_bytes(place), partial(_remove, place))


def _log_files(folder: RegionFolder, job: str) -> list[Path]:
    """Files of the log streams of the job named `job`, whatever its kind."""
    groups = [group for group in _children(folder.logs) if not unquote(group.name).startswith(ENDPOINTS)]
    return [stream for group in groups for stream in _children(group) if unquote(stream.name).startswith(f"{job}/")]


def freed_bytes(place: Path) -> int:
    """Bytes that removing a file or folder frees. A file with another hard link frees none."""
    files = (Path(folder, name) for folder, _, names in os.walk(place) for name in names) if place.is_dir() else [place]
    total = 0
    for file in files:
        with contextlib.suppress(OSError):
            status = file.lstat()
            total += status.st_size if status.st_nlink == 1 else 0
    return total


def _orphaned_logs(folder: RegionFolder, names: set[str]) -> list[Path]:
    """Log streams of deleted jobs and log groups of deleted endpoints; `names` are those that exist."""
    found = []
    for group in _children(folder.logs):
        if (name := unquote(group.name)).startswith(f"{ENDPOINTS}/"):
            found += [group] if name.removeprefix(f"{ENDPOINTS}/") not in names else []
        else:
            found += [stream for stream in _children(group) if unquote(stream.name).partition("/")[0] not in names]
    return found


def _orphans(what: str, places: list[Path]) -> Iterator[Removable]:
    for place in places:
        with contextlib.suppress(FileNotFoundError):
            newest = max((path.lstat().st_mtime for path in place.rglob("*")), default=place.stat().st_mtime)
            yield Removable(what, unquote(place.name), newest, freed_bytes(place), partial(_remove, place))


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _forget(store: Store, job: JobSummary, places: list[Path]) -> None:
    for kind, name in ((job.kind.kind, job.name), (TAGS, job.arn)):
        with contextlib.suppress(NotFound):
            store.delete(kind, name)
    for place in places:
        _remove(place)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
