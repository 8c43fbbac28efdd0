"""CreateEndpointConfig: the models and places in S3 that it needs, and what is not implemented."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.operations.sagemaker.endpoint_configs import (
    create_endpoint_config,
    delete_endpoint_config,
    describe_endpoint_config,
    list_endpoint_configs,
)
from wildsage.local_runner.operations.sagemaker.models import KIND as MODEL
from wildsage.local_runner.wire.errors import AwsError

VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
SERVERLESS = {"VariantName": "v", "ModelName": "m", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}


@pytest.fixture
def with_models(context):
    """A plain model m, and a pipeline p."""
    container = {"Image": "i", "Mode": "SingleModel"}
    resources.create(context, MODEL, {"ModelName": "m", "PrimaryContainer": container})
    resources.create(context, MODEL, {"ModelName": "p", "Containers": [container] * 2})
    return context


def config(variant: dict[str, Any] = VARIANT, **fields: Any) -> dict[str, Any]:
    return {"EndpointConfigName": "c", "ProductionVariants": [variant], **fields}


def asynchronous(**places: str) -> dict[str, Any]:
    return {"AsyncInferenceConfig": {"OutputConfig": places}}


def captured(enabled: bool, uri: str) -> dict[str, Any]:
    return {"DataCaptureConfig": {"EnableCapture": enabled, "DestinationS3Uri": uri}}


@pytest.mark.parametrize(
    "request_",
    [
        config(),
        config(SERVERLESS),
        config(VARIANT | {"ModelName": "p"}),
        config(**asynchronous(S3OutputPath="s3://bucket/out", S3FailurePath="s3://bucket/failed")),
        config(**asynchronous(S3OutputPath="s3://bucket/out"), **captured(False, "s3://absent/c")),
        config(**captured(True, "s3://bucket/c")),
    ],
)
def test_a_configuration_is_stored_listed_and_deleted(with_models, request_):
    create_endpoint_config(with_models, request_)
    found = describe_endpoint_config(with_models, {"EndpointConfigName": "c"})
    assert found.items() >= request_.items()
    assert list_endpoint_configs(with_models, {})["EndpointConfigs"] == [found]
    delete_endpoint_config(with_models, {"EndpointConfigName": "c"})
    assert list_endpoint_configs(with_models, {})["EndpointConfigs"] == []


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (config({"VariantName": "v"}), "Variant v needs a ModelName"),
        (config(VARIANT | {"ModelName": "absent"}), "Could not find model"),
        (config(SERVERLESS | {"ModelName": "p"}), "Model p is a pipeline, which a serverless variant cannot serve"),
        (
            config(**asynchronous(S3OutputPath="s3://absent/o")),
            "AsyncInferenceConfig.OutputConfig.S3OutputPath s3://absent/o",
        ),
        (
            config(**asynchronous(S3OutputPath="s3://bucket/o", S3FailurePath="s3://absent/f")),
            "AsyncInferenceConfig.OutputConfig.S3FailurePath s3://absent/f: the bucket absent does not exist",
        ),
        (
            config(**captured(True, "s3://absent/c")),
            "DataCaptureConfig.DestinationS3Uri s3://absent/c: the bucket absent",
        ),
        (
            config(**asynchronous(S3OutputPath="s3://bucket/o"), **captured(True, "s3://bucket/c")),
            "DataCaptureConfig is not implemented by Wildsage for asynchronous endpoints yet",
        ),
    ],
)
def test_a_configuration_that_no_endpoint_could_have_is_rejected(with_models, request_, words):
    with pytest.raises(AwsError) as caught:
        create_endpoint_config(with_models, request_)
    assert caught.value.code == "ValidationException" and words in str(caught.value)
    assert list_endpoint_configs(with_models, {})["EndpointConfigs"] == []


@pytest.mark.parametrize(("isolated", "rejected"), [(True, True), (False, False)])
def test_isolation_that_cannot_be_kept_is_rejected(with_models, monkeypatch, isolated, rejected):
    monkeypatch.setattr("wildsage.local_runner.processes.no_network.problem", lambda: "there are no namespaces")
    if rejected:
        with pytest.raises(AwsError, match="EnableNetworkIsolation cannot be kept here"):
            create_endpoint_config(with_models, config(EnableNetworkIsolation=isolated))
    else:
        assert create_endpoint_config(with_models, config(EnableNetworkIsolation=isolated))


def test_the_backend_is_asked_to_isolate_what_serves(with_models):
    asked: list[tuple[int, bool]] = []
    backend = SimpleNamespace(
        check=lambda image, has_entrypoint: None, check_isolation=lambda hosts, serves: asked.append((hosts, serves))
    )
    view = RequestContext(replace(with_models.services, backend=backend))
    create_endpoint_config(view, config(EnableNetworkIsolation=True))
    assert asked == [(1, True)]
