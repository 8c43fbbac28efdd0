"""BatchPutMetrics: SDKs log readings to a trial component, which keeps a summary of each metric.

Here the summary alone is stored; single readings cannot be queried afterwards.
"""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.jobs.lineage import COMPONENT, with_reading
from wildsage.local_runner.jobs.store import Document, NotFound
from wildsage.local_runner.operations.context import RequestContext

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
        name = datum["MetricName"]
        reading = with_reading(summaries.get(name), datum["Value"], datum["Timestamp"])
        summaries[name] = {"MetricName": name, "SourceArn": component[COMPONENT.arn_field], **reading}
    component["Metrics"] = list(summaries.values())
