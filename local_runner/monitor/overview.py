"""A data folder seen from outside: its jobs, endpoints and logs, whether or not a server runs on it. Nothing here writes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wildsage.containers.contract.metrics import PROGRESS_REGEX
from wildsage.local_runner.jobs.logs import ENDPOINTS, LogEvent, Logs
from wildsage.local_runner.jobs.states import ENDED
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.settings import ServerSettings

PLATFORM_LOGS = "/aws/sagemaker/"
PROGRESS = re.compile(PROGRESS_REGEX.replace(r"host=\S+", r"host=(?P<host>\S+)"))


@dataclass(frozen=True)
class JobKind:
    """A kind of job: its `word`, the `kind` of its documents in the store, and how SageMaker's field names begin."""

    word: str
    kind: str
    stem: str
    end_field: str


KINDS = (
    JobKind("training", "training-job", "TrainingJob", "TrainingEndTime"),
    JobKind("transform", "transform-job", "TransformJob", "TransformEndTime"),
    JobKind("tuning", "hyper-parameter-tuning-job", "HyperParameterTuningJob", "HyperParameterTuningEndTime"),
)


@dataclass(frozen=True)
class Job:
    """One line about a job. Times in seconds since 1970; `ended` is None while it runs.

    `tuned_by` is the ARN of the tuning job that it belongs to, or "".
    """

    kind: JobKind
    name: str
    arn: str
    status: str
    phase: str
    created: float
    ended: float | None
    reason: str
    tuned_by: str = ""

    @property
    def is_running(self) -> bool:
        return self.status not in ENDED


@dataclass(frozen=True)
class Endpoint:
    """One line about an endpoint."""

    name: str
    status: str
    variants: Sequence[str]
    created: float
    reason: str


@dataclass(frozen=True)
class LogLine:
    """A line of a log, and the stream it stands in."""

    stream: str
    event: LogEvent


class Overview:
    """What a data folder holds. Raises FileNotFoundError where no server ever ran."""

    def __init__(self, data: Path) -> None:
        self.settings = ServerSettings(data)
        if not self.settings.state.is_file():
            raise FileNotFoundError(self.settings.state)
        self._store = Store(self.settings.state)
        self._logs = Logs(self.settings.logs)

    def close(self) -> None:
        self._store.close()

    def version(self) -> int:
        """A number that is another after each change of a job or an endpoint."""
        return self._store.version()

    def jobs(self) -> list[Job]:
        """All jobs, the newest first."""
        found = [_job(kind, document) for kind in KINDS for document in self._store.all(kind.kind)]
        return sorted(found, key=lambda job: job.created, reverse=True)

    def endpoints(self) -> list[Endpoint]:
        """All endpoints by name."""
        return [_endpoint(document) for document in self._store.all("endpoint")]

    def follow(self, name: str) -> LogTail:
        """The logs of a job or an endpoint, of all its containers."""
        return LogTail(self._logs, name)


class LogTail:
    """Reads what was written to the logs of a job or endpoint since the last time."""

    def __init__(self, logs: Logs, name: str) -> None:
        self._logs = logs
        self._name = name
        self._positions: dict[tuple[str, str], int] = {}
        self._progress: dict[str, float] = {}

    def streams(self) -> list[tuple[str, str]]:
        """Group and name of every stream there is by now."""
        own = f"{ENDPOINTS}/{self._name}"
        groups = self._logs.groups(PLATFORM_LOGS)
        return [
            (group, stream.name)
            for group in groups
            if group == own or not group.startswith(ENDPOINTS)
            for stream in self._logs.streams(group, "" if group == own else f"{self._name}/")
        ]

    def read(self) -> list[LogLine]:
        """Lines that are new, merged by time."""
        lines = [LogLine(stream, event) for group, stream in self.streams() for event in self._new(group, stream)]
        return sorted(lines, key=lambda line: line.event.timestamp_ms)

    def progress(self) -> float | None:
        """Percent of the epochs, as `#progress_metric` lines told it last; of several hosts, that of the slowest."""
        for line in self.read():
            if match := PROGRESS.search(line.event.message):
                with contextlib.suppress(ValueError):
                    self._progress[match["host"]] = float(match[2])
        return min(self._progress.values(), default=None)

    def _new(self, group: str, stream: str) -> Iterator[LogEvent]:
        for event in self._logs.events(group, stream, self._positions.get((group, stream), 0)):
            self._positions[group, stream] = event.end
            yield event


def _job(kind: JobKind, document: Document) -> Job:
    return Job(
        kind=kind,
        name=document[f"{kind.stem}Name"],
        arn=document[f"{kind.stem}Arn"],
        status=document[f"{kind.stem}Status"],
        phase=document.get("SecondaryStatus") or document[f"{kind.stem}Status"],
        created=document["CreationTime"],
        ended=document.get(kind.end_field),
        reason=document.get("FailureReason", ""),
        tuned_by=document.get("TuningJobArn", ""),
    )


def _endpoint(document: Document) -> Endpoint:
    variants = document.get("Deployment", {}).get("Variants", ())
    return Endpoint(
        name=document["EndpointName"],
        status=document["EndpointStatus"],
        variants=[variant["VariantName"] for variant in variants],
        created=document["CreationTime"],
        reason=document.get("FailureReason", ""),
    )
