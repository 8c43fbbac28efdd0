"""Reads the jobs, endpoints and logs of a data folder, whether or not a server runs on it. Writes nothing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wildsage.containers.contract.metrics import PROGRESS_REGEX
from wildsage.local_runner.jobs.logs import ENDPOINTS, LogEvent, Logs
from wildsage.local_runner.jobs.states import ENDED, WAITS
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.processes.line_file import LineReader
from wildsage.local_runner.settings import ServerSettings

PLATFORM_LOGS = "/aws/sagemaker/"
PROGRESS = re.compile(PROGRESS_REGEX.replace(r"host=\S+", r"host=(?P<host>\S+)"))


@dataclass(frozen=True)
class DocumentKind:
    """A kind of job. `word`: its name. `kind`: kind of its documents in the store. `stem`: start of SageMaker's field names."""

    word: str
    kind: str
    stem: str
    end_field: str


KINDS = (
    DocumentKind("training", "training-job", "TrainingJob", "TrainingEndTime"),
    DocumentKind("transform", "transform-job", "TransformJob", "TransformEndTime"),
    DocumentKind("processing", "processing-job", "ProcessingJob", "ProcessingEndTime"),
    DocumentKind("tuning", "hyper-parameter-tuning-job", "HyperParameterTuningJob", "HyperParameterTuningEndTime"),
)


@dataclass(frozen=True)
class JobSummary:
    """Summary of a job. Times are in seconds since 1970; `ended` is None while the job runs.

    `tuned_by` is the ARN of the tuning job that started it, or "". `waits`: it has not begun, because other jobs run.
    """

    kind: DocumentKind
    name: str
    arn: str
    status: str
    phase: str
    created: float
    ended: float | None
    reason: str
    tuned_by: str = ""
    waits: bool = False

    @property
    def region(self) -> str:
        """Region of the job."""
        return region_of(self.arn)

    @property
    def is_running(self) -> bool:
        """True until the job has ended; a waiting job counts as running."""
        return self.status not in ENDED


@dataclass(frozen=True)
class EndpointSummary:
    """Summary of an endpoint. `created` is in seconds since 1970."""

    name: str
    arn: str
    status: str
    variants: Sequence[str]
    created: float
    reason: str

    @property
    def region(self) -> str:
        """Region of the endpoint."""
        return region_of(self.arn)


@dataclass(frozen=True)
class LogLine:
    """A line of a log, and the name of its stream."""

    stream: str
    event: LogEvent


class Overview:
    """Jobs, endpoints and logs of a data folder, of all regions. Raises FileNotFoundError if no server ever ran on it."""

    def __init__(self, data: Path) -> None:
        self.settings = ServerSettings(data)
        if not self.settings.regions.is_dir():
            raise FileNotFoundError(self.settings.regions)
        self._opened: dict[str, Store] = {}

    def missed_buckets(self) -> LineReader:
        """Follows the names of buckets that callers try to read from now on although they do not exist."""
        return LineReader(self.settings.missed_buckets)

    def foreign_images(self) -> LineReader:
        """Follows the images of other regions that callers use from now on, each with the caller's region."""
        return LineReader(self.settings.foreign_images)

    def close(self) -> None:
        """Close the stores of all regions that were read."""
        for store in self._opened.values():
            store.close()

    def version(self) -> tuple[int, ...]:
        """Numbers that differ after each change of a job or an endpoint."""
        return tuple(store.version() for store in self._stores())

    def jobs(self) -> list[JobSummary]:
        """All jobs, the newest first."""
        found = [job_summary(kind, one) for store in self._stores() for kind in KINDS for one in store.all(kind.kind)]
        return sorted(found, key=lambda job: job.created, reverse=True)

    def tuner(self, job: JobSummary) -> JobSummary | None:
        """The tuning job that started a job, while it runs."""
        return next((one for one in self.jobs() if one.arn == job.tuned_by and one.is_running), None)

    def endpoints(self) -> list[EndpointSummary]:
        """All endpoints, sorted by name."""
        found = [endpoint_summary(document) for store in self._stores() for document in store.all("endpoint")]
        return sorted(found, key=lambda endpoint: endpoint.name)

    def follow(self, name: str, region: str | None = None) -> LogTail:
        """The logs of all containers of a job or an endpoint, in one region or in all that have been used."""
        regions = self.settings.existing_regions() if region is None else [self.settings.region(region)]
        return LogTail([Logs(folder.logs) for folder in regions], name)

    def _stores(self) -> list[Store]:
        """The stores of all regions, which may become more while a server runs."""
        for folder in self.settings.existing_regions():
            if folder.name not in self._opened:
                self._opened[folder.name] = Store(folder.state)
        return list(self._opened.values())


class LogTail:
    """Reads the lines that were added to the logs of a job or endpoint since the last read."""

    def __init__(self, logs: Sequence[Logs], name: str) -> None:
        """`logs`: those of each region in which the name may occur."""
        self._logs = logs
        self._name = name
        self._positions: dict[tuple[Logs, str, str], int] = {}
        self._progress: dict[str, float] = {}

    def streams(self) -> list[tuple[Logs, str, str]]:
        """Region's logs, group and name of every stream that exists now."""
        own = f"{ENDPOINTS}/{self._name}"
        return [
            (logs, group, stream.name)
            for logs in self._logs
            for group in logs.groups(PLATFORM_LOGS)
            if group == own or not group.startswith(ENDPOINTS)
            for stream in logs.streams(group, "" if group == own else f"{self._name}/")
        ]

    def read(self) -> list[LogLine]:
        """The new lines of all streams, sorted by time."""
        lines = [LogLine(place[-1], event) for place in self.streams() for event in self._new(place)]
        return sorted(lines, key=lambda line: line.event.timestamp_ms)

    def progress(self) -> float | None:
        """Percent of the epochs in the last `#progress_metric` line, of the slowest host; None if no host reports it."""
        for line in self.read():
            if match := PROGRESS.search(line.event.message):
                with contextlib.suppress(ValueError):
                    self._progress[match["host"]] = float(match[2])
        return min(self._progress.values(), default=None)

    def _new(self, place: tuple[Logs, str, str]) -> Iterator[LogEvent]:
        logs, group, stream = place
        for event in logs.events(group, stream, self._positions.get(place, 0)):
            self._positions[place] = event.end
            yield event


def region_of(arn: str) -> str:
    """The region that an ARN names."""
    return arn.split(":")[3]


def job_summary(kind: DocumentKind, document: Document) -> JobSummary:
    """The summary of a job from its document in the store."""
    return JobSummary(
        kind=kind,
        name=document[f"{kind.stem}Name"],
        arn=document[f"{kind.stem}Arn"],
        status=document[f"{kind.stem}Status"],
        phase=document.get("SecondaryStatus") or document[f"{kind.stem}Status"],
        created=document["CreationTime"],
        ended=document.get(kind.end_field),
        reason=document.get("FailureReason", ""),
        tuned_by=document.get("TuningJobArn", ""),
        waits=WAITS in document or document.get("SecondaryStatus") == "Pending",
    )


def endpoint_summary(document: Document) -> EndpointSummary:
    """The summary of an endpoint from its document in the store."""
    variants = document.get("Deployment", {}).get("Variants", ())
    return EndpointSummary(
        name=document["EndpointName"],
        arn=document["EndpointArn"],
        status=document["EndpointStatus"],
        variants=[variant["VariantName"] for variant in variants],
        created=document["CreationTime"],
        reason=document.get("FailureReason", ""),
    )
