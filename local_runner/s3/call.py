"""Parses a request as S3 does: which operation, on which bucket and key."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from botocore.loaders import Loader
from botocore.model import ServiceModel
from werkzeug.wrappers import Request

from wildsage.containers.contract.whole_number import whole_number
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.signatures.chunks import SignedBody

VIRTUAL_HOST = re.compile(
    r"(?P<bucket>.+)\.(?:s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?:\.cn)?|s3\.localhost|localhost)(?::\d+)?"
)
SCOPE_REGION = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/")
#: Operations of other kinds of buckets, with the address of another operation.
OTHER_BUCKET_TYPES = {"ListDirectoryBuckets", "WriteGetObjectResponse"}
COPY_SOURCE = "x-amz-copy-source"
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Call:
    """One request. `bucket` and `key` are "" if the address has none. `signed`: what its signature promises of its body."""

    request: Request
    operation: str
    bucket: str
    key: str
    query: Mapping[str, str]
    signed: SignedBody = field(default_factory=SignedBody)

    def argument(self, name: str, default: str = "") -> str:
        """Value in the query, or `default`."""
        return self.query.get(name, default)

    def header(self, name: str, default: str = "") -> str:
        """Value of a header, or `default`."""
        return self.request.environ.get(environment_name(name), default)

    def number(self, name: str, default: int, highest: int) -> int:
        """A whole number in the query, at most `highest`, which caps larger ones as S3 does. Raises InvalidArgument."""
        text = self.argument(name) or str(default)
        try:
            return min(whole_number(text), highest)
        except ValueError as error:
            raise S3Error("InvalidArgument", f"{name}: {error}.", ArgumentName=name) from None

    @property
    def region(self) -> str:
        """Region in the request's signature, or us-east-1."""
        credential = self.header("Authorization") or f"Credential={self.argument('X-Amz-Credential')}"
        scope = SCOPE_REGION.search(credential)
        return scope["region"] if scope else "us-east-1"


def read_call(request: Request) -> Call:
    """Parse a request. Raises InvalidURI if the path is not UTF-8, NotImplemented if S3 has no such method there."""
    bucket, key = split_address(request.environ["PATH_INFO"], request.host)
    level = bool(bucket) + bool(key)
    query = request.args.to_dict()
    if posts_form(request):
        return Call(request, "PostObject", bucket, key, query)
    copies = environment_name(COPY_SOURCE) in request.environ
    return Call(request, operation_of(request.method, level, query, copies), bucket, key, query)


def posts_form(request: Request) -> bool:
    """Whether a request sends an object in a form, whose fields say who sends it. Raises InvalidURI."""
    if request.method != "POST" or request.mimetype != FORM:
        return False
    bucket, key = split_address(request.environ["PATH_INFO"], request.host)
    return bool(bucket) and not key


@functools.cache
def environment_name(header: str) -> str:
    """WSGI name of a header. Each request needs a dozen, and werkzeug's `headers` take microseconds for each."""
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


def split_address(path: str, host: str) -> tuple[str, str]:
    """Bucket and key of a WSGI path in either style: `/bucket/key`, or `/key` with host `bucket.s3.amazonaws.com`.

    Raises InvalidURI for a path that is not UTF-8.
    """
    try:
        decoded = path.encode("latin-1").decode("utf-8").removeprefix("/")
    except UnicodeDecodeError:
        raise S3Error("InvalidURI", "Couldn't parse the specified URI: the path is not UTF-8.") from None
    virtual = VIRTUAL_HOST.fullmatch(host.lower())
    if virtual:
        return virtual["bucket"], decoded
    bucket, _, key = decoded.partition("/")
    return bucket, key


def operation_of(method: str, level: int, query: Mapping[str, str], copies: bool) -> str:
    """The operation whose conditions the request meets; of several, the one with most. `copies`: a header names a copy source.

    `level` is 0 for the service, 1 for a bucket, 2 for an object. Raises NotImplemented if there is none.
    """
    for rule in _rules().get((method, level), ()):
        if rule.matches(query, copies):
            return rule.operation
    place = ("the service", "a bucket", "an object")[level]
    raise S3Error("NotImplemented", f"{method} on {place} is not implemented by the local S3.")


@dataclass(frozen=True)
class _Rule:
    operation: str
    query: Mapping[str, str]
    copies: bool

    def matches(self, query: Mapping[str, str], copies: bool) -> bool:
        return (
            self.copies <= copies
            and self.query.keys() <= query.keys()
            and all(not value or query[name] == value for name, value in self.query.items())
        )

    @property
    def conditions(self) -> int:
        return len(self.query) + self.copies


@functools.cache
def _rules() -> dict[tuple[str, int], list[_Rule]]:
    """(method, 0 service · 1 bucket · 2 object) → rules, most conditions first, from botocore's model of S3."""
    model = ServiceModel(Loader().load_service_model("s3", "service-2"), "s3")
    rules: dict[tuple[str, int], list[_Rule]] = {}
    for name in model.operation_names:
        if name in OTHER_BUCKET_TYPES:
            continue
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        conditions = parse_qsl(query, keep_blank_values=True)
        required = [operation.input_shape.members[m].serialization for m in operation.input_shape.required_members]
        conditions += [(where["name"], "") for where in required if where.get("location") == "querystring"]
        copies = any(where.get("name") == COPY_SOURCE for where in required)
        level = ("{Bucket}" in path) + ("{Key+}" in path)
        rules.setdefault((operation.http["method"], level), []).append(_Rule(name, dict(conditions), copies))
    return {place: sorted(found, key=lambda rule: -rule.conditions) for place, found in rules.items()}
