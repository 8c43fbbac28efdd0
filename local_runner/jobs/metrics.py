"""Metrics of a training job: found in its log by regular expressions, the built-in ones and the caller's.

The built-in definitions are those that SageMaker attaches to jobs of its algorithms (container contract, section 7).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import regex

from wildsage.local_runner.images import catalogue
from wildsage.local_runner.jobs.logs import LogEvent

MetricDefinition = Mapping[str, str]
LINE_TIMEOUT_S = 0.5
"""Time for one expression on one line, a hundred thousand times what it should take."""
MOST_SHOWN = 40
"""An AlgorithmSpecification has no more definitions. A client that creates a job like a described one would be rejected."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Datum:
    """One reading of a metric."""

    name: str
    value: float
    timestamp_ms: int


def definitions(algorithm: str | None, own: Sequence[MetricDefinition] = ()) -> list[dict[str, str]]:
    """The algorithm's metric definitions and the caller's, as `{"Name", "Regex"}`; the caller's win over equal names."""
    found = catalogue.named(algorithm)
    regexes = dict(found.metric_definitions) if found else {}
    regexes.update({definition["Name"]: definition["Regex"] for definition in own})
    return [{"Name": name, "Regex": regex} for name, regex in regexes.items()]


def shown(found: Sequence[MetricDefinition], own: Sequence[MetricDefinition] = ()) -> list[MetricDefinition]:
    """The definitions that a description of a job has: all, or as many as AWS allows, the caller's before others."""
    if len(found) <= MOST_SHOWN:
        return list(found)
    names = {definition["Name"] for definition in own}
    return sorted(found, key=lambda definition: definition["Name"] not in names)[:MOST_SHOWN]


def scrape(events: Iterable[LogEvent], wanted: Sequence[MetricDefinition]) -> list[Datum]:
    """All readings in the order of the events. A TAB also matches as `#011`, CloudWatch's way to show it.

    A definition whose regex is invalid, has no group, or catches no finite number yields nothing, as in SageMaker. One that
    takes longer than LINE_TIMEOUT_S on a line yields nothing from there on.
    """
    patterns = [(definition["Name"], pattern) for definition in wanted if (pattern := _compiled(definition["Regex"]))]
    found: list[Datum] = []
    for event in events:
        for definition in patterns[:]:
            name, pattern = definition
            try:
                value = _value(pattern, event.message)
            except TimeoutError:
                log.warning("metric %s: %r takes too long on one line of the log", name, pattern.pattern)
                patterns.remove(definition)
                continue
            if value is not None:
                found.append(Datum(name, value, event.timestamp_ms))
    return found


def latest(readings: Iterable[Datum]) -> list[Datum]:
    """The last reading of each metric by time."""
    return list({datum.name: datum for datum in sorted(readings, key=lambda datum: datum.timestamp_ms)}.values())


def _compiled(expression: str) -> regex.Pattern[str] | None:
    try:
        pattern = regex.compile(expression)
    except regex.error:
        return None
    return pattern if pattern.groups else None


def _value(pattern: regex.Pattern[str], message: str) -> float | None:
    """The number that a pattern catches in a line; None without one. Raises TimeoutError."""
    match = _search(pattern, message) or ("\t" in message and _search(pattern, message.replace("\t", "#011")))
    try:
        value = float(match[1]) if match else None
    except (TypeError, ValueError):
        return None
    return value if value is not None and math.isfinite(value) else None


def _search(pattern: regex.Pattern[str], text: str) -> regex.Match[str] | None:
    return pattern.search(text, timeout=LINE_TIMEOUT_S, concurrent=True)
