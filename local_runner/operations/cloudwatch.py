"""CloudWatch: the metrics of training jobs, read from their logs at each request.

Here no other metric exists, and one that is asked for has no datapoints. Percentiles are left out of the answer.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wildsage.local_runner.jobs.logs import TRAINING_JOBS
from wildsage.local_runner.jobs.store import NotFound
from wildsage.local_runner.jobs.training.readings import job_readings
from wildsage.local_runner.jobs.training.states import KIND
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.wire.errors import AwsError

SERVICE = "cloudwatch"
MAX_DATAPOINTS = 1_440
SHORT_PERIODS_S = (1, 5, 10, 20, 30)
STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


def get_metric_statistics(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Statistics per period of one metric of one training job. Other metrics have no datapoints."""
    _check(request)
    start, end, period = request["StartTime"], request["EndTime"], request["Period"]
    buckets: dict[float, list[float]] = defaultdict(list)
    for timestamp, value in _readings(context, request):
        if start <= timestamp < end:
            buckets[timestamp // period * period].append(value)
    points = [
        {"Timestamp": bucket, "Unit": "None", **_statistics(values, request.get("Statistics", ()))}
        for bucket, values in sorted(buckets.items())
    ]
    return {"Label": request["MetricName"], "Datapoints": points}


def _check(request: dict[str, Any]) -> None:
    """Raises InvalidParameterCombination, InvalidParameterValue as GetMetricStatistics of the API reference says."""
    span_s, period = request["EndTime"] - request["StartTime"], request["Period"]
    if ("Statistics" in request) == ("ExtendedStatistics" in request):
        raise AwsError(
            "InvalidParameterCombination", "Either Statistics or ExtendedStatistics is needed, but not both."
        )
    if span_s <= 0:
        raise AwsError("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    if period % 60 and period not in SHORT_PERIODS_S:
        shown = ", ".join(map(str, SHORT_PERIODS_S))
        raise AwsError("InvalidParameterValue", f"Period: got {period}, expected {shown} or a multiple of 60.")
    if span_s / period > MAX_DATAPOINTS:
        raise AwsError(
            "InvalidParameterCombination",
            f"You have requested up to {math.ceil(span_s / period):,} datapoints, which exceeds the limit of {MAX_DATAPOINTS:,}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
        )


def _readings(context: RequestContext, request: dict[str, Any]) -> list[tuple[float, float]]:
    """Seconds since 1970 and value."""
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in request.get("Dimensions", ())}
    if request["Namespace"] != TRAINING_JOBS or set(dimensions) != {"TrainingJobName"}:
        return []
    try:
        job = context.services.store.get(KIND.name, dimensions["TrainingJobName"])
    except NotFound:
        return []
    wanted = request["MetricName"]
    return [
        (datum.timestamp_ms / 1000, datum.value)
        for datum in job_readings(job, context.services.logs)
        if datum.name == wanted
    ]


def _statistics(values: Sequence[float], wanted: Sequence[str]) -> dict[str, float]:
    return {name: STATISTICS[name](values) for name in wanted if name in STATISTICS}
