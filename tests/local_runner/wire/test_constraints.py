"""Checks of requests, in AWS's words."""

import botocore.session
import pytest
from botocore.model import Shape, StringShape

from wildsage.local_runner.wire.constraints import check, problems
from wildsage.local_runner.wire.errors import AwsError

MODEL = botocore.session.get_session().get_service_model("sagemaker")


def problem(operation: str, request: dict) -> str:
    with pytest.raises(AwsError) as caught:
        check(request, MODEL.operation_model(operation).input_shape)
    assert caught.value.code == "ValidationException"
    return caught.value.message


@pytest.mark.parametrize(
    ("operation", "request_fields", "text"),
    [
        (
            "DescribeTrainingJob",
            {},
            "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null",
        ),
        (
            "DescribeTrainingJob",
            {"TrainingJobName": "a b"},
            "Value 'a b' at 'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: ",
        ),
        (
            "ListTrainingJobs",
            {"SortBy": "Colour"},
            "at 'sortBy' failed to satisfy constraint: Member must satisfy enum value set: [Name, CreationTime, Status]",
        ),
        (
            "ListTrainingJobs",
            {"MaxResults": 101},
            "Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100",
        ),
        (
            "AddTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:000000000000:model/x", "Tags": [{"Key": "", "Value": "v"}]},
            "at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "AddTags",
            {"ResourceArn": "arn:aws:sagemaker:us-east-1:000000000000:model/x", "Tags": [{"Key": "k!", "Value": "ö"}]},
            "Value 'k!' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression",
        ),
    ],
    ids=["missing", "pattern", "enum", "range", "nested length", "a pattern in Java's words"],
)
def test_each_kind_of_problem_has_aws_words(operation, request_fields, text):
    message = problem(operation, request_fields)
    assert message.startswith("1 validation error detected: ")
    assert text in message


def test_all_problems_are_reported_at_once():
    message = problem("ListTrainingJobs", {"SortBy": "Colour", "MaxResults": 0})
    assert message.startswith("2 validation errors detected: ")


def test_a_wrong_type_is_reported():
    assert "Invalid type for parameter TrainingJobName" in problem("DescribeTrainingJob", {"TrainingJobName": 3})


def test_a_right_request_passes():
    check({"TrainingJobName": "a-1"}, MODEL.operation_model("DescribeTrainingJob").input_shape)


def test_a_pattern_of_exponential_cost_is_given_up():
    shape = StringShape("Token", {"type": "string", "pattern": "[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?"})
    (problem,) = problems("a" * 5000 + "!", shape)
    assert "Member must satisfy regular expression pattern" in problem


@pytest.mark.parametrize("value", [-1, 1e300, 2**63, "2020-01-01", True, [0]])
def test_a_time_lies_within_the_years_that_are_known(value):
    (problem,) = problems(value, Shape("Time", {"type": "timestamp"}), "creationTimeAfter")
    assert problem.startswith(
        f"Value '{value}' at 'creationTimeAfter' failed to satisfy constraint: Member must be a time"
    )


def test_the_first_and_the_last_time():
    assert not [
        *problems(0, Shape("Time", {"type": "timestamp"})),
        *problems(253402300799, Shape("Time", {"type": "timestamp"})),
    ]
