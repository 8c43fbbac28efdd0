"""Actions and contexts, which group what was deployed and where; endpoints leave one of each.

Here they are stored and listed, and an update of an endpoint adds to its one action.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.lineage import ACTION, CONTEXT, delete_associations
from wildsage.local_runner.jobs.store import Document, NameTaken, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.operations.sagemaker import resources, tag_rules
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"


# Actions


@keeps(*tag_rules.RULES)
def create_action(context: RequestContext, request: dict[str, Any]) -> Document:
    return _create(context, ACTION, request)


def describe_action(context: RequestContext, request: dict[str, Any]) -> Document:
    return _find(context, ACTION, request)


def list_actions(context: RequestContext, request: dict[str, Any]) -> Document:
    return _list(context, ACTION, request)


def update_action(context: RequestContext, request: dict[str, Any]) -> Document:
    return _update(context, ACTION, request)


def delete_action(context: RequestContext, request: dict[str, Any]) -> Document:
    return _delete(context, ACTION, request)


# Contexts


@keeps(*tag_rules.RULES)
def create_context(context: RequestContext, request: dict[str, Any]) -> Document:
    return _create(context, CONTEXT, request)


def describe_context(context: RequestContext, request: dict[str, Any]) -> Document:
    return _find(context, CONTEXT, request)


def list_contexts(context: RequestContext, request: dict[str, Any]) -> Document:
    return _list(context, CONTEXT, request)


def update_context(context: RequestContext, request: dict[str, Any]) -> Document:
    return _update(context, CONTEXT, request)


def delete_context(context: RequestContext, request: dict[str, Any]) -> Document:
    return _delete(context, CONTEXT, request)


# Shared by actions and contexts


def _create(context: RequestContext, kind: Kind, request: Document) -> Document:
    name, now = request[kind.name_field], time.time()
    arn = context.sagemaker_arn(kind, name)
    fields = {kind.arn_field: arn, "CreationTime": now, "LastModifiedTime": now}
    try:
        context.services.store.insert(kind.name, name, {**resources.without_tags(request), **fields})
    except NameTaken:
        raise invalid(f"{kind.noun.capitalize()} with name {name} already exists.") from None
    resources.save_tags(context, arn, request)
    return {kind.arn_field: arn}


def _find(context: RequestContext, kind: Kind, request: Document) -> Document:
    """By name, or by the ARN that requests may have in its place."""
    name, store = request[kind.name_field], context.services.store
    with contextlib.suppress(NotFound):
        return store.get(kind.name, name)
    for found in store.referring(kind.name, kind.arn_field, name):
        return found
    raise AwsError("ResourceNotFound", f"{kind.noun.capitalize()} '{name}' does not exist.")


def _list(context: RequestContext, kind: Kind, request: Document) -> Document:
    """A page of the resources that the request selects, by default newest first."""
    page, token = resources.page(context, kind.name, request, references=resources.same(request))
    return {f"{kind.stem}Summaries": page, **token}


def _update(context: RequestContext, kind: Kind, request: Document) -> Document:
    """Properties of the request replace those with the same name; the others stay."""
    name = _find(context, kind, request)[kind.name_field]

    def edit(document: Document) -> None:
        kept = {**document.get("Properties", {}), **request.get("Properties", {})}
        document.update({field: request[field] for field in ("Description", "Status") if field in request})
        document["Properties"] = {
            key: value for key, value in kept.items() if key not in request.get("PropertiesToRemove", ())
        }
        document["LastModifiedTime"] = time.time()

    return {kind.arn_field: context.services.store.change(kind.name, name, edit)[kind.arn_field]}


def _delete(context: RequestContext, kind: Kind, request: Document) -> Document:
    """Also deletes the associations."""
    document = _find(context, kind, request)
    arn = document[kind.arn_field]
    delete_associations(context.services.store, arn)
    resources.delete(context, kind, document[kind.name_field])
    return {kind.arn_field: arn}
