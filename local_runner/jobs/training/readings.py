"""The readings of a training job's metrics, from the logs of all its hosts."""

from __future__ import annotations

from wildsage.local_runner.images import uris
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.lineage import with_reading
from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs
from wildsage.local_runner.jobs.store import Document


def job_readings(job: Document, logs: Logs) -> list[metrics.Datum]:
    """Every reading of the job's metrics so far, also of those that its description has no room for."""
    algorithm = job["AlgorithmSpecification"]
    wanted = metrics.definitions(uris.algorithm(algorithm["TrainingImage"]), algorithm.get("MetricDefinitions", ()))
    if not wanted or TRAINING_JOBS not in logs.groups(TRAINING_JOBS):
        return []
    streams = logs.streams(TRAINING_JOBS, f"{job['TrainingJobName']}/")
    return [datum for stream in streams for datum in metrics.scrape(logs.events(TRAINING_JOBS, stream.name), wanted)]


def summaries(job: Document, logs: Logs) -> list[Document]:
    """A summary of each metric over all its readings, as a trial component has them."""
    found: dict[str, Document] = {}
    for datum in sorted(job_readings(job, logs), key=lambda datum: datum.timestamp_ms):
        found[datum.name] = with_reading(found.get(datum.name), datum.value, datum.timestamp_ms / 1000)
    return [{"MetricName": name, **summary} for name, summary in found.items()]


def final_metrics(job: Document, logs: Logs) -> list[Document]:
    """FinalMetricDataList: the last reading of each metric, with its time in seconds since 1970."""
    return [
        {"MetricName": datum.name, "Value": datum.value, "Timestamp": datum.timestamp_ms / 1000}
        for datum in metrics.latest(job_readings(job, logs))
    ]
