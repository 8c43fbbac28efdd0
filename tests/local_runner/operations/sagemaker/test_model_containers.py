"""The containers of a model: their names, where their models lie, and what they have of the model."""

from __future__ import annotations

import pytest

from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.operations.sagemaker.model_containers import containers, execution_mode
from wildsage.local_runner.operations.sagemaker.models import KIND


def made(context, **fields):
    resources.create(context, KIND, {"ModelName": "m", "EnableNetworkIsolation": False, **fields})
    return containers(context, "m")


def container(**fields) -> dict:
    return {"Image": "i", "Mode": "SingleModel", **fields}


def test_one_container_is_the_primary_one(context):
    assert made(context, PrimaryContainer=container()) == [
        {"Name": "primary", "Image": "i", "ModelDataUrl": None, "Environment": {}, "Mode": "SingleModel"}
    ]
    assert execution_mode(context, "m") == "Serial"


def test_containers_of_a_pipeline_are_numbered_from_one_or_have_their_hostnames(context):
    found = made(
        context,
        Containers=[container(), container(ContainerHostname="mine"), container()],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    assert [one["Name"] for one in found] == ["container-1", "mine", "container-3"]
    assert execution_mode(context, "m") == "Direct"


@pytest.mark.parametrize(
    ("config", "cache"), [({"ModelCacheSetting": "Disabled"}, {"ModelCache": "Disabled"}), ({}, {})]
)
def test_a_container_has_its_model_environment_and_cache(context, config, cache):
    (found,) = made(
        context,
        PrimaryContainer=container(
            Mode="MultiModel", ModelDataUrl="s3://b/m/", Environment={"A": "1"}, MultiModelConfig=config
        ),
    )
    wanted = {"Image": "i", "ModelDataUrl": "s3://b/m/", "Environment": {"A": "1"}, "Mode": "MultiModel", **cache}
    assert found == {"Name": "primary", **wanted}


@pytest.mark.parametrize("isolated", [True, False])
def test_isolation_of_a_model_is_that_of_its_containers(context, isolated):
    found = made(context, EnableNetworkIsolation=isolated, Containers=[container()] * 2)
    assert [one.get("NetworkIsolation", False) for one in found] == [isolated] * 2
