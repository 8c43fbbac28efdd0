"""Checks of requests, in AWS's words."""

from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.model import Shape, ShapeResolver, StringShape

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


SHAPES = ShapeResolver(
    {
        "Request": {
            "type": "structure",
            "required": ["Needed"],
            "members": {
                "Needed": {"shape": "Text"},
                "Tags": {"shape": "Texts"},
                "Env": {"shape": "Pairs"},
                "Count": {"shape": "Count"},
                "Share": {"shape": "Share"},
                "Inner": {"shape": "Request"},
                "Flag": {"shape": "Flag"},
                "Odd": {"shape": "Odd"},
            },
        },
        "Text": {"type": "string", "min": 2, "max": 4},
        "Texts": {"type": "list", "member": {"shape": "Text"}, "min": 1, "max": 2},
        "Pairs": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}, "min": 1, "max": 2},
        "Count": {"type": "integer", "min": 0, "max": 10},
        "Share": {"type": "double", "min": 0, "max": 1},
        "Flag": {"type": "boolean", "min": 5},
        "Odd": {"type": "string", "pattern": "(unclosed"},
    }
)
REQUEST = SHAPES.get_shape_by_name("Request")


def rules(**given: object) -> list[str]:
    """Which members are rejected, and by which rule."""
    found = problems({"Needed": "text", **given}, REQUEST)
    return [text.partition(" at ")[2].replace(" failed to satisfy constraint: Member must", "") for text in found]


@pytest.mark.parametrize(
    "given",
    [
        {"Needed": "ab"},
        {"Needed": "abcd"},
        {"Tags": ["ab"]},
        {"Tags": ["ab", "cd"]},
        {"Env": {"ab": "cd"}},
        {"Env": {"ab": "cd", "ef": "gh"}},
        {"Count": 0},
        {"Count": 10},
        {"Share": 0.0},
        {"Share": 1.0},
        {"Inner": {"Needed": "ab"}},
        {"Flag": True},
        {"Odd": "a pattern that cannot be compiled is not checked"},
        {"Unknown": 1},
    ],
    ids=str,
)
def test_what_lies_on_its_limit_is_right(given):
    assert rules(**given) == []


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"Needed": None}, ["'needed' not be null"]),
        ({"Needed": "a"}, ["'needed' have length greater than or equal to 2"]),
        ({"Needed": "abcde"}, ["'needed' have length less than or equal to 4"]),
        ({"Tags": []}, ["'tags' have length greater than or equal to 1"]),
        ({"Tags": ["ab", "cd", "ef"]}, ["'tags' have length less than or equal to 2"]),
        ({"Tags": ["ab", "c"]}, ["'tags.2.member' have length greater than or equal to 2"]),
        ({"Env": {}}, ["'env' have length greater than or equal to 1"]),
        ({"Env": dict.fromkeys(["ab", "cd", "ef"], "gh")}, ["'env' have length less than or equal to 2"]),
        ({"Env": {"a": "bc"}}, ["'env' have length greater than or equal to 2"]),
        ({"Env": {"ab": "c"}}, ["'env.ab.member' have length greater than or equal to 2"]),
        ({"Count": -1}, ["'count' have value greater than or equal to 0"]),
        ({"Count": 11}, ["'count' have value less than or equal to 10"]),
        ({"Share": -0.1}, ["'share' have value greater than or equal to 0"]),
        ({"Share": 1.1}, ["'share' have value less than or equal to 1"]),
        ({"Inner": {}}, ["'inner.needed' not be null"]),
        ({"Inner": {"Needed": "a"}}, ["'inner.needed' have length greater than or equal to 2"]),
    ],
    ids=str,
)
def test_what_lies_beyond_its_limit_is_named_with_its_place(given, found):
    assert rules(**given) == found


def test_a_datetime_is_a_time_whatever_its_year():
    assert not [*problems(datetime(1960, 1, 1, tzinfo=UTC), Shape("Time", {"type": "timestamp"}))]


def test_the_values_of_an_enumeration_are_the_only_right_ones():
    shape = StringShape("Colour", {"type": "string", "enum": ["Red", "Green"]})
    assert not [*problems("Green", shape)]
    (problem,) = problems("Blue", shape, "colour")
    assert problem == (
        "Value 'Blue' at 'colour' failed to satisfy constraint: Member must satisfy enum value set: [Red, Green]"
    )


def test_a_pattern_is_that_of_the_whole_text():
    shape = StringShape("Name", {"type": "string", "pattern": "[a-z]+"})
    assert not [*problems("abc", shape)]
    assert len([*problems("abc1", shape)]) == len([*problems("1abc", shape)]) == 1
