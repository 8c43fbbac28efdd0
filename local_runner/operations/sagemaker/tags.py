"""Tags on any resource that has an ARN.

Here tags are stored and searched, and grant nothing. ListTags returns them all in one page, which holds 50 at least on AWS too.
"""

from __future__ import annotations

from typing import Any

from wildsage.local_runner.jobs.store import TAGS, Document, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.operations.sagemaker import tag_rules
from wildsage.local_runner.wire.errors import AwsError, invalid

SERVICE = "sagemaker"
MAX_TAGS = 50


@keeps(*tag_rules.RULES)
def add_tags(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    def add(tags: Document) -> None:
        tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        if len(tags) > MAX_TAGS:
            raise invalid(f"The resource would have {len(tags)} tags, expected at most {MAX_TAGS}.")

    return {"Tags": _shown(_change(context, request["ResourceArn"], add))}


def list_tags(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": _shown(_change(context, request["ResourceArn"], lambda tags: None))}


def delete_tags(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    def remove(tags: Document) -> None:
        for key in request["TagKeys"]:
            tags.pop(key, None)

    _change(context, request["ResourceArn"], remove)
    return {}


def _change(context: RequestContext, arn: str, edit: Any) -> Document:
    try:
        return context.services.store.change(TAGS, arn, edit)
    except NotFound:
        raise AwsError("ResourceNotFound", f"No resource has the ARN {arn}.") from None


def _shown(tags: Document) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
