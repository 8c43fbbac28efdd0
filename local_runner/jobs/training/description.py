"""A new training job as DescribeTrainingJob shows it, before it has a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildsage.local_runner.images import uris
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.store import Document

DEFAULT_MAX_RUNTIME_S = 86_400


def training_job(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The document of a CreateTrainingJob request. It has OutputDataConfig.KmsKeyId because SDK v2 requires it."""
    name = request["TrainingJobName"]
    algorithm = request["AlgorithmSpecification"]
    own = algorithm.get("MetricDefinitions", ())
    found = metrics.shown(metrics.definitions(uris.algorithm(algorithm["TrainingImage"]), own), own)
    output = request["OutputDataConfig"]
    return {
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        "HyperParameters": {},
        **{field: value for field, value in request.items() if field != "Tags"},
        "TrainingJobArn": arn,
        "AlgorithmSpecification": {**algorithm, "MetricDefinitions": found},
        "ResourceConfig": {"InstanceCount": 1, **request.get("ResourceConfig", {})},
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME_S, **request.get("StoppingCondition", {})},
        "OutputDataConfig": {"KmsKeyId": "", **output},
        "ModelArtifacts": {"S3ModelArtifacts": f"{output['S3OutputPath'].rstrip('/')}/{name}/output/model.tar.gz"},
        "CreationTime": now,
    }
