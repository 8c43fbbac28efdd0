"""Artifacts, one for each source, and associations: their types, names and orders in lists, and what is rejected."""

from __future__ import annotations

import time
from typing import Any

import pytest

from wildsage.local_runner.jobs.lineage import ASSOCIATION
from wildsage.local_runner.jobs.store import TAGS, NotFound
from wildsage.local_runner.operations.sagemaker import lineage, lineage_entities
from wildsage.local_runner.wire.errors import AwsError

ARN = "arn:aws:sagemaker:us-east-1:000000000000:"


def artifact(context, name: str, kind: str = "DataSet", **fields: Any) -> str:
    request = {"ArtifactName": name, "ArtifactType": kind, "Source": {"SourceUri": f"s3://{name}"}, **fields}
    return lineage.create_artifact(context, request)["ArtifactArn"]


def rejection(call: Any, context, **request: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        call(context, request)
    return caught.value.code, str(caught.value)


def associate(context, source: str, destination: str, **fields: Any) -> dict[str, Any]:
    return lineage.add_association(context, {"SourceArn": source, "DestinationArn": destination, **fields})


def test_a_source_has_one_artifact(context):
    before = time.time()
    arn = artifact(context, "a", Tags=[{"Key": "k", "Value": "v"}])
    assert arn.startswith(f"{ARN}artifact/")
    found = lineage.describe_artifact(context, {"ArtifactArn": arn})
    assert before <= found.pop("CreationTime") == found.pop("LastModifiedTime") <= time.time()
    source = {"SourceUri": "s3://a"}
    assert found == {"ArtifactName": "a", "ArtifactType": "DataSet", "Source": source, "ArtifactArn": arn}
    assert context.services.store.get(TAGS, arn) == {"k": "v"}
    code, text = rejection(lineage.create_artifact, context, Source=source, ArtifactType="Other")
    assert code == "ValidationException" and text == f"Artifact {arn} already exists: it has the same source."
    assert artifact(context, "b") != arn
    listed = lineage.list_artifacts(context, {"SourceUri": "s3://a"})["ArtifactSummaries"]
    assert [one["ArtifactArn"] for one in listed] == [arn]


@pytest.mark.parametrize("by_source", [True, False])
def test_an_artifact_is_deleted_with_its_tags_and_associations(context, by_source):
    arn, other = artifact(context, "a"), artifact(context, "b")
    associate(context, arn, other)
    named = {"Source": {"SourceUri": "s3://a"}} if by_source else {"ArtifactArn": arn}
    assert lineage.delete_artifact(context, named) == {"ArtifactArn": arn}
    assert context.services.store.all(ASSOCIATION) == []
    with pytest.raises(NotFound):
        context.services.store.get(TAGS, arn)
    missing = ("ResourceNotFound", f"Artifact {arn} does not exist.")
    assert rejection(lineage.delete_artifact, context, **named) == missing
    assert rejection(lineage.describe_artifact, context, ArtifactArn=arn) == missing
    assert lineage.describe_artifact(context, {"ArtifactArn": other})


def test_a_deletion_names_an_artifact_or_a_source(context):
    code, text = rejection(lineage.delete_artifact, context)
    assert code == "ValidationException" and "needs an ArtifactArn or a Source" in text


def test_an_association_says_what_its_ends_are(context):
    source = artifact(context, "a")
    request = {"ContextName": "c", "ContextType": "Endpoint", "Source": {"SourceUri": "x", "SourceType": "ARN"}}
    destination = lineage_entities.create_context(context, request)["ContextArn"]
    ends = {"SourceArn": source, "DestinationArn": destination}
    assert associate(context, source, destination) == ends
    (found,) = lineage.list_associations(context, {})["AssociationSummaries"]
    found.pop("CreationTime")
    shown = {"SourceName": "a", "SourceType": "DataSet", "DestinationName": "c", "DestinationType": "Endpoint"}
    assert found == {"AssociationType": "AssociatedWith", **ends, **shown}
    assert rejection(lineage.add_association, context, **ends)[0] == "ValidationException"
    for field in ends:
        code, text = rejection(lineage.add_association, context, **{**ends, field: f"{ARN}artifact/none"})
        assert (code, text) == ("ResourceNotFound", f"No resource has the {field} {ARN}artifact/none.")
    assert (
        rejection(lineage.add_association, context, **{**ends, "SourceArn": f"{ARN}model/m"})[0] == "ResourceNotFound"
    )
    assert lineage.delete_association(context, ends) == ends
    assert rejection(lineage.delete_association, context, **ends)[0] == "ResourceNotFound"


@pytest.fixture
def star(context):
    """Associations of a with b, c and d, made in this order; c and d are models."""
    arns = {name: artifact(context, name, "Model" if name in "cd" else "DataSet") for name in "abcd"}
    for number, name in enumerate("bcd"):
        associate(context, arns["a"], arns[name], AssociationType="Produced" if name == "d" else "ContributedTo")
        key = lineage._name({"SourceArn": arns["a"], "DestinationArn": arns[name]})
        context.services.store.update(ASSOCIATION, key, CreationTime=float(number))
    return context


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ({}, "dcb"),
        ({"SortOrder": "Descending"}, "dcb"),
        ({"SortOrder": "Ascending"}, "bcd"),
        ({"AssociationType": "ContributedTo"}, "cb"),
        ({"DestinationType": "Model"}, "dc"),
        ({"DestinationType": "Model", "SortOrder": "Ascending"}, "cd"),
        ({"DestinationType": "Artifact"}, "dcb"),
        ({"SourceType": "DataSet", "DestinationType": "DataSet"}, "b"),
        ({"SourceType": "Model"}, ""),
        ({"DestinationType": "Context"}, ""),
        ({"SortBy": "DestinationType", "SortOrder": "Ascending"}, "bcd"),
        ({"SortBy": "CreationTime", "SortOrder": "Ascending"}, "bcd"),
        ({"DestinationType": "Model", "MaxResults": 1}, "d"),
        ({"CreatedAfter": 0.5, "CreatedBefore": 1.5, "DestinationType": "Model"}, "c"),
    ],
)
def test_associations_are_listed_by_type_and_in_order(star, request_, wanted):
    listed = lineage.list_associations(star, request_)["AssociationSummaries"]
    names = "".join(one["DestinationName"] for one in listed)
    assert (sorted(names) if request_.get("SortBy") == "DestinationType" else names) == (
        sorted(wanted) if request_.get("SortBy") == "DestinationType" else wanted
    )


