"""Log lines that carry metrics, and the regular expressions that find them [contract: container, sections 6 and 7].

A function that writes a line and the expression that reads it are neighbours, and are tested together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def quality_line(
    host: str,
    channel: str,
    name: str,
    kind: str,
    value: float,
    epoch: int | None = None,
    batch: int | None = None,
) -> str:
    """Return `#quality_metric: host=algo-1, test msd <loss>=0.25`. `kind` is loss or score.

    For an epoch: `… host=algo-1, epoch=0, train rmse …`. For a batch: `… host=algo-1, epoch=0, batch=500 train rmse …`; the
    original writes no comma after the batch.
    """
    place = "" if epoch is None else f"epoch={epoch}, "
    place += "" if batch is None else f"batch={batch} "
    return f"#quality_metric: host={host}, {place}{channel} {name} <{kind}>={value}"


def quality_regex(channel: str, name: str, kind: str) -> str:
    """Finds the value of a line that `quality_line` wrote without epoch and batch."""
    return rf"#quality_metric: host=\S+, {channel} {name} <{kind}>=(\S+)"


def score_line(host: str, channel: str, name: str, value: float) -> str:
    """Return `#test_score (algo-1) : ('msd', 0.25)`."""
    return f"#{channel}_score ({host}) : {(name, value)}"


def progress_line(host: str, percent: float) -> str:
    """`percent` of all epochs are completed."""
    return f"#progress_metric: host={host}, completed {percent} % of epochs"


PROGRESS_REGEX = r"#progress_metric: host=\S+, completed (\S+) %"


def throughput_line(host: str, rows_per_second: float) -> str:
    """Return the line for the training rows read per second."""
    return f"#throughput_metric: host={host}, train throughput={rows_per_second} records/second"


THROUGHPUT_REGEX = r"#throughput_metric: host=\S+, train throughput=(\S+) records/second"


def metrics_line(start_s: float, end_s: float, dimensions: Mapping[str, Any], values: Mapping[str, float]) -> str:
    """Return `#metrics {…}`: each value as sum, minimum and maximum of one observation, times in epoch seconds."""
    summary = {name: {"sum": value, "count": 1, "min": value, "max": value} for name, value in values.items()}
    document = {"StartTime": start_s, "EndTime": end_s, "Dimensions": dict(dimensions), "Metrics": summary}
    return f"#metrics {json.dumps(document)}"
