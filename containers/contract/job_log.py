"""The log of a training container, in the format of the first-party images [contract: container, section 6]."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from wildsage.containers.contract import metrics


class JobLog:
    """Writes lines to a stream and flushes each, so that the log of a killed job is complete."""

    def __init__(self, host: str, algorithm: str, out: TextIO | None = None) -> None:
        """`host` and `algorithm` are the names that `#metrics` lines carry. `out` is standard output unless given."""
        self.host = host
        self.algorithm = algorithm
        self._out = out

    def raw(self, text: str) -> None:
        """Write a line without the fields that others begin with."""
        print(text, file=self._out, flush=True)

    def line(self, text: str, level: str = "INFO") -> None:
        """Write `[MM/DD/YYYY HH:MM:SS LEVEL <thread>] text`, the time in UTC."""
        now = datetime.now(UTC)
        self.raw(f"[{now:%m/%d/%Y %H:%M:%S} {level} {threading.get_ident()}] {text}")

    def tensorio(self, event: str, fields: Mapping[str, Any]) -> None:
        """Write `[YYYY-MM-DD HH:MM:SS.mmm] [tensorio] [info] event={json}`, the format of the data pipeline."""
        now = datetime.now(UTC)
        self.raw(
            f"[{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d}] [tensorio] [info] {event}={json.dumps(fields)}"
        )

    def metrics(self, start_s: float, values: Mapping[str, float], **dimensions: Any) -> None:
        """Write a `#metrics` line for the time from `start_s` (epoch seconds) to now."""
        all_dimensions = {"Algorithm": self.algorithm, "Host": self.host, "Operation": "training", **dimensions}
        self.raw(metrics.metrics_line(start_s, time.time(), all_dimensions, values))
