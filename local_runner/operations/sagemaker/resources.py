"""What the operations on SageMaker resources share: creating, finding, deleting and tagging them, and lists in pages."""

from __future__ import annotations

import contextlib
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wildsage.local_runner.backends import CannotRun
from wildsage.local_runner.images import uris
from wildsage.local_runner.inputs.channels import InputError, split_uri
from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.store import TAGS, Document, NameTaken, NotFound
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.wire.errors import AwsError, invalid

DEFAULT_PAGE = 10

Request = Mapping[str, Any]


def check_image(context: RequestContext, image: str | None, has_entrypoint: bool = False) -> str:
    """The image, if the backend can run it and AWS would. Raises ValidationException, which says what the backend can run."""
    if not image:
        raise invalid(
            "An image is required: algorithms and model packages of the marketplace are not implemented by Wildsage."
        )
    try:
        context.services.backend.check(image, has_entrypoint)
    except CannotRun as error:
        raise invalid(str(error)) from None
    _check_image_region(context, image)
    return image


def check_isolation(context: RequestContext, hosts: int = 1, serves: bool = False) -> None:
    """Raises ValidationException where the backend cannot keep EnableNetworkIsolation."""
    try:
        context.services.backend.check_isolation(hosts, serves)
    except CannotRun as error:
        raise invalid(str(error)) from None


def _check_image_region(context: RequestContext, image: str) -> None:
    """Reject an image of another region if the server is strict, else note it: old notebooks name one region's images."""
    problem = uris.foreign(image, context.region)
    if problem and context.services.settings.strict:
        raise invalid(problem)
    if problem:
        context.services.foreign_images.add(f"{image} in {context.region}")


def check_target(context: RequestContext, field: str, uri: str) -> None:
    """Raises ValidationException for an S3 URI that cannot be written to, because its bucket does not exist."""
    bucket = bucket_of(uri)
    if not context.services.objects.has_bucket(bucket):
        raise invalid(f"{field} {uri}: the bucket {bucket} does not exist. Create it first.")


def bucket_of(uri: str) -> str:
    """The bucket of an S3 URI. Raises ValidationException if the URI is invalid."""
    try:
        return split_uri(uri)[0]
    except InputError as error:
        raise invalid(str(error)) from None


def save_tags(context: RequestContext, arn: str, request: Request) -> None:
    """Store the tags of a new resource. A resource without such a document cannot be tagged."""
    with contextlib.suppress(NotFound):
        context.services.store.delete(TAGS, arn)
    context.services.store.insert(TAGS, arn, {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())})


def create(context: RequestContext, kind: Kind, request: Request) -> dict[str, str]:
    """Store a new resource, whose document is the request, and its tags. Raises ValidationException if the name is taken."""
    name = request[kind.name_field]
    arn = context.sagemaker_arn(kind, name)
    document = {**without_tags(request), kind.arn_field: arn, "CreationTime": time.time()}
    try:
        context.services.store.insert(kind.name, name, document)
    except NameTaken:
        raise name_taken(context, kind, name) from None
    save_tags(context, arn, request)
    return {kind.arn_field: arn}


def without_tags(request: Request) -> Document:
    """The request without its tags, which are stored apart from the resource."""
    return {field: value for field, value in request.items() if field != "Tags"}


def find(context: RequestContext, kind: Kind, name: str) -> Document:
    """The document of a resource. Raises ValidationException in SageMaker's words: waiters look for "Could not find"."""
    try:
        return context.services.store.get(kind.name, name)
    except NotFound:
        raise not_found(context, kind, name) from None


def delete(context: RequestContext, kind: Kind, name: str) -> None:
    """Delete a resource and its tags. Raises ValidationException if it does not exist."""
    arn = find(context, kind, name)[kind.arn_field]
    context.services.store.delete(kind.name, name)
    context.services.store.delete(TAGS, arn)


