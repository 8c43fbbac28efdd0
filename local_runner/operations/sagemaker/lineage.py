"""Artifacts and their associations: what the SDKs' experiments note down about curves and tables. Stored and listed;
nothing reads them. Actions, contexts and queries are not here: no SDK makes them outside its own lineage module."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from typing import Any

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.store import TAGS, Document, NameTaken, NotThere
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker import resources
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"
ARTIFACT = Kind("artifact", "Artifact", "artifact")
ASSOCIATION = "association"
SAME = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType", "ArtifactType")
"""Fields of a list request that the same fields of what is listed must equal."""


# Artifacts


def create_artifact(context: RequestContext, request: dict[str, Any]) -> Document:
    """One for each source, which is its identity."""
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
    """Its associations go with it."""
    if "ArtifactArn" not in request and "Source" not in request:
        raise invalid("DeleteArtifact needs an ArtifactArn or a Source.")
    arn = _artifact(context, request.get("ArtifactArn") or _arn_of(context, request["Source"]))["ArtifactArn"]
    for one in context.services.store.all(ASSOCIATION):
        if arn in (one["SourceArn"], one["DestinationArn"]):
            context.services.store.delete(ASSOCIATION, _name(one))
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
    except NotThere:
        raise AwsError("ResourceNotFound", f"There is no association of {_name(request)}.") from None
    return _ends(request)


# What they have in common


def _arn_of(context: RequestContext, source: Document) -> str:
    identity = hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()[:32]
    return context.sagemaker_arn(ARTIFACT, identity)


def _artifact(context: RequestContext, arn: str) -> Document:
    try:
        return context.services.store.get(ARTIFACT.name, arn)
    except NotThere:
        raise AwsError("ResourceNotFound", f"Artifact {arn} does not exist.") from None


def _shown(context: RequestContext, end: str, arn: str) -> Document:
    """Type and name of an association's end, as far as it is an artifact that has them. Raises ResourceNotFound."""
    try:
        context.services.store.get(TAGS, arn)  # whatever has an ARN can be tagged
    except NotThere:
        raise AwsError("ResourceNotFound", f"No resource here has the {end}Arn {arn}.") from None
    found = _artifact(context, arn) if f":{ARTIFACT.name}/" in arn else {}
    return {f"{end}{field}": found[f"Artifact{field}"] for field in ("Type", "Name") if f"Artifact{field}" in found}


def _name(ends: Document) -> str:
    return f"{ends['SourceArn']} with {ends['DestinationArn']}"


def _ends(association: Document) -> Document:
    return {field: association[field] for field in ("SourceArn", "DestinationArn")}


def _listed(field: str, found: Iterable[Document], request: Document) -> Document:
    """A page of those that the request means, newest first if it does not say otherwise."""
    after, before = request.get("CreatedAfter", 0), request.get("CreatedBefore", time.time() + 1)
    kept = [one for one in found if after < one["CreationTime"] < before]
    kept = [one for one in kept if all(one.get(name) == request[name] for name in SAME if name in request)]
    sort_field = request.get("SortBy", "CreationTime")
    kept.sort(key=lambda one: one.get(sort_field, ""), reverse=request.get("SortOrder") != "Ascending")
    page, token = resources.numbered_page(kept, request)
    return {field: page, **token}
