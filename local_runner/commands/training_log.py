"""What a training log says of the job so far: how much is done, how good it is, how many rows it read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from wildsage.containers.contract.metrics import PROGRESS_REGEX

PERCENT = re.compile(PROGRESS_REGEX)
QUALITY = re.compile(
    r"#quality_metric: host=\S+, (?:epoch=\d+, )?(?:batch=\d+ )?(?P<name>\S+ \S+) <\w+>=(?P<value>\S+)"
)
ROUND = re.compile(r"\[(\d+)\](?=\t)")
ROWS = re.compile(r'"Max Records Seen Between Resets": {"sum": (\d+)|Train matrix has (\d+) rows')
NOT_QUALITY = ("train:progress", "train:throughput")


@dataclass
class TrainingLog:
    """Reads the lines of one job.

    `definitions` are regular expressions by the name of a metric, as SageMaker attaches them to jobs of the algorithm;
    `rounds` is the number of rounds of an algorithm that counts those in its log. `percent` and `rows` are None until the log
    tells them; `metrics` are the last values by name, such as `train msd`, with those that changed last at the end.
    """

    definitions: Mapping[str, str]
    rounds: int | None = None
    percent: float | None = None
    rows: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = {name: text for name, text in self.definitions.items() if name not in NOT_QUALITY}
        self._patterns = {name.replace(":", " "): re.compile(text) for name, text in wanted.items()}

    def read(self, line: str) -> None:
        """Take in one line."""
        if found := PERCENT.search(line):
            self.percent = _number(found[1])
        elif self.rounds and (found := ROUND.search(line)):
            self.percent = min(100.0, 100.0 * (int(found[1]) + 1) / self.rounds)
        if found := ROWS.search(line):
            self.rows = max(self.rows or 0, int(found[1] or found[2])) or None
        for name, value in self._values(line).items():
            self.metrics.pop(name, None)
            self.metrics[name] = value

    def latest(self, count: int) -> str:
        """The metrics that changed last, such as `train msd 2.288`."""
        return ", ".join(f"{name} {value:.4g}" for name, value in list(self.metrics.items())[-count:])

    def _values(self, line: str) -> dict[str, float]:
        found = {match["name"]: match["value"] for match in QUALITY.finditer(line)}
        in_cloudwatch = line.replace("\t", "#011")  # which the definitions of some algorithms expect
        found |= {
            name: match[1] for name, pattern in self._patterns.items() if (match := pattern.search(in_cloudwatch))
        }
        return {name: number for name, text in found.items() if (number := _number(text)) is not None}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
