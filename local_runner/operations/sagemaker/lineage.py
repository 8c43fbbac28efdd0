"""Artifacts and their associations, which jobs and endpoints leave and the experiments of SDKs create.

Artifacts of one source are the same artifact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.lineage import (
    ACTION,
    ARTIFACT,
    ASSOCIATION,
    COMPONENT,
    CONTEXT,
    EXPERIMENT,
    MODEL,
    artifact_arn,
    association_name,
    delete_associations,
)
from wildsage.local_runner.jobs.store import TAGS, Document, NameTaken, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.operations.sagemaker import resources, tag_rules
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"
LINEAGE_TYPES = {COMPONENT.name: "TrialComponent", **{kind.name: kind.stem for kind in (ARTIFACT, CONTEXT, ACTION)}}
TYPES = ("SourceType", "DestinationType")


# Artifacts


@keeps(*tag_rules.RULES)
def create_artifact(context: RequestContext, request: dict[str, Any]) -> Document:
    """A source has one artifact."""
    now = time.time()
    arn = _arn_of(context, request["Source"])
    artifact = resources.without_tags(request)
    try:
        context.services.store.insert(
            ARTIFACT.name, arn, {**artifact, "ArtifactArn": arn, "CreationTime": now, "LastModifiedTime": now}
        )
    except NameTaken:
        raise invalid(f"Artifact {arn} already exists: it has the same source.") from None  # SDK v2 looks for two words
    resources.save_tags(context, arn, request)
    return {"ArtifactArn": arn}


def describe_artifact(context: RequestContext, request: dict[str, Any]) -> Document:
    return _artifact(context, request["ArtifactArn"])


def list_artifacts(context: RequestContext, request: dict[str, Any]) -> Document:
    page, token = resources.page(context, ARTIFACT.name, request, references=resources.same(request))
    return {"ArtifactSummaries": page, **token}


def delete_artifact(context: RequestContext, request: dict[str, Any]) -> Document:
    """Also deletes the associations of the artifact."""
    if "ArtifactArn" not in request and "Source" not in request:
        raise invalid("DeleteArtifact needs an ArtifactArn or a Source.")
    arn = _artifact(context, request.get("ArtifactArn") or _arn_of(context, request["Source"]))["ArtifactArn"]
    delete_associations(context.services.store, arn)
    context.services.store.delete(ARTIFACT.name, arn)
    context.services.store.delete(TAGS, arn)
    return {"ArtifactArn": arn}


# Associations


def add_association(context: RequestContext, request: dict[str, Any]) -> Document:
    association = {"AssociationType": "AssociatedWith", **request, "CreationTime": time.time()}
    for end in ("Source", "Destination"):
        association |= _shown(context, end, request[f"{end}Arn"])
    try:
        context.services.store.insert(ASSOCIATION, _name(request), association)
    except NameTaken:
        raise invalid(f"The association of {_name(request)} already exists.") from None
    return _ends(request)


def list_associations(context: RequestContext, request: dict[str, Any]) -> Document:
    """SourceType and DestinationType are the type of an entity, such as `Model`, or of its lineage, such as `Artifact`."""
    references = {field: values for field, values in resources.same(request).items() if field not in TYPES}
    if request.get("SortBy", "CreationTime") == "CreationTime" and not request.keys() & set(TYPES):
        page, token = resources.page(context, ASSOCIATION, request, references=references)
        return {"AssociationSummaries": page, **token}
    found = [one for one in _associations(context, request, references) if _has_types(one, request)]
    found.sort(
        key=lambda one: one.get(request.get("SortBy", "CreationTime"), ""),
        reverse=request.get("SortOrder") != "Ascending",
    )
    shown, token = resources.numbered_page(found, request)
    return {"AssociationSummaries": shown, **token}


def _associations(
    context: RequestContext, request: dict[str, Any], references: dict[str, Sequence[str]]
) -> list[Document]:
    """All associations that an index finds for the request, whatever the page."""
    by_time = {field: value for field, value in request.items() if field != "SortBy"}
    selection = resources.selection(by_time, references=references)
    return context.services.store.select(ASSOCIATION, selection)


def _has_types(association: Document, request: Document) -> bool:
    return all(request.get(f"{end}Type") in (None, *_types(association, end)) for end in ("Source", "Destination"))


def _types(association: Document, end: str) -> Iterator[str]:
    """What an end may be called in a list request. SDK v2 calls the models that a job produced contexts."""
    own, lineage_type = association.get(f"{end}Type"), LINEAGE_TYPES.get(_resource(association[f"{end}Arn"]))
    yield from (name for name in (own, lineage_type) if name)
    if end == "Destination" and own == MODEL and _resource(association["SourceArn"]) == COMPONENT.name:
        yield CONTEXT.stem


def delete_association(context: RequestContext, request: dict[str, Any]) -> Document:
    try:
        context.services.store.delete(ASSOCIATION, _name(request))
    except NotFound:
        raise AwsError("ResourceNotFound", f"The association of {_name(request)} does not exist.") from None
    return _ends(request)


# Shared by both


def _arn_of(context: RequestContext, source: Document) -> str:
    return artifact_arn(context.sagemaker_arn(ARTIFACT, ""), source)


def _artifact(context: RequestContext, arn: str) -> Document:
    try:
        return context.services.store.get(ARTIFACT.name, arn)
    except NotFound:
        raise AwsError("ResourceNotFound", f"Artifact {arn} does not exist.") from None


def _shown(context: RequestContext, end: str, arn: str) -> Document:
    """Type and name of an end of an association, as far as it has them. Raises ResourceNotFound."""
    for kind in (ARTIFACT, ACTION, CONTEXT, COMPONENT, EXPERIMENT):
        if kind.name == _resource(arn):
            for one in context.services.store.all(kind.name):
                if one[kind.arn_field] == arn:
                    shown = {"Name": one.get(kind.name_field), "Type": _type(kind, one)}
                    return {f"{end}{field}": value for field, value in shown.items() if value}
    raise AwsError("ResourceNotFound", f"No resource has the {end}Arn {arn}.")


def _type(kind: Kind, entity: Document) -> str | None:
    return entity.get(f"{kind.stem}Type") or entity.get("Source", {}).get("SourceType")


def _resource(arn: str) -> str:
    return arn.split(":")[-1].partition("/")[0]


def _name(ends: Document) -> str:
    return association_name(ends["SourceArn"], ends["DestinationArn"])


def _ends(association: Document) -> Document:
    return {field: association[field] for field in ("SourceArn", "DestinationArn")}
