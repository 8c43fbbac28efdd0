"""Logs, and the metrics of a job, from where the last answer ended, so that a page that follows them reads each line once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wildsage.containers.contract import json_text
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.logs import (
    PROCESSING_JOBS,
    TRAINING_JOBS,
    TRANSFORM_JOBS,
    LogEvent,
    Logs,
    NoSuchGroup,
    NoSuchStream,
)
from wildsage.local_runner.jobs.store import Document

GROUPS = {"training": TRAINING_JOBS, "processing": PROCESSING_JOBS, "transform": TRANSFORM_JOBS}
TAIL_BYTES = 200_000
"""What a page shows of a long log when it is opened; the whole log is a download."""
MOST_POINTS = 2_000
"""Readings of a metric in one answer. A chart is not wider than that in pixels."""

DELETED = (NoSuchGroup, NoSuchStream)
"""What is raised for a stream that somebody deletes after the streams were listed."""

Positions = Mapping[str, int]


@dataclass(frozen=True)
class LogPart:
    """New lines of a log, by time, each with its stream without the prefix, and the positions after them."""

    lines: Sequence[tuple[str, LogEvent]]
    positions: Positions
    is_cut: bool = False


@dataclass(frozen=True)
class MetricPart:
    """New readings by the name of their metric, `[milliseconds since 1970, value]` each, and the positions after them."""

    series: Mapping[str, Sequence[tuple[float, float]]]
    positions: Positions


def parse_positions(text: str) -> Positions:
    """Positions as an earlier answer gave them. Raises ValueError."""
    found: Any = json_text.parse(text) if text else {}
    if not isinstance(found, dict) or not all(isinstance(value, int) and value >= 0 for value in found.values()):
        raise ValueError("Positions are a JSON object of whole numbers from 0.")
    return found


def read_log(logs: Logs, group: str, prefix: str, positions: Positions, whole: bool = False) -> LogPart:
    """The lines of a group's streams with a prefix that came after some positions. Without positions: their end, or all."""
    ends, lines, is_cut = dict(positions), [], False
    for stream in _streams(logs, group, prefix):
        with contextlib.suppress(*DELETED):
            if stream not in ends and not whole:
                ends[stream] = logs.tail_position(group, stream, TAIL_BYTES)
                is_cut |= bool(ends[stream])
            for event in logs.events(group, stream, ends.get(stream, 0)):
                lines.append((stream.removeprefix(prefix), event))
                ends[stream] = event.end
    return LogPart(sorted(lines, key=lambda line: line[1].timestamp_ms), ends, is_cut)


def read_metrics(logs: Logs, job: Document, positions: Positions) -> MetricPart:
    """The readings that came after some positions, of all hosts; where there are several, a series names its host."""
    wanted = job.get("AlgorithmSpecification", {}).get("MetricDefinitions", ())
    streams = _streams(logs, TRAINING_JOBS, f"{job['TrainingJobName']}/") if wanted else []
    ends = dict(positions)
    series: dict[str, list[tuple[float, float]]] = {}
    for stream in streams:
        with contextlib.suppress(*DELETED):
            reader = _PositionedEvents(logs.events(TRAINING_JOBS, stream, ends.get(stream, 0)))
            for datum in metrics.scrape(reader, wanted):
                name = f"{datum.name} ({_host(stream)})" if len(streams) > 1 else datum.name
                series.setdefault(name, []).append((datum.timestamp_ms, datum.value))
            ends[stream] = reader.end or ends.get(stream, 0)
    return MetricPart({name: _thinned(points) for name, points in series.items()}, ends)


class _PositionedEvents:
    """Events, and the position after those that have been read."""

    def __init__(self, events: Iterator[LogEvent]) -> None:
        self._events = events
        self.end = 0

    def __iter__(self) -> Iterator[LogEvent]:
        for event in self._events:
            self.end = event.end
            yield event


def _streams(logs: Logs, group: str, prefix: str) -> list[str]:
    with contextlib.suppress(NoSuchGroup, FileNotFoundError):
        return logs.stream_names(group, prefix)
    return []


def _host(stream: str) -> str:
    """`algo-1` of the stream `name/algo-1-1700000000`."""
    return stream.partition("/")[2].rpartition("-")[0]


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Every so many of the points, and the last."""
    step = -(-len(points) // MOST_POINTS)
    return [*points[:-1:step], points[-1]]
