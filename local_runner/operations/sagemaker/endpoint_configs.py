"""Endpoint configurations: which models an endpoint serves, with how many instances and which share of the requests."""

from __future__ import annotations

import time
from typing import Any

from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.context import Cloud
from wildsage.local_runner.operations.sagemaker import models, resources
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import invalid

SERVICE = "sagemaker"
KIND = "endpoint-config"


@unsupported(
    "ExplainerConfig",
    "ShadowProductionVariants",
    "ProductionVariants.ServerlessConfig",
    "ProductionVariants.ManagedInstanceScaling",
    "ProductionVariants.RoutingConfig",
)
def create_endpoint_config(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    _check_async(cloud, request)
    _check_capture(cloud, request)
    names = [variant["VariantName"] for variant in request["ProductionVariants"]]
    if len(set(names)) < len(names):
        raise invalid(f"Variant names must be unique, got {', '.join(names)}.")
    for variant in request["ProductionVariants"]:
        if "ModelName" not in variant:
            raise invalid(
                f"Variant {variant['VariantName']} needs a ModelName: inference components are not implemented."
            )
        resources.find(cloud, models.KIND, variant["ModelName"])
    config = {
        **{field: value for field, value in request.items() if field != "Tags"},
        "EndpointConfigArn": cloud.arn(KIND, request["EndpointConfigName"]),
        "CreationTime": time.time(),
    }
    resources.insert(cloud, KIND, request["EndpointConfigName"], config)
    resources.save_tags(cloud, config["EndpointConfigArn"], request)
    return {"EndpointConfigArn": config["EndpointConfigArn"]}


def describe_endpoint_config(cloud: Cloud, request: dict[str, Any]) -> Document:
    return resources.find(cloud, KIND, request["EndpointConfigName"])


def list_endpoint_configs(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    configs, token = resources.page(cloud.store.all(KIND), request, "EndpointConfigName")
    return {"EndpointConfigs": configs, **token}


def delete_endpoint_config(cloud: Cloud, request: dict[str, Any]) -> None:
    resources.delete(cloud, KIND, request["EndpointConfigName"], "EndpointConfigArn")


def _check_async(cloud: Cloud, request: dict[str, Any]) -> None:
    if "AsyncInferenceConfig" not in request:
        return
    output = request["AsyncInferenceConfig"]["OutputConfig"]
    if "S3OutputPath" not in output:
        raise invalid("AsyncInferenceConfig.OutputConfig needs an S3OutputPath.")
    for field in ("S3OutputPath", "S3FailurePath"):
        if field in output:
            resources.check_target(cloud, f"AsyncInferenceConfig.OutputConfig.{field}", output[field])


def _check_capture(cloud: Cloud, request: dict[str, Any]) -> None:
    config = request.get("DataCaptureConfig", {})
    if not config.get("EnableCapture"):
        return
    if "AsyncInferenceConfig" in request:
        raise invalid("DataCaptureConfig is not implemented by Wildsage for asynchronous endpoints yet. Leave it out.")
    resources.check_target(cloud, "DataCaptureConfig.DestinationS3Uri", config["DestinationS3Uri"])
