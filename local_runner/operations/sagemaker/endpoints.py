"""Endpoints: creating, describing, updating and deleting them.

Here all instances of all endpoints share this machine and a limit of 100. An update replaces all instances at once, without
the blue/green deployments of SageMaker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wildsage.local_runner.jobs import lineage
from wildsage.local_runner.jobs.hosting.endpoint import KIND, EndpointBusy, deployment_id
from wildsage.local_runner.jobs.store import Document, NameTaken, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import check, keeps
from wildsage.local_runner.operations.sagemaker import (
    endpoint_configs,
    endpoint_rules,
    model_containers,
    quotas,
    resources,
    tag_rules,
)
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import invalid

SERVICE = "sagemaker"
COPIED_FIELDS: Sequence[str] = ("AsyncInferenceConfig", "DataCaptureConfig")
TIMEOUTS = ("ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds")
PROPERTIES = {"Weight": "DesiredWeight", "InstanceCount": "DesiredInstanceCount"}


@unsupported("DeploymentConfig")
@keeps(*tag_rules.RULES)
def create_endpoint(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    name = request["EndpointName"]
    arn = context.sagemaker_arn(KIND, name)
    endpoint = {
        "EndpointName": name,
        "EndpointArn": arn,
        "EndpointConfigName": request["EndpointConfigName"],
        "Deployment": _deployment(context, request["EndpointConfigName"]),
    }
    try:
        context.services.endpoints.create(endpoint)
    except NameTaken:
        raise resources.name_taken(context, KIND, name) from None
    resources.save_tags(context, arn, request)
    lineage.record_endpoint(context.services.store, endpoint)
    return {"EndpointArn": arn}


def describe_endpoint(context: RequestContext, request: dict[str, Any]) -> Document:
    return resources.find(context, KIND, request["EndpointName"])


def list_endpoints(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    endpoints, token = resources.page(context, KIND.name, request)
    return {"Endpoints": endpoints, **token}


@unsupported("DeploymentConfig", "RetainDeploymentConfig")
def update_endpoint(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """The old containers answer until the new ones are in service."""
    endpoint = resources.find(context, KIND, request["EndpointName"])
    deployment = _deployment(context, request["EndpointConfigName"])
    check({"Before": endpoint["Deployment"]["Variants"], "After": deployment["Variants"]}, endpoint_rules.KIND_RULES)
    if request.get("RetainAllVariantProperties"):
        excluded = [one["VariantPropertyType"] for one in request.get("ExcludeRetainedVariantProperties", ())]
        _retain(deployment["Variants"], endpoint["Deployment"]["Variants"], excluded)
    try:
        context.services.endpoints.update(request["EndpointName"], deployment)
    except EndpointBusy as error:
        raise invalid(str(error)) from None
    lineage.record_endpoint(context.services.store, {**endpoint, "Deployment": deployment})
    return {"EndpointArn": endpoint["EndpointArn"]}


@keeps(*endpoint_rules.UPDATE_RULES)
def update_endpoint_weights_and_capacities(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Running instances stay; only additional ones are started, and surplus ones end."""
    endpoint = resources.find(context, KIND, request["EndpointName"])
    variants = _changed(endpoint, request["DesiredWeightsAndCapacities"])
    more = _count(variants) - _count(endpoint["Deployment"]["Variants"])
    quotas.check("endpoint", "any", more, _running(context))
    try:
        context.services.endpoints.rescale(request["EndpointName"], variants)
    except EndpointBusy as error:
        raise invalid(str(error)) from None
    return {"EndpointArn": endpoint["EndpointArn"]}


def _changed(endpoint: Document, wanted: Sequence[Document]) -> list[Document]:
    """The variants of the endpoint with the wanted weights and instance counts. Raises ValidationException."""
    variants = {variant["VariantName"]: dict(variant) for variant in endpoint["Deployment"]["Variants"]}
    for desired in wanted:
        name = desired["VariantName"]
        if name not in variants:
            raise invalid(f"Endpoint {endpoint['EndpointName']} has no variant {name}; it has {', '.join(variants)}.")
        _check_kind(variants[name], desired)
        variants[name].update({field: desired[wanted] for field, wanted in PROPERTIES.items() if wanted in desired})
        if "ServerlessUpdateConfig" in desired:
            variants[name]["ServerlessConfig"] |= desired["ServerlessUpdateConfig"]
            check({"ProductionVariants": [variants[name]]}, (endpoint_rules.serverless,))
        if variants[name]["InstanceCount"] < 1:
            raise invalid(f"Variant {name}: DesiredInstanceCount must be 1 or more.")
    shares = [{"InitialVariantWeight": variant["Weight"]} for variant in variants.values()]
    check({"ProductionVariants": shares}, (endpoint_rules.weights,))
    return list(variants.values())


def _check_kind(variant: Document, desired: Document) -> None:
    """Instances are counted where there are instances, and concurrency is limited where there are none."""
    field = "DesiredInstanceCount" if "ServerlessConfig" in variant else "ServerlessUpdateConfig"
    if field in desired:
        kind = "is serverless" if "ServerlessConfig" in variant else "has instances"
        raise invalid(f"Variant {variant['VariantName']} {kind}: {field} does not apply to it. Leave it out.")


def _retain(variants: list[Document], before: list[Document], excluded: list[str]) -> None:
    """Give variants that existed before the weights and instance counts that they have now."""
    for variant in variants:
        for old in before:
            if old["VariantName"] == variant["VariantName"]:
                variant.update({field: old[field] for field, name in PROPERTIES.items() if name not in excluded})


def delete_endpoint(context: RequestContext, request: dict[str, Any]) -> None:
    """An endpoint can be deleted while it is being created. SageMaker makes the caller wait."""
    try:
        context.services.endpoints.delete(request["EndpointName"])
    except NotFound:
        raise resources.not_found(context, KIND, request["EndpointName"]) from None
    except EndpointBusy as error:
        raise invalid(str(error)) from None


def _deployment(context: RequestContext, config_name: str) -> Document:
    """The deployment that the configuration and its models describe now."""
    config = resources.find(context, endpoint_configs.KIND, config_name)
    isolated = config.get("EnableNetworkIsolation", False)
    variants = [_variant(context, variant, isolated) for variant in config["ProductionVariants"]]
    quotas.check(
        "endpoint", config["ProductionVariants"][0].get("InstanceType", "any"), _count(variants), _running(context)
    )
    copied = {field: config[field] for field in COPIED_FIELDS if field in config}
    return {"Id": deployment_id(), "EndpointConfigName": config_name, "Variants": variants, **copied}


def _running(context: RequestContext) -> int:
    """How many instances all endpoints have."""
    return sum(_count(endpoint["Deployment"]["Variants"]) for endpoint in context.services.store.all(KIND.name))


def _count(variants: Iterable[Document]) -> int:
    return sum(variant["InstanceCount"] for variant in variants)


def _variant(context: RequestContext, variant: dict[str, Any], isolated: bool) -> Document:
    containers = model_containers.containers(context, variant["ModelName"])
    return {
        "VariantName": variant["VariantName"],
        "Containers": [one | {"NetworkIsolation": True} for one in containers] if isolated else containers,
        "ExecutionMode": model_containers.execution_mode(context, variant["ModelName"]),
        "InstanceCount": variant.get("InitialInstanceCount", 1),
        "Weight": variant.get("InitialVariantWeight", 1.0),
        **{field: variant[field] for field in TIMEOUTS if field in variant},
        **({"ServerlessConfig": variant["ServerlessConfig"]} if "ServerlessConfig" in variant else {}),
    }
