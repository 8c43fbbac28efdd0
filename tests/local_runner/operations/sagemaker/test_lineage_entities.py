"""Actions and contexts: stored, found by name or ARN, changed in part, listed, and deleted with their associations."""

from __future__ import annotations

import time

import pytest

from wildsage.local_runner.jobs.lineage import ACTION, ASSOCIATION, CONTEXT
from wildsage.local_runner.jobs.store import TAGS, NotFound
from wildsage.local_runner.operations.sagemaker import lineage_entities as operations
from wildsage.local_runner.wire.errors import AwsError

KINDS = {"action": ACTION, "context": CONTEXT}
pytestmark = pytest.mark.parametrize("kind", KINDS)


def call(verb: str, kind: str, context, **request):
    return getattr(operations, f"{verb}_{kind}")(context, request)


def named(kind: str, name: str = "one", **fields) -> dict:
    stem = KINDS[kind].stem
    return {f"{stem}Name": name, f"{stem}Type": "mine", "Source": {"SourceUri": f"s3://{name}"}, **fields}


def arn_of(kind: str, name: str = "one") -> str:
    return f"arn:aws:sagemaker:us-east-1:000000000000:{kind}/{name}"


def test_what_is_created_is_described_by_name_and_by_arn(context, kind):
    before, stem = time.time(), KINDS[kind].stem
    made = call("create", kind, context, **named(kind, Properties={"a": "1"}, Tags=[{"Key": "k", "Value": "v"}]))
    assert made == {f"{stem}Arn": arn_of(kind)}
    for name in ("one", arn_of(kind)):
        found = call("describe", kind, context, **{f"{stem}Name": name})
        assert before <= found.pop("CreationTime") == found.pop("LastModifiedTime") <= time.time()
        assert found == named(kind, Properties={"a": "1"}) | made
    assert context.services.store.get(TAGS, arn_of(kind)) == {"k": "v"}
    with pytest.raises(AwsError, match=f"{stem} with name one already exists") as caught:
        call("create", kind, context, **named(kind))
    assert caught.value.code == "ValidationException"


def test_an_update_changes_what_it_names(context, kind):
    stem = KINDS[kind].stem
    call("create", kind, context, **named(kind, Description="old", Properties={"a": "1", "b": "2", "c": "3"}))
    before = call("describe", kind, context, **{f"{stem}Name": "one"})
    changes = {"Description": "new", "Properties": {"b": "4", "d": "5"}, "PropertiesToRemove": ["c", "absent"]}
    assert call("update", kind, context, **{f"{stem}Name": "one"}, **changes) == {f"{stem}Arn": arn_of(kind)}
    after = call("describe", kind, context, **{f"{stem}Name": "one"})
    assert after.pop("LastModifiedTime") > before.pop("LastModifiedTime")
    assert after == before | {"Description": "new", "Properties": {"a": "1", "b": "4", "d": "5"}}
    call("update", kind, context, **{f"{stem}Name": arn_of(kind)}, Status="Completed")
    again = call("describe", kind, context, **{f"{stem}Name": "one"})
    assert (again["Status"], again["Description"], again["Properties"]) == ("Completed", "new", after["Properties"])


def test_lists_are_selected_by_source_and_type(context, kind):
    stem = KINDS[kind].stem
    for name, of_type in (("one", "a"), ("two", "b")):
        call("create", kind, context, **named(kind, name) | {f"{stem}Type": of_type})

    def listed(**request) -> list[str]:
        return [one[f"{stem}Name"] for one in call("list", f"{kind}s", context, **request)[f"{stem}Summaries"]]

    assert listed() == ["two", "one"]
    assert listed(SortOrder="Ascending") == ["one", "two"]
    assert listed(SourceUri="s3://one") == listed(**{f"{stem}Type": "a"}) == ["one"]
    assert listed(SourceUri="s3://one", **{f"{stem}Type": "b"}) == []


def test_what_is_deleted_is_gone_with_its_tags_and_associations(context, kind):
    stem, store = KINDS[kind].stem, context.services.store
    call("create", kind, context, **named(kind))
    call("create", kind, context, **named(kind, "two"))
    store.insert(ASSOCIATION, "its", {"SourceArn": arn_of(kind), "DestinationArn": "arn:x", "CreationTime": 1.0})
    store.insert(ASSOCIATION, "other", {"SourceArn": "arn:x", "DestinationArn": "arn:y", "CreationTime": 1.0})
    assert call("delete", kind, context, **{f"{stem}Name": "one"}) == {f"{stem}Arn": arn_of(kind)}
    assert [one["SourceArn"] for one in store.all(ASSOCIATION)] == ["arn:x"]
    with pytest.raises(NotFound):
        store.get(TAGS, arn_of(kind))
    for verb in ("describe", "update", "delete"):
        with pytest.raises(AwsError, match=f"{stem} 'one' does not exist") as caught:
            call(verb, kind, context, **{f"{stem}Name": "one"})
        assert caught.value.code == "ResourceNotFound"
    assert call("describe", kind, context, **{f"{stem}Name": "two"})
