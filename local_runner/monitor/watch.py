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
class Happening:
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
class Sight:
    """What is there now: the jobs that run, percent done where they tell, the endpoints, and what is new since the last look."""

    running: Sequence[Job] = ()
    progress: Mapping[str, float] = field(default_factory=dict)
    endpoints: Sequence[Endpoint] = ()
    news: Sequence[Happening] = ()


class Watch:
    """Looks at a data folder again and again. What had ended before the first look is no news."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview
        self._version: int | None = None
        self._jobs: dict[tuple[str, str], Job] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._tails: dict[str, LogTail] = {}

    def look(self) -> Sight:
        """Costs next to nothing while nothing changes: job documents are read again only after a change."""
        version = self._overview.version()
        news = self._read() if version != self._version else []
        self._version = version
        running = [job for job in self._jobs.values() if job.runs]
        self._tails = {job.name: self._tails.get(job.name) or self._overview.follow(job.name) for job in running}
        progress = {name: percent for name, tail in self._tails.items() if (percent := tail.progress()) is not None}
        return Sight(running, progress, list(self._endpoints.values()), news)

    def _read(self) -> list[Happening]:
        jobs = {(job.kind.kind, job.name): job for job in self._overview.jobs()}
        endpoints = {endpoint.name: endpoint for endpoint in self._overview.endpoints()}
        first = self._version is None
        news = [
            _of_job(job)
            for key, job in jobs.items()
            if _phase(job) != _phase(self._jobs.get(key)) and (job.runs or not first)
        ]
        news += [
            _of_endpoint(endpoint)
            for name, endpoint in endpoints.items()
            if endpoint.status != getattr(self._endpoints.get(name), "status", None)
        ]
        news += [
            Happening(time.time(), "endpoint", name, "Deleted") for name in self._endpoints.keys() - endpoints.keys()
        ]
        self._jobs, self._endpoints = jobs, endpoints
        return sorted(news, key=lambda happening: happening.time_s)


def _phase(job: Job | None) -> str | None:
    """Running, or how it ended: what lies between is shown, and is no news."""
    return None if job is None else "InProgress" if job.runs else job.status


def _of_job(job: Job) -> Happening:
    what = f"{job.kind.word} job"
    if job.runs:
        return Happening(job.created, what, job.name, "InProgress")
    ended = job.ended or time.time()
    return Happening(ended, what, job.name, job.status, job.reason, ended - job.created)


def _of_endpoint(endpoint: Endpoint) -> Happening:
    return Happening(time.time(), "endpoint", endpoint.name, endpoint.status, endpoint.reason)
