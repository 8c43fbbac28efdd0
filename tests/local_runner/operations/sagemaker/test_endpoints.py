"""What an endpoint is to run: the variants of its configuration and models, what an update keeps, and the changes that are rejected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from wildsage.local_runner.jobs.hosting.endpoint import KIND, EndpointBusy
from wildsage.local_runner.jobs.lineage import ASSOCIATION, CONTEXT
from wildsage.local_runner.jobs.store import TAGS, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import endpoint_configs, endpoints, models, resources
from wildsage.local_runner.wire.errors import AwsError

MACHINES = {"ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
SERVERLESS = {"ModelName": "m", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5}}


class Endpoints:
    """Stores endpoints without running them. `busy`: each change meets an endpoint that is busy."""

    busy = False

    def __init__(self, store: Any) -> None:
        self._store = store

    def create(self, endpoint: dict) -> None:
        self._store.insert(
            KIND.name, endpoint["EndpointName"], {**endpoint, "CreationTime": 1.0, "EndpointStatus": "InService"}
        )

    def _change(self, name: str, **fields: Any) -> None:
        if self.busy:
            raise EndpointBusy("Cannot change it now.")
        self._store.update(KIND.name, name, **fields)

    def update(self, name: str, deployment: dict) -> None:
        self._change(name, Deployment=deployment)

    def rescale(self, name: str, variants: list[dict]) -> None:
        self._change(name, Deployment={"Variants": variants})

    def delete(self, name: str) -> None:
        if name == "absent":
            raise NotFound
        self._change(name, EndpointStatus="Deleting")


@pytest.fixture
def deployed(context) -> RequestContext:
    """The configurations `two`, with variants v and w, and `serverless`; an endpoint e of the first."""
    view = RequestContext(replace(context.services, endpoints=Endpoints(context.services.store)))
    resources.create(
        view,
        models.KIND,
        {"ModelName": "m", "EnableNetworkIsolation": False, "PrimaryContainer": {"Image": "i", "Mode": "SingleModel"}},
    )
    configure(view, "two", {"v": MACHINES, "w": MACHINES})
    configure(view, "serverless", {"v": SERVERLESS})
    endpoints.create_endpoint(view, {"EndpointName": "e", "EndpointConfigName": "two"})
    return view


def configure(context: RequestContext, name: str, variants: dict[str, dict], **fields: Any) -> None:
    given = [{"VariantName": variant, **variants[variant]} for variant in variants]
    resources.create(
        context, endpoint_configs.KIND, {"EndpointConfigName": name, "ProductionVariants": given, **fields}
    )


def variants_of(context: RequestContext, name: str = "e") -> list[dict[str, Any]]:
    return endpoints.describe_endpoint(context, {"EndpointName": name})["Deployment"]["Variants"]


def rejection(call: Any, context: RequestContext, **request: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        call(context, request)
    return caught.value.code, str(caught.value)


def test_a_variant_has_defaults(deployed):
    for variant, name in zip(variants_of(deployed), "vw", strict=True):
        (container,) = variant.pop("Containers")
        assert (container["Name"], container["Image"], "NetworkIsolation" in container) == ("primary", "i", False)
        assert variant == {"VariantName": name, "ExecutionMode": "Serial", "InstanceCount": 1, "Weight": 1.0}


def test_a_variant_has_what_its_configuration_says(deployed):
    limits = {"ModelDataDownloadTimeoutInSeconds": 60, "ContainerStartupHealthCheckTimeoutInSeconds": 70}
    capture = {"DataCaptureConfig": {"EnableCapture": False}}
    given = {**MACHINES, "InitialInstanceCount": 3, "InitialVariantWeight": 0.5, **limits}
    configure(deployed, "full", {"v": given}, EnableNetworkIsolation=True, VpcConfig={}, **capture)
    made = endpoints.create_endpoint(
        deployed, {"EndpointName": "f", "EndpointConfigName": "full", "Tags": [{"Key": "a", "Value": "b"}]}
    )
    assert made == {"EndpointArn": "arn:aws:sagemaker:us-east-1:000000000000:endpoint/f"}
    assert deployed.services.store.get(TAGS, made["EndpointArn"]) == {"a": "b"}
    (variant,) = variants_of(deployed, "f")
    assert variant.items() >= {"InstanceCount": 3, "Weight": 0.5, **limits}.items()
    assert variant["Containers"][0]["NetworkIsolation"] is True
    found = endpoints.describe_endpoint(deployed, {"EndpointName": "f"})
    assert found["Deployment"].items() >= capture.items() and "VpcConfig" not in found["Deployment"]
    assert found["Deployment"]["EndpointConfigName"] == found["EndpointConfigName"] == "full"
    endpoints.create_endpoint(deployed, {"EndpointName": "s", "EndpointConfigName": "serverless"})
    assert variants_of(deployed, "s")[0]["ServerlessConfig"] == SERVERLESS["ServerlessConfig"]


def test_names_that_are_taken_or_absent(deployed):
    arn = "arn:aws:sagemaker:us-east-1:000000000000:"
    taken = ("ValidationException", f'Cannot create already existing endpoint "{arn}endpoint/e".')
    assert rejection(endpoints.create_endpoint, deployed, EndpointName="e", EndpointConfigName="two") == taken
    no_config = ("ValidationException", f'Could not find endpoint configuration "{arn}endpoint-config/absent".')
    assert rejection(endpoints.create_endpoint, deployed, EndpointName="g", EndpointConfigName="absent") == no_config
    missing = ("ValidationException", f'Could not find endpoint "{arn}endpoint/absent".')
    assert rejection(endpoints.delete_endpoint, deployed, EndpointName="absent") == missing
    assert rejection(endpoints.describe_endpoint, deployed, EndpointName="absent") == missing


def test_a_hundred_instances_of_all_endpoints_are_the_most(deployed):
    configure(deployed, "many", {"v": MACHINES | {"InitialInstanceCount": 98}})
    others = MACHINES | {"InstanceType": "ml.c5.large"}
    configure(deployed, "more", {"v": MACHINES | {"InitialInstanceCount": 98}, "w": others})
    code, text = rejection(endpoints.create_endpoint, deployed, EndpointName="more", EndpointConfigName="more")
    assert code == "ResourceLimitExceeded" and "'ml.m5.large for endpoint usage'" in text
    assert "utilization of 2 Instances and a request delta of 99 Instances" in text
    endpoints.create_endpoint(deployed, {"EndpointName": "many", "EndpointConfigName": "many"})


def rescale(context: RequestContext, *wanted: dict[str, Any]) -> dict[str, Any]:
    request = {"EndpointName": "e", "DesiredWeightsAndCapacities": list(wanted)}
    return endpoints.update_endpoint_weights_and_capacities(context, request)


def wish(name: str = "v", **fields: Any) -> dict[str, Any]:
    return {"VariantName": name, **fields}


def test_weights_and_counts_change_for_the_variants_that_are_named(deployed):
    made = rescale(deployed, wish("w", DesiredWeight=0.0), wish("v", DesiredInstanceCount=99, DesiredWeight=2.0))
    assert made["EndpointArn"].endswith("endpoint/e")
    shown = [(one["VariantName"], one["Weight"], one["InstanceCount"]) for one in variants_of(deployed)]
    assert shown == [("v", 2.0, 99), ("w", 0.0, 1)]
    rescale(deployed, wish("v", DesiredInstanceCount=1))
    assert [one["InstanceCount"] for one in variants_of(deployed)] == [1, 1]


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ([wish("x", DesiredWeight=1.0)], "ValidationException", "Endpoint e has no variant x; it has v, w."),
        ([wish(DesiredInstanceCount=0)], "ValidationException", "Variant v: DesiredInstanceCount must be 1 or more."),
        (
            [wish(DesiredInstanceCount=100)],
            "ResourceLimitExceeded",
            "utilization of 2 Instances and a request delta of 99",
        ),
        (
            [wish(DesiredWeight=0.0), wish("w", DesiredWeight=0.0)],
            "ValidationException",
            "The weight is 0 for all variants",
        ),
        ([wish(ServerlessUpdateConfig={"MaxConcurrency": 1})], "ValidationException", "Variant v has instances"),
    ],
)
def test_changes_that_are_rejected_leave_the_endpoint_as_it_was(deployed, wanted, code, words):
    before = variants_of(deployed)
    request = {"EndpointName": "e", "DesiredWeightsAndCapacities": wanted}
    found = rejection(endpoints.update_endpoint_weights_and_capacities, deployed, **request)
    assert found[0] == code and words in found[1]
    assert variants_of(deployed) == before


def test_a_serverless_variant_changes_its_concurrency(deployed):
    endpoints.create_endpoint(deployed, {"EndpointName": "s", "EndpointConfigName": "serverless"})

    def change(**fields: Any) -> None:
        request = {"EndpointName": "s", "DesiredWeightsAndCapacities": [wish(**fields)]}
        endpoints.update_endpoint_weights_and_capacities(deployed, request)

    change(ServerlessUpdateConfig={"MaxConcurrency": 9})
    assert variants_of(deployed, "s")[0]["ServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 9}
    with pytest.raises(AwsError, match="Variant v is serverless: DesiredInstanceCount does not apply to it"):
        change(DesiredInstanceCount=1)
    with pytest.raises(AwsError, match="ProvisionedConcurrency: got 10, expected at most MaxConcurrency, which is 9"):
        change(ServerlessUpdateConfig={"ProvisionedConcurrency": 10})


@pytest.mark.parametrize(
    ("retain", "kept"),
    [
        ({}, (1.0, 1)),
        ({"RetainAllVariantProperties": False}, (1.0, 1)),
        ({"RetainAllVariantProperties": True}, (3.0, 2)),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
            },
            (1.0, 2),
        ),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            (3.0, 1),
        ),
    ],
)
def test_an_update_keeps_the_properties_that_it_is_told_to(deployed, retain, kept):
    rescale(deployed, wish(DesiredWeight=3.0, DesiredInstanceCount=2))
    configure(deployed, "next", {"v": MACHINES, "new": MACHINES})
    assert endpoints.update_endpoint(deployed, {"EndpointName": "e", "EndpointConfigName": "next", **retain})
    first, second = variants_of(deployed)
    assert (first["Weight"], first["InstanceCount"]) == kept
    assert (second["VariantName"], second["Weight"], second["InstanceCount"]) == ("new", 1.0, 1)


def test_the_lineage_of_an_endpoint_holds_what_was_deployed_to_it(deployed):
    def sources() -> set[str]:
        deployment = "arn:aws:sagemaker:us-east-1:000000000000:action/e-aws-endpoint"
        found = deployed.services.store.all(ASSOCIATION)
        return {one["SourceType"] for one in found if one["DestinationArn"] == deployment}

    (about,) = deployed.services.store.all(CONTEXT.name)
    assert (about["ContextName"], about["ContextType"]) == ("e-aws-endpoint", "Endpoint")
    assert "Model" not in sources()
    container = {"Image": "i", "Mode": "SingleModel", "ModelDataUrl": "s3://bucket/m.tar.gz"}
    model = {"ModelName": "with-data", "EnableNetworkIsolation": False, "PrimaryContainer": container}
    resources.create(deployed, models.KIND, model)
    configure(deployed, "next", {"v": MACHINES | {"ModelName": "with-data"}})
    endpoints.update_endpoint(deployed, {"EndpointName": "e", "EndpointConfigName": "next"})
    assert "Model" in sources()


def test_an_endpoint_with_instances_does_not_become_serverless(deployed):
    code, text = rejection(endpoints.update_endpoint, deployed, EndpointName="e", EndpointConfigName="serverless")
    assert code == "ValidationException" and "cannot be converted to a serverless endpoint" in text


@pytest.mark.parametrize(
    ("call", "request_"),
    [
        (endpoints.update_endpoint, {"EndpointConfigName": "two"}),
        (endpoints.update_endpoint_weights_and_capacities, {"DesiredWeightsAndCapacities": [wish(DesiredWeight=1.0)]}),
        (endpoints.delete_endpoint, {}),
    ],
)
def test_an_endpoint_that_is_busy_is_left_alone(deployed, call, request_):
    deployed.services.endpoints.busy = True
    assert rejection(call, deployed, EndpointName="e", **request_) == ("ValidationException", "Cannot change it now.")
