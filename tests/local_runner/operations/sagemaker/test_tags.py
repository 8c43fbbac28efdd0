"""Tags: at most fifty, changed by their keys, listed in the order of their first setting."""

from __future__ import annotations

import pytest

from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.operations.sagemaker.tags import add_tags, delete_tags, list_tags
from wildsage.local_runner.wire.errors import AwsError

ARN = "arn:aws:sagemaker:us-east-1:000000000000:model/m"


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


@pytest.fixture
def tagged(context):
    """A resource with the tags a and b."""
    resources.save_tags(context, ARN, {"Tags": tags(a="1", b="2")})
    return context


def test_tags_are_added_changed_listed_and_deleted(tagged):
    wanted = {"Tags": tags(a="1", b="3", c="4")}
    assert add_tags(tagged, {"ResourceArn": ARN, "Tags": tags(b="3", c="4")}) == wanted
    assert list_tags(tagged, {"ResourceArn": ARN}) == wanted
    assert delete_tags(tagged, {"ResourceArn": ARN, "TagKeys": ["a", "absent"]}) == {}
    assert list_tags(tagged, {"ResourceArn": ARN}) == {"Tags": tags(b="3", c="4")}


def test_a_resource_has_fifty_at_most(tagged):
    add_tags(tagged, {"ResourceArn": ARN, "Tags": tags(**{f"k{number}": "" for number in range(48)})})
    add_tags(tagged, {"ResourceArn": ARN, "Tags": tags(a="changed")})
    before = list_tags(tagged, {"ResourceArn": ARN})["Tags"]
    assert len(before) == 50
    with pytest.raises(AwsError, match="The resource would have 51 tags, expected at most 50") as caught:
        add_tags(tagged, {"ResourceArn": ARN, "Tags": tags(more="")})
    assert caught.value.code == "ValidationException"
    assert list_tags(tagged, {"ResourceArn": ARN})["Tags"] == before


@pytest.mark.parametrize("call", [add_tags, list_tags, delete_tags])
def test_a_resource_that_does_not_exist_has_none(context, call):
    with pytest.raises(AwsError, match=f"No resource has the ARN {ARN}") as caught:
        call(context, {"ResourceArn": ARN, "Tags": [], "TagKeys": []})
    assert caught.value.code == "ResourceNotFound"
