"""Log lines as the original wrote them: their form changed from version to version [contract: xgboost, Training output]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from wildsage.algorithms.base import json_text
from wildsage.algorithms.xgboost.versions import Version

OLD_FORM_UNTIL = Version(1, 0, 9)


class XGBoostLog:
    """Lines of one job, in the form of its version."""

    def __init__(self, write: Callable[[str], None], version: Version) -> None:
        self.write = write
        self._version = version

    def info(self, text: str, module: str = "root") -> None:
        """Log `text` at level INFO; `module` is shown in the old form alone."""
        self._say("INFO", text, module)

    def warning(self, text: str) -> None:
        """Log `text` at level WARNING."""
        self._say("WARNING", text, "root")

    def matrix(self, name: str, rows: int, columns: int) -> None:
        """`Train matrix has 28831 rows and 59 columns`; before 1.2 without the columns."""
        more = f" and {columns} columns" if self._version >= Version(1, 2) else ""
        self.info(f"{name} matrix has {rows} rows{more}")

    def round(self, number: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """`[0]<TAB>train-rmse:8.09085<TAB>validation-rmse:8.1`."""
        self.write(self.round_line(number, metrics))

    def round_line(self, number: int, metrics: Mapping[str, Mapping[str, float]]) -> str:
        """The text of one round: its number, then every metric of every channel, separated by TABs."""
        shown = (
            f"{channel}-{metric}:{self._number(value)}"
            for channel, values in metrics.items()
            for metric, value in values.items()
        )
        return "\t".join([f"[{number}]", *shown])

    def _number(self, value: float) -> str:
        return f"{value:g}" if self._version.trims_digits else f"{value:.5f}"

    def _say(self, level: str, text: str, module: str) -> None:
        if self._version <= OLD_FORM_UNTIL:
            self.write(f"{level}:{module}:{text}")
        else:
            self.write(f"[{datetime.now(UTC):%Y-%m-%d:%H:%M:%S}:{level}] {text}")


def log_header(log: XGBoostLog, requested: Version, library: str, given: Mapping[str, str], gpus: int) -> None:
    """The lines before the data is read, and which library computes."""
    log.write("INFO:sagemaker-containers:Imported framework sagemaker_xgboost_container.training")
    for name, value in given.items():
        if not _is_json(value):
            log.write(f"INFO:sagemaker-containers:Failed to parse hyperparameter {name} value {value} to Json.")
            log.write("Returning the value itself")
    if not gpus:
        log.write("INFO:sagemaker-containers:No GPUs detected (normal if no gpus installed)")
    log.info("Running XGBoost Sagemaker in algorithm mode", "sagemaker_xgboost_container.training")
    log.info(f"Requested version {requested}; training with XGBoost {library}.")


def _is_json(text: str) -> bool:
    try:
        json_text.parse(text)
    except (ValueError, RecursionError):
        return False
    return True
