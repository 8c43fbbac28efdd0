"""BatchPutMetrics: SDKs log readings to a trial component, which keeps a summary of each metric.

Here the summary alone is stored; single readings cannot be queried afterwards.
"""

from __future__ import annotations

import math
from typing import Any

from wildsage.local_runner.jobs.store import Document, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker.experiment_kinds import COMPONENT

SERVICE = "sagemaker-metrics"


def batch_put_metrics(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    data = request["MetricData"]
    try:
        context.services.store.change(
            COMPONENT.name, request["TrialComponentName"], lambda component: _note(component, data)
        )
    except NotFound:
        return {"Errors": [{"Code": "VALIDATION_ERROR", "MetricIndex": index} for index in range(len(data))]}
    return {}


def _note(component: Document, data: list[Document]) -> None:
    summaries = {one["MetricName"]: one for one in component.get("Metrics", ())}
    for datum in data:
        before = summaries.get(datum["MetricName"], {"Count": 0, "Avg": 0.0, "StdDev": 0.0})
        summaries[datum["MetricName"]] = _with_reading(before, datum, component[COMPONENT.arn_field])
    component["Metrics"] = list(summaries.values())


def _with_reading(summary: Document, datum: Document, source: str) -> Document:
    """The summary with one more reading; mean and deviation as by Welford (1962), doi:10.1080/00401706.1962.10490022."""
    value, count = datum["Value"], summary["Count"] + 1
    mean = summary["Avg"] + (value - summary["Avg"]) / count
    squares = summary["StdDev"] ** 2 * summary["Count"] + (value - summary["Avg"]) * (value - mean)
    return {
        "MetricName": datum["MetricName"],
        "SourceArn": source,
        "TimeStamp": datum["Timestamp"],
        "Count": count,
        "Last": value,
        "Min": min(value, summary.get("Min", value)),
        "Max": max(value, summary.get("Max", value)),
        "Avg": mean,
        "StdDev": math.sqrt(squares / count),
    }
