"""What the operations on SageMaker resources share: creating, finding, deleting and tagging them, and lists in pages."""

from __future__ import annotations

import contextlib
import json
import math
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wildsage.containers.contract import json_text
from wildsage.local_runner.backends import CannotRun
from wildsage.local_runner.images import uris
from wildsage.local_runner.inputs.channels import InputError, split_uri
from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.jobs.store import REFERENCES, TAGS, Document, ListQuery, NameTaken, NotFound, Place, Sort
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.wire.errors import AwsError, invalid

DEFAULT_PAGE = 10
LAST_POSITION = 1 << 53
SORTS: Mapping[str, Sort] = {"Name": "name", "Status": "status"}
"""The orders that `SortBy` may name, apart from the time of creation."""

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
    context: RequestContext,
    kind: str,
    request: Request,
    order: str = "Descending",
    *,
    references: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] | None = None,
    since: float | None = None,
) -> tuple[list[Document], dict[str, str]]:
    """The page a List request asks for, and `{"NextToken"}` if more follow.

    Filters, sorting and paging are those that all List operations of SageMaker share, whether they call a bound CreationTimeAfter
    or CreatedAfter; `order` is the default order. `references`, `names` and `since`, the first time of creation, select further.
    A token holds the place of the last document that was returned, so that resources created or deleted meanwhile do not move
    the next page.
    """
    return page_of(context, kind, selection(request, order, references=references, names=names, since=since), request)


def page_of(
    context: RequestContext, kind: str, query: ListQuery, request: Request
) -> tuple[list[Document], dict[str, str]]:
    """The page of a list that the request's token and MaxResults ask for, and `{"NextToken"}` if more follow."""
    found, last = context.services.store.page(kind, _at(query, request))
    return found, _next(last)


def counted_page_of(
    context: RequestContext, kind: str, query: ListQuery, request: Request
) -> tuple[list[Document], int, dict[str, str]]:
    """As `page_of`, with how many there are on all pages."""
    found, last, count = context.services.store.counted_page(kind, _at(query, request))
    return found, count, _next(last)


def _at(query: ListQuery, request: Request) -> ListQuery:
    after = _read_place(request["NextToken"], query.sort) if "NextToken" in request else None
    return replace(query, after=after, limit=request.get("MaxResults", DEFAULT_PAGE))


def _next(last: Place | None) -> dict[str, str]:
    return {"NextToken": _token(list(last))} if last else {}


def selection(
    request: Request,
    order: str = "Descending",
    *,
    references: Mapping[str, Sequence[str]] | None = None,
    names: Sequence[str] | None = None,
    since: float | None = None,
) -> ListQuery:
    """All that a List request asks for, on whatever page."""
    sort = SORTS.get(request.get("SortBy", ""), "created")
    return ListQuery(
        sort=sort,
        descending=request.get("SortOrder", order) == "Descending",
        name_contains=request.get("NameContains", ""),
        status=request.get("StatusEquals"),
        created_after=_latest(request.get("CreationTimeAfter", request.get("CreatedAfter")), since),
        created_before=request.get("CreationTimeBefore", request.get("CreatedBefore")),
        modified_after=request.get("LastModifiedTimeAfter"),
        modified_before=request.get("LastModifiedTimeBefore"),
        names=names,
        references=references or {},
    )


def same(request: Request) -> dict[str, Sequence[str]]:
    """The references of a request to which those of a listed resource must be equal."""
    return {field: [request[field]] for field in REFERENCES if field in request}


def _latest(after: float | None, since: float | None) -> float | None:
    """The bound, exclusive, of what was created after a time and not before another."""
    bounds = [bound for bound in (after, since and math.nextafter(since, 0)) if bound is not None]
    return max(bounds, default=None)


def _read_place(token: str, sort: Sort) -> Place:
    value, name = _read_token(token, float if sort in ("created", "modified") else str, str)
    return value, name


def numbered_page(
    documents: Sequence[Document], request: Request, status_field: str = ""
) -> tuple[Sequence[Document], dict[str, str]]:
    """Like `page`, for documents that are sorted already. A token holds the position where the next page begins."""
    wanted = request.get("StatusEquals")
    found = [one for one in documents if wanted in (None, one.get(status_field))]
    begin, limit = numbered_place(request)
    return found[begin : begin + limit], numbered_token(begin + limit, len(found))


def numbered_place(request: Request) -> tuple[int, int]:
    """The position where the page of a request begins, and how many it shows at most."""
    begin = _read_token(request["NextToken"], int)[0] if "NextToken" in request else 0
    if not 0 <= begin < LAST_POSITION:
        raise _foreign_token()
    return begin, request.get("MaxResults", DEFAULT_PAGE)


def numbered_token(end: int, count: int) -> dict[str, str]:
    """`{"NextToken"}` if more follow a page that ends at a position."""
    return {"NextToken": _token([end])} if count > end else {}


def _token(key: list[Any]) -> str:
    return urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read_token(token: str, *types: type) -> list[Any]:
    """The key in a token, whose members must have the given types: those of a list in another order differ."""
    try:
        key = json_text.parse(urlsafe_b64decode(token))
    except ValueError:
        key = None
    if not isinstance(key, list) or [type(member) for member in key] != list(types):
        raise _foreign_token()
    return key


def _foreign_token() -> AwsError:
    return invalid("NextToken was not created for this list and its order. Start the list again without it.")
