"""Documents of jobs and endpoints as a server stores them."""

from __future__ import annotations

from wildsage.local_runner.jobs.store import Store

NOW = 1_700_000_000.0
STEMS = {
    "training-job": "TrainingJob",
    "transform-job": "TransformJob",
    "processing-job": "ProcessingJob",
    "hyper-parameter-tuning-job": "HyperParameterTuningJob",
    "endpoint": "Endpoint",
}


def arn(kind: str, name: str, region: str = "us-east-1") -> str:
    return f"arn:aws:sagemaker:{region}:000000000000:{kind}/{name}"


def insert(
    store: Store, kind: str, name: str, status: str = "InProgress", region: str = "us-east-1", **fields: object
) -> str:
    """Store a document; returns its ARN."""
    stem, own = STEMS[kind], arn(kind, name, region)
    needed = {f"{stem}Name": name, f"{stem}Arn": own, f"{stem}Status": status, "CreationTime": NOW}
    store.insert(kind, name, {**needed, **fields})
    return own
