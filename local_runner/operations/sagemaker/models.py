"""Models: named containers, each with an image, an artifact and an environment.

Here an image must be one that the backend can run: a built-in algorithm, or with Docker any image of the engine. Networks
and roles have no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wildsage.local_runner.inputs.channels import InputError, split_uri
from wildsage.local_runner.jobs.hosting.instance import MULTI_MODEL
from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.operations.sagemaker import model_rules, resources, tag_rules
from wildsage.local_runner.operations.unsupported import unsupported
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.wire.errors import invalid

SERVICE = "sagemaker"
KIND = Kind("model", "Model", "model")
SINGLE_MODEL = "SingleModel"


@unsupported(
    *(
        f"{container}.{field}"
        for container in ("PrimaryContainer", "Containers")
        for field in ("ModelPackageName", "InferenceSpecificationName", "AdditionalModelDataSources")
    )
)
@keeps(*model_rules.RULES, *tag_rules.RULES)
def create_model(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    for container in model_rules.containers(request):
        _check_container(context, container)
    if request.get("EnableNetworkIsolation"):
        resources.check_isolation(context, serves=True)
    model = {"EnableNetworkIsolation": False, **request}
    if "PrimaryContainer" in request:
        model["PrimaryContainer"] = {"Mode": SINGLE_MODEL, **request["PrimaryContainer"]}
    else:
        model["Containers"] = [{"Mode": SINGLE_MODEL, **container} for container in request["Containers"]]
    return resources.create(context, KIND, model)


def describe_model(context: RequestContext, request: dict[str, Any]) -> Document:
    return resources.find(context, KIND, request["ModelName"])


def list_models(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    models, token = resources.page(context, KIND.name, request)
    return {"Models": models, **token}


def delete_model(context: RequestContext, request: dict[str, Any]) -> None:
    resources.delete(context, KIND, request["ModelName"])


def _check_container(context: RequestContext, container: Mapping[str, Any]) -> None:
    resources.check_image(context, container.get("Image"))
    uri = resources.model_address(container)
    if container.get("Mode") == MULTI_MODEL:
        if not (uri or "").startswith("s3://"):
            raise invalid(f"Mode MultiModel needs a ModelDataUrl, the S3 prefix of its models, got {uri}.")
    elif uri:
        _check_artifact(context, uri)


def _check_artifact(context: RequestContext, uri: str) -> None:
    objects = context.services.inputs
    try:
        bucket, key = split_uri(uri)
        if not uri.endswith("/"):
            objects.get(bucket, key)
        elif next(iter(objects.list(bucket, key)), None) is None:
            raise invalid(f"Could not find model data at {uri}. No object has this prefix.")
    except (InputError, S3Error) as error:
        raise invalid(f"Could not find model data at {uri}. {error}") from None
