"""One request, read as S3 reads it: which operation, on which bucket and key."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import botocore.session
from werkzeug.wrappers import Request

from wildsage.local_runner.s3.errors import S3Error

VIRTUAL_HOST = re.compile(
    r"(?P<bucket>.+)\.(?:s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?:\.cn)?|s3\.localhost|localhost)(?::\d+)?"
)
SCOPE_REGION = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[a-z0-9-]+)/")
#: Same address as another operation, and not of general purpose buckets.
OTHER_BUCKET_TYPES = {"ListDirectoryBuckets", "WriteGetObjectResponse"}
COPY_SOURCE = "x-amz-copy-source"


@dataclass(frozen=True)
class Call:
    """`bucket` and `key` are "" where the address has none."""

    request: Request
    operation: str
    bucket: str
    key: str
    query: Mapping[str, str]

    def argument(self, name: str, default: str = "") -> str:
        return self.query.get(name, default)

    def header(self, name: str, default: str = "") -> str:
        return self.request.environ.get(environment_name(name), default)

    def number(self, name: str, default: int, highest: int) -> int:
        """A count in the query, from 0; larger ones are capped as S3 caps them. Raises InvalidArgument."""
        text = self.argument(name) or str(default)
        if not re.fullmatch(r"\d{1,10}", text):
            raise S3Error(
                "InvalidArgument", f"{name}: got {text!r}, expected a whole number from 0.", ArgumentName=name
            )
        return min(int(text), highest)

    @property
    def region(self) -> str:
        """Where the signature says the request goes."""
        credential = self.header("Authorization") or f"Credential={self.argument('X-Amz-Credential')}"
        scope = SCOPE_REGION.search(credential)
        return scope["region"] if scope else "us-east-1"


def read_call(request: Request) -> Call:
    """Raises InvalidURI for a path that is not UTF-8, NotImplemented for a method S3 does not have there."""
    bucket, key = address(request.environ["PATH_INFO"], request.host)
    level = bool(bucket) + bool(key)
    query = request.args.to_dict()
    copies = environment_name(COPY_SOURCE) in request.environ
    return Call(request, operation_of(request.method, level, query, copies), bucket, key, query)


@functools.cache
def environment_name(header: str) -> str:
    """Where WSGI keeps a header: asked a dozen times a request, which werkzeug's `headers` take microseconds for."""
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


def address(path: str, host: str) -> tuple[str, str]:
    """Bucket and key of a WSGI path, in either of S3's styles: `/bucket/key`, or `/key` at `bucket.s3.amazonaws.com`."""
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
    """The operation whose marks are all there; of several, the one with most. `copies`: a source is named in a header."""
    for rule in _rules().get((method, level), ()):
        if rule.fits(query, copies):
            return rule.operation
    place = ("the service", "a bucket", "an object")[level]
    raise S3Error("NotImplemented", f"{method} on {place} is not implemented by the local S3.")


@dataclass(frozen=True)
class _Rule:
    operation: str
    query: Mapping[str, str]
    copies: bool

    def fits(self, query: Mapping[str, str], copies: bool) -> bool:
        return (
            self.copies <= copies
            and self.query.keys() <= query.keys()
            and all(not value or query[name] == value for name, value in self.query.items())
        )

    @property
    def marks(self) -> int:
        return len(self.query) + self.copies


@functools.cache
def _rules() -> dict[tuple[str, int], list[_Rule]]:
    """(method, 0 service · 1 bucket · 2 object) → rules, most marks first, out of botocore's description of S3."""
    model = botocore.session.get_session().get_service_model("s3")
    rules: dict[tuple[str, int], list[_Rule]] = {}
    for name in model.operation_names:
        if name in OTHER_BUCKET_TYPES:
            continue
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        marks = parse_qsl(query, keep_blank_values=True)
        required = [operation.input_shape.members[m].serialization for m in operation.input_shape.required_members]
        marks += [(where["name"], "") for where in required if where.get("location") == "querystring"]
        copies = any(where.get("name") == COPY_SOURCE for where in required)
        level = ("{Bucket}" in path) + ("{Key+}" in path)
        rules.setdefault((operation.http["method"], level), []).append(_Rule(name, dict(marks), copies))
    return {place: sorted(found, key=lambda rule: -rule.marks) for place, found in rules.items()}
