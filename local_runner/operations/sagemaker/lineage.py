"""Artifacts and their associations, which jobs and endpoints leave and the experiments of SDKs create.

Artifacts of one source are the same artifact.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from wildsage.local_runner.jobs.lineage import (
    ARTIFACT,
    ASSOCIATION,
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
SAME = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType", "ArtifactType")
"""Fields of a list request that must equal the same fields of a listed resource."""


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
    found = context.services.store.all(ARTIFACT.name)
    if "SourceUri" in request:
        found = [one for one in found if one["Source"]["SourceUri"] == request["SourceUri"]]
    return _listed("ArtifactSummaries", found, request)


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
    return _listed("AssociationSummaries", context.services.store.all(ASSOCIATION), request)


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
    """Type and name of an end of an association, if it is an artifact that has them. Raises ResourceNotFound."""
    try:
        context.services.store.get(TAGS, arn)  # every resource with an ARN has a document of tags
    except NotFound:
        raise AwsError("ResourceNotFound", f"No resource has the {end}Arn {arn}.") from None
    found = _artifact(context, arn) if f":{ARTIFACT.name}/" in arn else {}
    return {f"{end}{field}": found[f"Artifact{field}"] for field in ("Type", "Name") if f"Artifact{field}" in found}


def _name(ends: Document) -> str:
    return association_name(ends["SourceArn"], ends["DestinationArn"])


def _ends(association: Document) -> Document:
    return {field: association[field] for field in ("SourceArn", "DestinationArn")}


def _listed(field: str, found: Iterable[Document], request: Document) -> Document:
    """A page of the resources that the request selects, by default newest first."""
    after, before = request.get("CreatedAfter", 0), request.get("CreatedBefore", time.time() + 1)
    kept = [one for one in found if after < one["CreationTime"] < before]
    kept = [one for one in kept if all(one.get(name) == request[name] for name in SAME if name in request)]
    sort_field = request.get("SortBy", "CreationTime")
    kept.sort(key=lambda one: one.get(sort_field, ""), reverse=request.get("SortOrder") != "Ascending")
    page, token = resources.numbered_page(kept, request)
    return {field: page, **token}
