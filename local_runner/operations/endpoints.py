"""Endpoints: CreateEndpoint and what follows it."""

from __future__ import annotations

from typing import Any

from local_runner.cloud import Cloud
from local_runner.jobs.endpoint import KIND, Busy, deployment_id
from local_runner.jobs.store import Document, NameTaken, NotThere
from local_runner.operations import endpoint_configs, models, resources
from local_runner.wire.errors import invalid

SERVICE = "sagemaker"


def create_endpoint(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    resources.refuse_unsupported(request, ("DeploymentConfig",))
    name = request["EndpointName"]
    arn = cloud.arn(KIND, name)
    endpoint = {
        "EndpointName": name,
        "EndpointArn": arn,
        "EndpointConfigName": request["EndpointConfigName"],
        "Deployment": _deployment(cloud, request["EndpointConfigName"]),
    }
    try:
        cloud.endpoints.create(endpoint)
    except NameTaken:
        raise resources.taken(cloud, KIND, name) from None
    resources.save_tags(cloud, arn, request)
    return {"EndpointArn": arn}


def describe_endpoint(cloud: Cloud, request: dict[str, Any]) -> Document:
    return resources.find(cloud, KIND, request["EndpointName"])


def list_endpoints(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    endpoints, token = resources.page(cloud.store.all(KIND), request, "EndpointName", "EndpointStatus")
    return {"Endpoints": endpoints, **token}


def update_endpoint(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    """The old containers answer until the new ones are in service."""
    resources.refuse_unsupported(request, ("DeploymentConfig", "RetainAllVariantProperties", "RetainDeploymentConfig"))
    endpoint = resources.find(cloud, KIND, request["EndpointName"])
    deployment = _deployment(cloud, request["EndpointConfigName"])
    try:
        cloud.endpoints.update(request["EndpointName"], deployment)
    except Busy as error:
        raise invalid(str(error)) from None
    return {"EndpointArn": endpoint["EndpointArn"]}


def delete_endpoint(cloud: Cloud, request: dict[str, Any]) -> None:
    """Also calls off an endpoint that is being created; SageMaker would make the caller wait."""
    try:
        cloud.endpoints.delete(request["EndpointName"])
    except NotThere:
        raise resources.missing(cloud, KIND, request["EndpointName"]) from None
    except Busy as error:
        raise invalid(str(error)) from None


def _deployment(cloud: Cloud, config_name: str) -> Document:
    """What the configuration and its models say at this moment."""
    config = resources.find(cloud, endpoint_configs.KIND, config_name)
    variants = [_variant(cloud, variant) for variant in config["ProductionVariants"]]
    return {"Id": deployment_id(), "EndpointConfigName": config_name, "Variants": variants}


def _variant(cloud: Cloud, variant: dict[str, Any]) -> Document:
    container = resources.find(cloud, models.KIND, variant["ModelName"])["PrimaryContainer"]
    return {
        "VariantName": variant["VariantName"],
        "Image": container["Image"],
        "ModelDataUrl": resources.model_address(container),
        "Environment": container.get("Environment", {}),
        "InstanceCount": variant.get("InitialInstanceCount", 1),
        "Weight": variant.get("InitialVariantWeight", 1.0),
    }