def test_associations_of_a_type_are_paged(star):
    request = {"DestinationType": "Model", "MaxResults": 1}
    first = lineage.list_associations(star, request)
    second = lineage.list_associations(star, {**request, "NextToken": first["NextToken"]})
    found = [one["DestinationName"] for page in (first, second) for one in page["AssociationSummaries"]]
    assert found == ["d", "c"] and "NextToken" not in second


def test_models_of_a_job_may_be_called_contexts(context):
    job = {
        "TrialComponentName": "j",
        "TrialComponentArn": f"{ARN}experiment-trial-component/j",
        "Trials": [],
        "CreationTime": 1.0,
    }
    context.services.store.insert("experiment-trial-component", "j", job)
    associate(context, job["TrialComponentArn"], artifact(context, "m", "Model"))
    associate(context, job["TrialComponentArn"], artifact(context, "d"))
    associate(context, artifact(context, "x"), artifact(context, "n", "Model"))

    def listed(**request: str) -> list[str]:
        found = lineage.list_associations(context, request)["AssociationSummaries"]
        return sorted(one["DestinationName"] for one in found)

    assert listed(DestinationType="Context") == ["m"]
    assert listed(SourceType="TrialComponent") == ["d", "m"]
    assert listed(SourceType="Context") == []


def test_associations_that_come_and_go_do_not_move_the_next_page(star):
    first = lineage.list_associations(star, {"MaxResults": 1})
    (gone,) = first["AssociationSummaries"]
    lineage.delete_association(star, gone)
    second = lineage.list_associations(star, {"MaxResults": 1, "NextToken": first["NextToken"]})
    assert [gone["DestinationName"], second["AssociationSummaries"][0]["DestinationName"]] == ["d", "c"]


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_associations_are_sorted_by_a_field(star, order):
    listed = lineage.list_associations(star, {"SortBy": "DestinationArn", "SortOrder": order})["AssociationSummaries"]
    arns = [one["DestinationArn"] for one in listed]
    assert len(arns) == 3 and arns == sorted(arns, reverse=order == "Descending")
