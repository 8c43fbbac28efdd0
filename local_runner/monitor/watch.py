"""Events of a data folder: jobs start, change and end, endpoints are created and deleted.

It only reads what the server writes to the folder, so it cannot delay or damage the server.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from wildsage.local_runner.monitor.overview import EndpointSummary, JobSummary, LogTail, Overview

MISSING_BUCKET = (
    "A caller tried to read it. --public-s3 reads AWS's public buckets; "
    "`aws s3 mb` and `aws s3 cp` with --endpoint-url fill a local one."
)
FOREIGN_IMAGE = (
    "AWS rejects an image of another region than the request's (Cross region ECR image pulls are not allowed), as --strict "
    "does here. `sagemaker.image_uris.retrieve` gives the image of a region."
)


@dataclass(frozen=True)
class Event:
    """A job or endpoint has a new status. `time_s`: seconds since 1970. `took_s`: duration of a job that has ended."""

    time_s: float
    what: str
    name: str
    status: str
    reason: str = ""
    took_s: float | None = None

    def record(self) -> dict[str, object]:
        """The event as a flat record for a log: time in UTC, empty fields left out."""
        stamp = datetime.fromtimestamp(self.time_s, UTC).isoformat(timespec="milliseconds")
        record = {"time": stamp, "event": self.what, "name": self.name, "status": self.status, "reason": self.reason}
        took = None if self.took_s is None else round(self.took_s, 3)
        return {name: value for name, value in {**record, "took_s": took}.items() if value not in ("", None)}


@dataclass
class Snapshot:
    """Running jobs, their progress in percent by ARN if they report it, endpoints, and the events since the last poll."""

    running: Sequence[JobSummary] = ()
    progress: Mapping[str, float] = field(default_factory=dict)
    endpoints: Sequence[EndpointSummary] = ()
    events: Sequence[Event] = ()


class Watch:
    """Polls a data folder. A job that ended before the first poll gives no event."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview
        self._version: tuple[int, ...] | None = None
        self._jobs: dict[str, JobSummary] = {}
        self._endpoints: dict[str, EndpointSummary] = {}
        self._tails: dict[str, LogTail] = {}
        self._noted = (
            ("bucket", "Missing", MISSING_BUCKET, overview.missed_buckets()),
            ("image", "Foreign", FOREIGN_IMAGE, overview.foreign_images()),
        )
        self._noted_before: set[tuple[str, str]] = set()

    def poll(self) -> Snapshot:
        """Read the state and return it with the new events. Reads job documents again only after a change."""
        version = self._overview.version()
        events = self._read() if version != self._version else []
        events += self._read_notes()
        self._version = version
        running = [job for job in self._jobs.values() if job.is_running]
        self._tails = {
            job.arn: self._tails.get(job.arn) or self._overview.follow(job.name, job.region) for job in running
        }
        progress = {arn: percent for arn, tail in self._tails.items() if (percent := tail.progress()) is not None}
        return Snapshot(running, progress, list(self._endpoints.values()), events)

    def _read_notes(self) -> list[Event]:
        """An event for each bucket that was missed, and each image of another region that was used, for the first time."""
        events = []
        for what, status, reason, reader in self._noted:
            for name in reader.new():
                if (what, name) not in self._noted_before:
                    self._noted_before.add((what, name))
                    events.append(Event(time.time(), what, name, status, reason))
        return events

    def _read(self) -> list[Event]:
        jobs = {job.arn: job for job in self._overview.jobs()}
        endpoints = {endpoint.arn: endpoint for endpoint in self._overview.endpoints()}
        first = self._version is None
        events = [
            _job_event(job)
            for arn, job in jobs.items()
            if _phase(job) != _phase(self._jobs.get(arn)) and (job.is_running or not first)
        ]
        events += [
            _endpoint_event(endpoint)
            for arn, endpoint in endpoints.items()
            if endpoint.status != getattr(self._endpoints.get(arn), "status", None)
        ]
        events += [
            Event(time.time(), "endpoint", gone.name, "Deleted")
            for arn, gone in self._endpoints.items()
            if arn not in endpoints
        ]
        self._jobs, self._endpoints = jobs, endpoints
        return sorted(events, key=lambda event: event.time_s)


def _phase(job: JobSummary | None) -> str | None:
    """InProgress, or the final status. Secondary statuses between them are shown but give no event."""
    return None if job is None else "InProgress" if job.is_running else job.status


def _job_event(job: JobSummary) -> Event:
    what = f"{job.kind.word} job"
    if job.is_running:
        return Event(job.created, what, job.name, "InProgress")
    ended = job.ended or time.time()
    return Event(ended, what, job.name, job.status, job.reason, ended - job.created)


def _endpoint_event(endpoint: EndpointSummary) -> Event:
    return Event(time.time(), "endpoint", endpoint.name, endpoint.status, endpoint.reason)
