"""Models: an image, an artifact and an environment under a name."""

from __future__ import annotations

import time
from typing import Any

from local_runner.cloud import Cloud
from local_runner.inputs import InputError, split_uri
from local_runner.jobs.store import Document
from local_runner.operations import resources
from local_runner.s3.errors import S3Error
from local_runner.wire.errors import invalid

SERVICE = "sagemaker"
KIND = "model"


def create_model(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    containers = request.get("Containers") or [request[field] for field in ("PrimaryContainer",) if field in request]
    if len(containers) != 1:
        raise invalid(
            f"A model needs one container, got {len(containers)}: pipelines are not implemented by Sagebrush yet."
        )
    _check_container(cloud, containers[0])
    model = {
        "EnableNetworkIsolation": False,
        **{field: value for field, value in request.items() if field not in ("Tags", "Containers", "PrimaryContainer")},
        "PrimaryContainer": {"Mode": "SingleModel", **containers[0]},
        "ModelArn": cloud.arn(KIND, request["ModelName"]),
        "CreationTime": time.time(),
    }
    resources.insert(cloud, KIND, request["ModelName"], model)
    resources.save_tags(cloud, model["ModelArn"], request)
    return {"ModelArn": model["ModelArn"]}


def describe_model(cloud: Cloud, request: dict[str, Any]) -> Document:
    return resources.find(cloud, KIND, request["ModelName"])


def list_models(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    models, token = resources.page(cloud.store.all(KIND), request, "ModelName")
    return {"Models": models, **token}


def delete_model(cloud: Cloud, request: dict[str, Any]) -> None:
    resources.delete(cloud, KIND, request["ModelName"], "ModelArn")


def _check_container(cloud: Cloud, container: dict[str, Any]) -> None:
    resources.refuse_unsupported(
        container, ("ModelPackageName", "InferenceSpecificationName", "MultiModelConfig", "AdditionalModelDataSources")
    )
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise invalid("Mode MultiModel is not implemented by Sagebrush yet.")
    resources.check_image(cloud, container.get("Image"))
    uri = resources.model_address(container)
    if uri:
        try:
            (cloud.public or cloud.objects).get(*split_uri(uri))
        except (InputError, S3Error) as error:
            raise invalid(f"Could not find model data at {uri}. {error}") from None
