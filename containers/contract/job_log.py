"""The log of a training container, in the frame of the first-party images [contract: container, section 6]."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from wildsage.containers.contract import metrics


class Journal:
    """Writes lines to one stream, standard output unless said otherwise, flushed at once: a killed job keeps its last words."""

    def __init__(self, host: str, algorithm: str, out: TextIO | None = None) -> None:
        self.host = host
        self.algorithm = algorithm
        self._out = out

    def bare(self, text: str) -> None:
        """A line without a frame."""
        print(text, file=self._out, flush=True)

    def framed(self, text: str, level: str = "INFO") -> None:
        """`[MM/DD/YYYY HH:MM:SS LEVEL <thread>] text`, in UTC."""
        now = datetime.now(UTC)
        self.bare(f"[{now:%m/%d/%Y %H:%M:%S} {level} {threading.get_ident()}] {text}")

    def tensorio(self, event: str, fields: Mapping[str, Any]) -> None:
        """`[YYYY-MM-DD HH:MM:SS.mmm] [tensorio] [info] event={json}`, the voice of the data pipeline."""
        now = datetime.now(UTC)
        self.bare(
            f"[{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d}] [tensorio] [info] {event}={json.dumps(fields)}"
        )

    def metrics(self, start_s: float, values: Mapping[str, float], **dimensions: Any) -> None:
        """A `#metrics` line about the time from `start_s` (epoch seconds) to now."""
        where = {"Algorithm": self.algorithm, "Host": self.host, "Operation": "training", **dimensions}
        self.bare(metrics.metrics_line(start_s, time.time(), where, values))
