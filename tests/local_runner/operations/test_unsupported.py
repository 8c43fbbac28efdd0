"""Fields an operation refuses, as its code says it."""

from __future__ import annotations

import pytest

from wildsage.local_runner.operations import operations
from wildsage.local_runner.operations.unsupported import refused


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("create_training_job", {"ServerlessJobConfig", "AlgorithmName", "InstanceGroups"}),  # in another module
        ("list_training_jobs", {"WarmPoolStatusEquals"}),  # in the function itself
        ("update_endpoint_weights_and_capacities", {"ServerlessUpdateConfig"}),  # in a loop
    ],
)
def test_they_are_found_wherever_the_code_refuses_them(operation, fields):
    assert fields <= set(refused(operations()["sagemaker", operation]))


def test_a_name_for_the_fields_will_do():
    assert "SessionId" in refused(operations()["sagemaker-runtime", "invoke_endpoint"])


@pytest.mark.parametrize("thing", [print, str.upper, lambda: None])
def test_anything_else_refuses_nothing(thing):
    assert refused(thing) == []


def test_what_is_found_is_refused(aws):
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="TrainingPlanArnEquals is not implemented"):
        aws.sagemaker.list_training_jobs(
            TrainingPlanArnEquals="arn:aws:sagemaker:us-east-1:000000000000:training-plan/p"
        )
