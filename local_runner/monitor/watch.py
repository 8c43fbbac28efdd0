"""What goes on in a data folder, as it happens: jobs that begin, change and end, endpoints that come and go.

It only reads what the server writes to the folder, so it can neither hold the server up nor hurt it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from wildsage.local_runner.monitor.overview import Endpoint, Job, LogTail, Overview


@dataclass(frozen=True)
class Event:
    """A job or endpoint has a new status. `time_s` in seconds since 1970, `took_s` only of a job that has ended."""

    time_s: float
    what: str
    name: str
    status: str
    reason: str = ""
    took_s: float | None = None

    def record(self) -> dict[str, object]:
        """As a flat record for a log, in UTC, without what is empty."""
        stamp = datetime.fromtimestamp(self.time_s, UTC).isoformat(timespec="milliseconds")
        record = {"time": stamp, "event": self.what, "name": self.name, "status": self.status, "reason": self.reason}
        took = None if self.took_s is None else round(self.took_s, 3)
        return {name: value for name, value in {**record, "took_s": took}.items() if value not in ("", None)}


@dataclass
class Snapshot:
    """What is there now: the jobs that run, percent done where they tell, the endpoints, and what is new since the last look."""

    running: Sequence[Job] = ()
    progress: Mapping[str, float] = field(default_factory=dict)
    endpoints: Sequence[Endpoint] = ()
    events: Sequence[Event] = ()


class Watch:
    """Looks at a data folder again and again. What ended before the first look is not an event."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview
        self._version: int | None = None
        self._jobs: dict[tuple[str, str], Job] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._tails: dict[str, LogTail] = {}

    def look(self) -> Snapshot:
        """Costs next to nothing while nothing changes: job documents are read again only after a change."""
        version = self._overview.version()
        events = self._read() if version != self._version else []
        self._version = version
        running = [job for job in self._jobs.values() if job.is_running]
        self._tails = {job.name: self._tails.get(job.name) or self._overview.follow(job.name) for job in running}
        progress = {name: percent for name, tail in self._tails.items() if (percent := tail.progress()) is not None}
        return Snapshot(running, progress, list(self._endpoints.values()), events)

    def _read(self) -> list[Event]:
        jobs = {(job.kind.kind, job.name): job for job in self._overview.jobs()}
        endpoints = {endpoint.name: endpoint for endpoint in self._overview.endpoints()}
        first = self._version is None
        events = [
            _of_job(job)
            for key, job in jobs.items()
            if _phase(job) != _phase(self._jobs.get(key)) and (job.is_running or not first)
        ]
        events += [
            _of_endpoint(endpoint)
            for name, endpoint in endpoints.items()
            if endpoint.status != getattr(self._endpoints.get(name), "status", None)
        ]
        events += [
            Event(time.time(), "endpoint", name, "Deleted") for name in self._endpoints.keys() - endpoints.keys()
        ]
        self._jobs, self._endpoints = jobs, endpoints
        return sorted(events, key=lambda event: event.time_s)


def _phase(job: Job | None) -> str | None:
    """Running, or how it ended: what lies between is shown, and is not an event."""
    return None if job is None else "InProgress" if job.is_running else job.status


def _of_job(job: Job) -> Event:
    what = f"{job.kind.word} job"
    if job.is_running:
        return Event(job.created, what, job.name, "InProgress")
    ended = job.ended or time.time()
    return Event(ended, what, job.name, job.status, job.reason, ended - job.created)


def _of_endpoint(endpoint: Endpoint) -> Event:
    return Event(time.time(), "endpoint", endpoint.name, endpoint.status, endpoint.reason)
