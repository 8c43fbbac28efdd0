"""Overview: what runs, how full queue and disk are, how clients are connected, and what they requested that is not here."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import psutil
from flask import Blueprint, render_template, request

import wildsage
from wildsage.local_runner.client import environment
from wildsage.local_runner.console.cloud import Cloud, cloud, used_regions
from wildsage.local_runner.jobs.states import UNENDED
from wildsage.local_runner.jobs.store import Document, ListQuery
from wildsage.local_runner.monitor.overview import KINDS, EndpointSummary, JobSummary, endpoint_summary, job_summary
from wildsage.local_runner.processes.line_file import count_lines

BLUEPRINT = Blueprint("overview", __name__)
PACKAGES = ("boto3", "torch", "numpy", "sagemaker")
MOST_SHOWN = 50


@dataclass(frozen=True)
class Disk:
    """The disk of the data folder, in bytes, and the objects on it."""

    free_bytes: int
    objects: int
    object_bytes: int


@BLUEPRINT.get("/")
def page() -> str:
    """The whole page."""
    return render_template("overview/page.html", **live_values(), exports=exports(), versions=versions())


@BLUEPRINT.get("/now")
def now() -> str:
    """The part of the page that changes."""
    return render_template("overview/now.html", **live_values())


def live_values() -> dict[str, Any]:
    """What the part of the page that changes shows."""
    here = cloud()
    return {
        "running": running_jobs(),
        "endpoints": endpoints(),
        "statuses": statuses(),
        "queue": here.queue,
        "disk": disk_use(here),
        "started": psutil.Process().create_time(),
        "settings": here.settings,
        "not_implemented": count_lines(here.settings.not_implemented),
        "missed_buckets": count_lines(here.settings.missed_buckets),
    }


def running_jobs() -> list[JobSummary]:
    """The jobs that have not ended, the newest first."""
    found = [
        job_summary(kind, document)
        for services in used_regions()
        for kind in KINDS
        for status in UNENDED
        for document in services.store.select(kind.kind, ListQuery(status=status, descending=True, limit=MOST_SHOWN))
    ]
    return sorted(found, key=lambda job: job.created, reverse=True)[:MOST_SHOWN]


def endpoints() -> list[EndpointSummary]:
    """All endpoints, sorted by name."""
    found = [endpoint_summary(document) for services in used_regions() for document in services.store.all("endpoint")]
    return sorted(found, key=lambda endpoint: endpoint.name)


def statuses() -> Counter[str]:
    """How many jobs of all kinds have each status."""
    return sum((services.store.statuses(kind.kind) for services in used_regions() for kind in KINDS), Counter())


def disk_use(here: Cloud) -> Disk:
    """How much room is left and what the objects take."""
    objects, object_bytes = here.objects.totals()
    return Disk(shutil.disk_usage(here.settings.data).free, objects, object_bytes)


def exports() -> str:
    """The lines for a shell that make its programs clients of this server, at the address that the browser uses."""
    data = cloud().settings.data
    values = environment.variables(request.host_url.rstrip("/"), data, False, os.environ)
    if environment.PUBLISHED_AT in os.environ:
        values = environment.portable(values, data)
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def versions() -> Document:
    """Versions of what runs here; packages that are not installed are left out."""
    found = {"Wildsage": wildsage.__version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "Process": str(os.getpid())}
