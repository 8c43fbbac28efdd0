"""Metrics of a training job: found in its log by regular expressions, the built-in ones and the caller's.

The built-in definitions are those that SageMaker attaches to jobs of its algorithms (container contract, section 7).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wildsage.containers.contract.metrics import PROGRESS_REGEX, THROUGHPUT_REGEX, quality_regex
from wildsage.local_runner.jobs.logs import LogEvent

Definition = Mapping[str, str]

TOOLKIT = {"train:progress": PROGRESS_REGEX, "train:throughput": THROUGHPUT_REGEX}


def _test(name: str, kind: str) -> str:
    return quality_regex("test", name, kind)


BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "kmeans": {"test:msd": _test("msd", "loss"), "test:ssd": _test("ssd", "loss"), **TOOLKIT},
    "pca": TOOLKIT,
    "factorization-machines": {
        "test:rmse": _test("rmse", "loss"),
        "test:binary_classification_accuracy": _test("binary_classification_accuracy", "score"),
        "test:binary_classification_cross_entropy": _test("binary_classification_cross_entropy", "loss"),
        "test:binary_f_beta": _test("binary_f_1.000", "score"),
        **TOOLKIT,
    },
    "knn": {"test:accuracy": _test("accuracy", "score"), "test:mse": _test("mse", "loss"), **TOOLKIT},
    "linear-learner": TOOLKIT,
    "image-classification": {"validation:accuracy": r"Epoch\[\d+\] Validation-accuracy=(\S+)"},
    "blazingtext": {
        "train:mean_rho": r"#mean_rho: (\S+)",
        "validation:accuracy": r"#validation_accuracy: (\S+)",
    },
}


@dataclass(frozen=True)
class Datum:
    """One reading of a metric."""

    name: str
    value: float
    timestamp_ms: int


def definitions(algorithm: str | None, own: Sequence[Definition] = ()) -> list[dict[str, str]]:
    """The algorithm's metric definitions and the caller's, as `{"Name", "Regex"}`; the caller's win over equal names."""
    regexes = dict(BUILT_IN.get(algorithm or "", {}))
    regexes.update({definition["Name"]: definition["Regex"] for definition in own})
    return [{"Name": name, "Regex": regex} for name, regex in regexes.items()]


def scrape(events: Iterable[LogEvent], wanted: Sequence[Definition]) -> list[Datum]:
    """All readings in the order of the events. A TAB also matches as `#011`, CloudWatch's way to show it.

    A definition whose regex is invalid, has no group, or catches no finite number yields nothing, as in SageMaker.
    """
    patterns = [(definition["Name"], pattern) for definition in wanted if (pattern := _compiled(definition["Regex"]))]
    return [
        Datum(name, value, event.timestamp_ms)
        for event in events
        for name, pattern in patterns
        if (value := _value(pattern, event.message)) is not None
    ]


def latest(readings: Iterable[Datum]) -> list[Datum]:
    """The last reading of each metric by time."""
    return list({datum.name: datum for datum in sorted(readings, key=lambda datum: datum.timestamp_ms)}.values())


def _compiled(regex: str) -> re.Pattern[str] | None:
    try:
        pattern = re.compile(regex)
    except re.error:
        return None
    return pattern if pattern.groups else None


def _value(pattern: re.Pattern[str], message: str) -> float | None:
    match = pattern.search(message) or ("\t" in message and pattern.search(message.replace("\t", "#011")))
    try:
        value = float(match[1]) if match else None
    except (TypeError, ValueError):
        return None
    return value if value is not None and math.isfinite(value) else None
