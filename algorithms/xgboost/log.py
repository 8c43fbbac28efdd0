"""Log lines as the original wrote them: their form changed from version to version [contract: xgboost, Training output]."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from wildsage.algorithms.xgboost.versions import Version

OLD_FORM_UNTIL = Version(1, 0, 9)


class JobLog:
    """Lines of one job, in the form of its version."""

    def __init__(self, write: Callable[[str], None], version: Version) -> None:
        self.write = write
        self._version = version

    def info(self, text: str, module: str = "root") -> None:
        self._say("INFO", text, module)

    def warning(self, text: str) -> None:
        self._say("WARNING", text, "root")

    def matrix(self, name: str, rows: int, columns: int) -> None:
        """`Train matrix has 28831 rows and 59 columns`; before 1.2 without the columns."""
        more = f" and {columns} columns" if self._version >= Version(1, 2) else ""
        self.info(f"{name} matrix has {rows} rows{more}")

    def round(self, number: int, scores: Mapping[str, Mapping[str, float]]) -> None:
        """`[0]<TAB>train-rmse:8.09085<TAB>validation-rmse:8.1`."""
        self.write(self.round_line(number, scores))

    def round_line(self, number: int, scores: Mapping[str, Mapping[str, float]]) -> str:
        shown = (
            f"{channel}-{metric}:{self._number(value)}"
            for channel, metrics in scores.items()
            for metric, value in metrics.items()
        )
        return "\t".join([f"[{number}]", *shown])

    def _number(self, value: float) -> str:
        return f"{value:g}" if self._version.trims_digits else f"{value:.5f}"

    def _say(self, level: str, text: str, module: str) -> None:
        if self._version <= OLD_FORM_UNTIL:
            self.write(f"{level}:{module}:{text}")
        else:
            self.write(f"[{datetime.now(UTC):%Y-%m-%d:%H:%M:%S}:{level}] {text}")


def preamble(log: JobLog, asked: Version, library: str, given: Mapping[str, str], gpus: int) -> None:
    """The lines before the data is read, and which library computes."""
    log.write("INFO:sagemaker-containers:Imported framework sagemaker_xgboost_container.training")
    for name, value in given.items():
        if not _is_json(value):
            log.write(f"INFO:sagemaker-containers:Failed to parse hyperparameter {name} value {value} to Json.")
            log.write("Returning the value itself")
    if not gpus:
        log.write("INFO:sagemaker-containers:No GPUs detected (normal if no gpus installed)")
    log.info("Running XGBoost Sagemaker in algorithm mode", "sagemaker_xgboost_container.training")
    log.info(f"Version {asked} was asked for; XGBoost {library} computes.")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
