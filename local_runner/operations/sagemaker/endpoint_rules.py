"""Rules of endpoint configurations that AWS's model of the request cannot say.

Sources: CreateEndpointConfig, ProductionVariant, ProductionVariantServerlessConfig (API reference); "Deploy models with
Amazon SageMaker Serverless Inference", feature exclusions (developer guide).
"""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.jobs.hosting.instance import MULTI_MODEL
from wildsage.local_runner.operations.rules import Request, Rule, one_of, unique
from wildsage.local_runner.operations.sagemaker.machine_rules import has_local_storage, no_key_with_local_storage
from wildsage.local_runner.operations.sagemaker.model_rules import PUBLISH_EVERY_S, containers

MEMORY_MB = (1024, 2048, 3072, 4096, 5120, 6144)
INSTANCE_FIELDS = ("InstanceType", "InitialInstanceCount", "AcceleratorType", "VolumeSizeInGB")
EXCLUDED_BY_SERVERLESS = ("AsyncInferenceConfig", "CrossRegionTrafficConfig", "VpcConfig", "EnableNetworkIsolation")


def variant_names(request: Request) -> Iterator[str]:
    """Callers choose a variant by its name."""
    names = [variant["VariantName"] for variant in request["ProductionVariants"]]
    if len(set(names)) < len(names):
        yield f"Variant names must be unique, got {', '.join(names)}."


def machines(request: Request) -> Iterator[str]:
    """A variant has instances of a type, or is serverless."""
    for variant in request["ProductionVariants"]:
        name, given = f"Variant {variant['VariantName']}", [field for field in INSTANCE_FIELDS if field in variant]
        if "ServerlessConfig" in variant:
            if given:
                yield f"{name}: ServerlessConfig and {given[0]} exclude each other. Leave one of them out."
        elif "InstanceType" not in variant or variant.get("InitialInstanceCount", 0) < 1:
            yield f"{name} needs an InstanceType and an InitialInstanceCount of 1 or more, or a ServerlessConfig."
        elif "VolumeSizeInGB" in variant and has_local_storage(variant["InstanceType"]):
            yield f"{name}: VolumeSizeInGB cannot be chosen for {variant['InstanceType']}, which has local storage."


def weights(request: Request) -> Iterator[str]:
    """A variant's share of the requests is its weight among the weights of all."""
    if all(variant.get("InitialVariantWeight") == 0 for variant in request["ProductionVariants"]):
        yield "The weight is 0 for all variants, expected an InitialVariantWeight or DesiredWeight above 0 for at least one."


def serverless(request: Request) -> Iterator[str]:
    """What a serverless variant is limited to."""
    found = [variant["ServerlessConfig"] for variant in request["ProductionVariants"] if "ServerlessConfig" in variant]
    if not found:
        return
    if len(request["ProductionVariants"]) > 1:
        yield "A serverless endpoint has one variant, got several."
    for config in found:
        if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
            yield (
                f"ServerlessConfig.ProvisionedConcurrency: got {config['ProvisionedConcurrency']}, "
                f"expected at most MaxConcurrency, which is {config['MaxConcurrency']}."
            )
    for field in EXCLUDED_BY_SERVERLESS:
        if request.get(field):
            yield f"{field} cannot be used with a serverless variant. Leave it out."
    if request.get("DataCaptureConfig", {}).get("EnableCapture"):
        yield "DataCaptureConfig cannot be used with a serverless variant. Leave it out."


def asynchronous(request: Request) -> Iterator[str]:
    """Asynchronous answers have a place, and traffic between regions does not apply to them."""
    if "AsyncInferenceConfig" not in request:
        return
    if "S3OutputPath" not in request["AsyncInferenceConfig"]["OutputConfig"]:
        yield "AsyncInferenceConfig.OutputConfig needs an S3OutputPath."
    if "CrossRegionTrafficConfig" in request:
        yield "CrossRegionTrafficConfig cannot be used with AsyncInferenceConfig. Leave it out."


def serverless_model(model: Request) -> Iterator[str]:
    """A serverless variant serves one container with one model in an archive, and reaches no private network."""
    found, name = containers(model), model["ModelName"]
    if len(found) > 1:
        yield f"Model {name} is a pipeline, which a serverless variant cannot serve."
    for container in found:
        if container["Mode"] == MULTI_MODEL:
            yield f"Model {name} has a multi-model container, which a serverless variant cannot serve."
        if "ModelDataSource" in container:
            yield f"Model {name} has a ModelDataSource, which a serverless variant cannot serve. Give its archive as ModelDataUrl."
    for field in ("VpcConfig", "EnableNetworkIsolation"):
        if model.get(field):
            yield f"Model {name} has {field}, which a serverless variant cannot serve."


def same_kind(update: Request) -> Iterator[str]:
    """An endpoint with instances stays one. `update` has the variants before and after."""
    if any("ServerlessConfig" not in variant for variant in update["Before"]):
        for variant in update["After"]:
            if "ServerlessConfig" in variant:
                yield (
                    f"Variant {variant['VariantName']} is serverless, and the endpoint has instances: it cannot be converted to a "
                    "serverless endpoint. Create another one."
                )


RULES: tuple[Rule, ...] = (
    variant_names,
    machines,
    weights,
    serverless,
    asynchronous,
    one_of("ProductionVariants.ServerlessConfig.MemorySizeInMB", MEMORY_MB),
    one_of("MetricsConfig.MetricPublishFrequencyInSeconds", PUBLISH_EVERY_S),
    no_key_with_local_storage("ProductionVariants.InstanceType", "KmsKeyId"),
    unique("DataCaptureConfig.CaptureOptions.CaptureMode"),
)
SERVERLESS_MODEL_RULES: tuple[Rule, ...] = (serverless_model,)
KIND_RULES: tuple[Rule, ...] = (same_kind,)
UPDATE_RULES: tuple[Rule, ...] = (unique("DesiredWeightsAndCapacities.VariantName"),)
