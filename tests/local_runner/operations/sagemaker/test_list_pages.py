"""Lists of SageMaker's resources through boto3's paginators: every resource once, page by page to the last, also of full pages."""

from __future__ import annotations

from typing import Any

import pytest

LISTS = {"list_models": ("Models", "ModelName"), "list_endpoint_configs": ("EndpointConfigs", "EndpointConfigName")}
COUNT = 4


@pytest.fixture(scope="module")
def listed(aws: Any) -> dict[str, list[str]]:
    """Operation → the names of four resources, in the order in which they were created."""
    container = aws.sagemaker.describe_model(ModelName=aws.model())["PrimaryContainer"]
    role = "arn:aws:iam::000000000000:role/WildsageRole"
    names = [f"paged-{letter}" for letter in "bdac"]
    for name in names:
        aws.sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
        variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
        aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return dict.fromkeys(LISTS, names)


@pytest.mark.parametrize("operation", LISTS)
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("by", ["Name", "CreationTime"])
def test_pages_of_any_size_hold_every_resource_once_and_in_order(aws, listed, operation, order, by):
    field, name = LISTS[operation]
    expected = sorted(listed[operation]) if by == "Name" else list(listed[operation])
    expected = expected[::-1] if order == "Descending" else expected
    for size in range(1, COUNT + 2):
        pages = list(
            aws.sagemaker.get_paginator(operation).paginate(
                NameContains="paged-", SortBy=by, SortOrder=order, PaginationConfig={"PageSize": size}
            )
        )
        assert [one[name] for page in pages for one in page[field]] == expected
        assert len(pages) == -(-COUNT // size), "a full page is the last if nothing follows"
