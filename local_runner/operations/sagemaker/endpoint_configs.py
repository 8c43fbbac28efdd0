"""Endpoint configurations: the models that an endpoint serves, their instance counts and their shares of the requests.

Here every instance type is accepted and shown again: an instance is a process or a container of this machine. Keys of
encryption have no effect.
"""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import check, keeps
from wildsage.local_runner.operations.sagemaker import endpoint_rules, models, resources, tag_rules
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.wire.errors import invalid

SERVICE = "sagemaker"
KIND = Kind("endpoint-config", "EndpointConfig", "endpoint configuration")


@unsupported(
    "ExplainerConfig",
    "ShadowProductionVariants",
    "ProductionVariants.InstancePools",
    "ProductionVariants.ManagedInstanceScaling",
    "ProductionVariants.RoutingConfig",
)
@keeps(*endpoint_rules.RULES, *tag_rules.RULES)
def create_endpoint_config(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    if request.get("EnableNetworkIsolation"):
        resources.check_isolation(context, serves=True)
    _check_async(context, request)
    _check_capture(context, request)
    for variant in request["ProductionVariants"]:
        if "ModelName" not in variant:
            raise invalid(
                f"Variant {variant['VariantName']} needs a ModelName: inference components are not implemented."
            )
        model = resources.find(context, models.KIND, variant["ModelName"])
        if "ServerlessConfig" in variant:
            check(model, endpoint_rules.SERVERLESS_MODEL_RULES)
    return resources.create(context, KIND, request)


def describe_endpoint_config(context: RequestContext, request: dict[str, Any]) -> Document:
    return resources.find(context, KIND, request["EndpointConfigName"])


def list_endpoint_configs(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    configs, token = resources.page(context, KIND.name, request)
    return {"EndpointConfigs": configs, **token}


def delete_endpoint_config(context: RequestContext, request: dict[str, Any]) -> None:
    resources.delete(context, KIND, request["EndpointConfigName"])


def _check_async(context: RequestContext, request: dict[str, Any]) -> None:
    if "AsyncInferenceConfig" not in request:
        return
    output = request["AsyncInferenceConfig"]["OutputConfig"]
    for field in ("S3OutputPath", "S3FailurePath"):
        if field in output:
            resources.check_target(context, f"AsyncInferenceConfig.OutputConfig.{field}", output[field])


def _check_capture(context: RequestContext, request: dict[str, Any]) -> None:
    config = request.get("DataCaptureConfig", {})
    if not config.get("EnableCapture"):
        return
    if "AsyncInferenceConfig" in request:
        raise invalid("DataCaptureConfig is not implemented by Wildsage for asynchronous endpoints yet. Leave it out.")
    resources.check_target(context, "DataCaptureConfig.DestinationS3Uri", config["DestinationS3Uri"])
