"""PostObject: an object from a form, as `generate_presigned_post` makes one. Policies are checked, and their signatures where
requests have to be signed.

Source: "POST Object" and "Browser-Based Uploads Using POST" (S3 API reference).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from wildsage.containers.contract import json_text
from wildsage.local_runner.s3 import tagging
from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.names import checked_metadata
from wildsage.local_runner.s3.object_operations import KEPT_HEADERS
from wildsage.local_runner.s3.objects import Attributes, StoredObject
from wildsage.local_runner.s3.pending_object import CHUNK_BYTES, write_pending
from wildsage.local_runner.s3.responses import empty_response, xml_response
from wildsage.local_runner.s3.store import ObjectStore

UNCHECKED = ("x-amz-signature", "signature", "awsaccesskeyid", "policy", "file")
"""Fields that a policy does not have to mention."""
METADATA = "x-amz-meta-"
METADATA_NAME = re.compile(METADATA + r"[!#$%&'*+.^_`|~0-9a-z-]+")
REDIRECT = "success_action_redirect"
OF_HEADERS = ("content-type", *(name.lower() for name in KEPT_HEADERS))
"""Fields that become headers of the object as they are."""

Fields = Mapping[str, str]


def post_object(store: ObjectStore, call: Call) -> Response:
    """Store the file of a form as an object, if its policy allows it.

    Raises InvalidArgument, MalformedPOSTRequest, AccessDenied, InvalidPolicyDocument, EntityTooLarge, EntityTooSmall.
    """
    store.bucket(call.bucket)
    fields, file = _form(call)
    call.signed.check_form(fields)
    _check_headers(fields)
    key = fields["key"].replace("${filename}", file.filename or "")
    size_bytes = file.stream.seek(0, 2)
    file.stream.seek(0)
    if "policy" in fields:
        check_policy(fields["policy"], {**fields, "bucket": call.bucket}, size_bytes, datetime.now(UTC))
    attributes = _attributes(fields)
    pending = write_pending(store.temp, iter(lambda: file.stream.read(CHUNK_BYTES), b""))
    stored = store.commit(call.bucket, key, pending, attributes)
    return _response(call, fields, stored)


def _form(call: Call) -> tuple[Fields, FileStorage]:
    """The fields by lower-case name, and the file."""
    try:
        fields = {name.lower(): value for name, value in call.request.form.items()}
        files = call.request.files
    except RequestEntityTooLarge:
        raise S3Error("MalformedPOSTRequest", "The fields of the form before the file are too large.") from None
    if "file" not in files:
        raise S3Error("InvalidArgument", "POST requires exactly one file upload per request.", ArgumentName="file")
    if not fields.get("key"):
        raise S3Error("InvalidArgument", "Bucket POST must contain a field named 'key'.", ArgumentName="key")
    return fields, files["file"]


def _check_headers(fields: Fields) -> None:
    """Raises InvalidArgument for what no header can have: an object with it could not be read again."""
    for name, value in fields.items():
        is_metadata = name.startswith(METADATA)
        if name not in (*OF_HEADERS, REDIRECT) and not is_metadata:
            continue
        is_encodable = name == REDIRECT or all(ord(character) < 256 for character in value)
        if not value.isprintable() or not is_encodable or (is_metadata and not METADATA_NAME.fullmatch(name)):
            raise S3Error(
                "InvalidArgument", f"Field {name!r}: got {value!r}, expected what a header can have.", ArgumentName=name
            )


def _attributes(fields: Fields) -> Attributes:
    document = fields.get("tagging")
    return Attributes(
        content_type=fields.get("content-type", Attributes.content_type),
        headers={name: fields[name.lower()] for name in KEPT_HEADERS if fields.get(name.lower())},
        metadata=checked_metadata(
            {name.removeprefix(METADATA): value for name, value in fields.items() if name.startswith(METADATA)}
        ),
        tagging=tagging.from_document(document.encode()) if document else "",
    )


def _response(call: Call, fields: Fields, stored: StoredObject) -> Response:
    """Status 204, or what `success_action_redirect` and `success_action_status` ask for."""
    location = f"{call.request.host_url}{quote(f'{stored.bucket}/{stored.key}')}"
    etag = f'"{stored.etag}"'
    headers = {"ETag": etag, "Location": location}
    if target := fields.get(REDIRECT):
        joint = "&" if "?" in target else "?"
        values = f"bucket={quote(stored.bucket)}&key={quote(stored.key, safe='')}&etag={quote(etag, safe='')}"
        return empty_response({**headers, "Location": f"{target}{joint}{values}"}, 303)
    match fields.get("success_action_status"):
        case "201":
            content = {"Location": location, "Bucket": stored.bucket, "Key": stored.key, "ETag": etag}
            return xml_response("PostResponse", content, headers, 201)
        case "200":
            return empty_response(headers, 200)
    return empty_response(headers, 204)


# Policies


def check_policy(encoded: str, fields: Fields, size_bytes: int, now: datetime) -> None:
    """Raises AccessDenied, EntityTooLarge, EntityTooSmall, InvalidPolicyDocument, unless the policy allows the form.

    `fields` have lower-case names, with the bucket among them; `size_bytes` is the size of the file.
    """
    policy = _read_policy(encoded)
    if datetime.fromisoformat(policy["expiration"]) < now:
        raise _denied("Policy expired.")
    mentioned = set()
    for operator, name, value in _conditions(policy["conditions"]):
        if operator == "content-length-range":
            _check_size(size_bytes, int(name), int(value))
            continue
        field = name.removeprefix("$").lower()
        mentioned.add(field)
        given = fields.get(field, "")
        if not (given.startswith(value) if operator == "starts-with" else given == value):
            raise _denied(f"Policy Condition failed: {json.dumps([operator, name, value])}")
    extra = [name for name in fields if name not in (*UNCHECKED, "bucket") and not name.startswith("x-ignore-")]
    if others := sorted(set(extra) - mentioned):
        raise _denied(f"Extra input fields: {others[0]}")


def _read_policy(encoded: str) -> dict[str, Any]:
    try:
        policy = json_text.parse(base64.b64decode(encoded, validate=True))
        if datetime.fromisoformat(policy["expiration"]).tzinfo is None:
            raise ValueError("an expiration without a time zone")
        list(_conditions(policy["conditions"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise S3Error(
            "InvalidPolicyDocument", "Invalid Policy: it is not valid JSON with expiration and conditions."
        ) from None
    return policy


def _conditions(given: Sequence[Any]) -> Iterator[tuple[str, str, str]]:
    """Each condition as operator, field or least size, and value or greatest size."""
    for condition in given:
        if isinstance(condition, dict):
            yield from (("eq", f"${name}", str(value)) for name, value in condition.items())
        else:
            operator, name, value = condition
            if operator == "content-length-range":
                int(str(name)), int(str(value))
            elif operator not in ("eq", "starts-with"):
                raise ValueError(operator)
            yield operator, str(name), str(value)


def _check_size(size_bytes: int, least: int, most: int) -> None:
    sizes = {"ProposedSize": str(size_bytes), "MinSizeAllowed": str(least), "MaxSizeAllowed": str(most)}
    if size_bytes > most:
        del sizes["MinSizeAllowed"]
        raise S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", **sizes)
    if size_bytes < least:
        del sizes["MaxSizeAllowed"]
        raise S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", **sizes)


def _denied(reason: str) -> S3Error:
    return S3Error("AccessDenied", f"Invalid according to Policy: {reason}")