def model_address(container: Mapping[str, Any]) -> str | None:
    """S3 URI of a model, from either field of the request: an archive, or a prefix of plain files, which ends in `/`.

    Raises ValidationException for anything else.
    """
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return container.get("ModelDataUrl")
    match source["S3DataType"], source["CompressionType"]:
        case "S3Object", "Gzip":
            return source["S3Uri"]
        case "S3Prefix", "None":
            return source["S3Uri"].rstrip("/") + "/"
    raise invalid(
        f"ModelDataSource: got S3DataType {source['S3DataType']} with CompressionType {source['CompressionType']}, "
        "expected S3Object with Gzip or S3Prefix with None."
    )


def name_taken(context: RequestContext, kind: Kind, name: str) -> AwsError:
    """The ValidationException for a resource whose name exists. The caller raises it."""
    return invalid(f'Cannot create already existing {kind.noun} "{context.sagemaker_arn(kind, name)}".')


def not_found(context: RequestContext, kind: Kind, name: str) -> AwsError:
    """The ValidationException for a resource that does not exist: waiters look for "Could not find". The caller raises it."""
    return invalid(f'Could not find {kind.noun} "{context.sagemaker_arn(kind, name)}".')


def page(
    documents: Iterable[Document], request: Request, kind: Kind, order: str = "Descending"
) -> tuple[list[Document], dict[str, str]]:
    """The page a List request asks for, and `{"NextToken"}` if more follow.

    Filters, sorting and paging are those that all List operations of SageMaker share; `order` is the default order.
    A token holds the last key that was returned, so that resources created or deleted meanwhile do not move the next page.
    """
    descending = request.get("SortOrder", order) == "Descending"
    sort_field = {"Name": kind.name_field, "Status": kind.status_field}.get(request.get("SortBy", ""), "CreationTime")

    def key(document: Document) -> list[Any]:
        return [document[sort_field], document[kind.name_field]]

    found = [document for document in documents if _passes(document, request, kind)]
    found.sort(key=key, reverse=descending)
    if "NextToken" in request:
        last = _read_token(request["NextToken"], float if sort_field == "CreationTime" else str, str)
        found = [document for document in found if (key(document) < last if descending else key(document) > last)]
    size = request.get("MaxResults", DEFAULT_PAGE)
    token = {"NextToken": _token(key(found[size - 1]))} if len(found) > size else {}
    return found[:size], token


def numbered_page(
    documents: Sequence[Document], request: Request, status_field: str = ""
) -> tuple[Sequence[Document], dict[str, str]]:
    """Like `page`, for documents that are sorted already. A token holds the position where the next page begins."""
    wanted = request.get("StatusEquals")
    found = [one for one in documents if wanted in (None, one.get(status_field))]
    begin = _read_token(request["NextToken"], int)[0] if "NextToken" in request else 0
    end = begin + request.get("MaxResults", DEFAULT_PAGE)
    return found[begin:end], {"NextToken": _token([end])} if len(found) > end else {}


def _passes(document: Document, request: Request, kind: Kind) -> bool:
    created: float = document["CreationTime"]
    modified: float = document.get("LastModifiedTime") or created
    return (
        request.get("NameContains", "").lower() in document[kind.name_field].lower()
        and request.get("StatusEquals", document.get(kind.status_field)) == document.get(kind.status_field)
        and _within(created, request, "CreationTime")
        and _within(modified, request, "LastModifiedTime")
    )


def _within(moment: float, request: Request, field: str) -> bool:
    return request.get(f"{field}After", moment - 1) < moment < request.get(f"{field}Before", moment + 1)


def _token(key: list[Any]) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_token(token: str, *types: type) -> list[Any]:
    """The key in a token, whose members must have the given types: those of a list in another order differ."""
    try:
        key = json.loads(urlsafe_b64decode(token))
    except ValueError:
        key = None
    if not isinstance(key, list) or [type(member) for member in key] != list(types):
        raise invalid("NextToken was not created for this list and its order. Start the list again without it.")
    return key
