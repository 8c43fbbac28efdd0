"""Lists of every service, page by page: pages of any size hold everything once, in the same order, and a full page is the last
if nothing follows."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from wildsage.local_runner.jobs import lineage
from wildsage.local_runner.jobs.hosting.endpoint import KIND as ENDPOINT
from wildsage.local_runner.jobs.processing.job import KIND as PROCESSING
from wildsage.local_runner.jobs.training.states import KIND as TRAINING
from wildsage.local_runner.jobs.transform.job import KIND as TRANSFORM
from wildsage.local_runner.jobs.tuning.definition import OBJECTIVE
from wildsage.local_runner.jobs.tuning.job import KIND as TUNING
from wildsage.local_runner.operations import ecr, operations
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker.endpoint_configs import KIND as ENDPOINT_CONFIG
from wildsage.local_runner.operations.sagemaker.models import KIND as MODEL
from wildsage.local_runner.server.services import Regions

REGION = "ap-southeast-2"  # no other test has anything there
COUNT = 4
ARN = f"arn:aws:sagemaker:{REGION}:000000000000:"
GROUP = "/aws/sagemaker/Paged"
KINDS = (
    lineage.EXPERIMENT,
    lineage.TRIAL,
    lineage.COMPONENT,
    lineage.ARTIFACT,
    lineage.ACTION,
    lineage.CONTEXT,
    ENDPOINT,
    ENDPOINT_CONFIG,
    MODEL,
    PROCESSING,
    TRAINING,
    TRANSFORM,
    TUNING,
)
REQUESTS: dict[str, dict[str, Any]] = {
    "list_training_jobs_for_hyper_parameter_tuning_job": {"HyperParameterTuningJobName": "bb"},
    "search": {"Resource": "TrainingJob"},
    "filter_log_events": {"logGroupName": GROUP},
    "describe_log_streams": {"logGroupName": GROUP},
}
"""What a list needs to be told."""
ONE_PAGE = ("describe_images", "list_roles", "simulate_principal_policy", "list_tags")
"""Lists that have nothing, one member, those of the request, and fewer than the smallest page of AWS."""


def lists() -> list[tuple[str, str]]:
    """Service and name of the operations for which boto3 has a paginator."""
    loader = botocore.session.get_session().get_component("data_loader")
    found = []
    for service in sorted({service for service, _ in operations()} - {"sagemaker-runtime", "sagemaker-metrics"}):
        names = map(xform_name, loader.load_service_model(service, "paginators-1")["pagination"])
        found += [(service, name) for name in names if (service, name) in operations() and name not in ONE_PAGE]
    return found


def fill(regions: Regions) -> None:
    """Put four of everything into a region. Two each were created and changed at the same time, and their names are not in
    that order."""
    services = regions.services(REGION)
    for number, name in enumerate(("bb", "dd", "aa", "cc")):
        shared = {
            "CreationTime": 1.0 + number // 2,
            "LastModifiedTime": 1.0 + number // 2,
            "ExperimentName": "bb",
            "Trials": ["bb"],
            "TuningJobArn": f"{ARN}{TUNING.name}/bb",
            "TrainingJobDefinitionName": "",
            "TunedHyperParameters": {},
            "TuningObjective": {"Type": "Minimize", "MetricName": "m"},
            "FinalMetricDataList": [{"MetricName": OBJECTIVE, "Value": float(number), "Timestamp": 1.0}],
            "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 1}},
            "Source": {"SourceUri": f"s3://bucket/{name}"},
            "ArtifactType": "t",
            "ActionType": "t",
            "ContextType": "t",
        }
        for kind in KINDS:
            own = {kind.name_field: name, kind.arn_field: f"{ARN}{kind.name}/{name}", kind.status_field: "Completed"}
            if kind == ENDPOINT:
                own[kind.status_field] = "InService"
            services.store.insert(kind.name, name, shared | own)
        association = {
            "SourceArn": f"{ARN}artifact/a",
            "DestinationArn": f"{ARN}artifact/{name}",
            "CreationTime": 1.0 + number // 2,
        }
        services.store.insert(lineage.ASSOCIATION, name, association)
        services.store.insert(ecr.KIND, name, {"repositoryName": name})
        services.logs.writer(GROUP, name)(f"line of {name}")
    for number in range(COUNT - 1):
        services.logs.writer(f"/aws/other/{number}", "stream").close()


@pytest.fixture(scope="session")
def filled(aws: Any, regions: Regions) -> Regions:
    """A region with four of everything."""
    fill(regions)
    return regions


@pytest.mark.parametrize(("service", "operation"), lists())
def test_a_paginator_finds_everything_once_with_pages_of_any_size(aws, filled, service, operation):
    paginator = aws.client(service, region=REGION).get_paginator(operation)
    request, (members, *_) = REQUESTS.get(operation, {}), paginator.result_keys
    whole = members.search(next(iter(paginator.paginate(**request))))
    assert len(whole) == COUNT
    for size in (1, COUNT - 1, COUNT, COUNT + 1):
        pages = [members.search(page) for page in paginator.paginate(**request, PaginationConfig={"PageSize": size})]
        assert pages == [whole[begin : begin + size] for begin in range(0, COUNT, size)]


def orders() -> list[tuple[str, dict[str, str]]]:
    """The lists of SageMaker that have an order, each with all that SortBy may name."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    members = {xform_name(name): model.operation_model(name).input_shape.members for name in model.operation_names}
    found = []
    for _, operation in (one for one in lists() if one[0] == "sagemaker" and "SortOrder" in members[one[1]]):
        by = members[operation].get("SortBy")
        found += [(operation, {"SortBy": one}) for one in getattr(by, "enum", None) or ["CreationTime"]]
    return found


@pytest.mark.parametrize(("operation", "order"), orders(), ids=str)
def test_pages_in_any_order_are_parts_of_the_whole_and_the_other_way_round_is_its_reverse(filled, operation, order):
    context, perform = RequestContext(filled.services(REGION), REGION), operations()["sagemaker", operation]

    def listed(**request: Any) -> list[list[Any]]:
        pages, token = [], {}
        while True:
            answer = dict(perform(context, {**REQUESTS.get(operation, {}), **order, **request, **token}))
            pages.append(next(value for field, value in answer.items() if isinstance(value, list)))
            if "NextToken" not in answer:
                return pages
            token = {"NextToken": answer["NextToken"]}

    (ascending,), (descending,) = listed(SortOrder="Ascending"), listed(SortOrder="Descending")
    assert len(ascending) == COUNT
    assert ascending == descending[::-1]
    for size in (1, COUNT - 1, COUNT):
        pages = listed(SortOrder="Ascending", MaxResults=size)
        assert pages == [ascending[begin : begin + size] for begin in range(0, COUNT, size)]


@pytest.mark.parametrize("token", ["", "nonsense", "WzFd", "bnVsbA==", "WyJhIiwgImIiXQ==", "ZZZ"])
def test_a_token_of_another_list_is_rejected(aws, filled, token):
    with pytest.raises(ClientError, match="NextToken was not created for this list"):
        aws.client("sagemaker", region=REGION).list_models(NextToken=token, SortBy="CreationTime")
