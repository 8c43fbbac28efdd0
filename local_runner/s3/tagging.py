"""Tags of objects. Source: "Categorizing your storage using tags" (S3 user guide), PutObjectTagging (API reference)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from werkzeug.wrappers import Response

from wildsage.local_runner.s3.body import read_document
from wildsage.local_runner.s3.call import Call
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.responses import empty_response, xml_response
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.xml import parse

MAX_TAGS = 10
MAX_KEY, MAX_VALUE = 128, 256  # characters

Tags = Sequence[tuple[str, str]]


def from_header(text: str) -> str:
    """The tags of `x-amz-tagging`, in the form in which they are stored. Raises InvalidArgument, InvalidTag, BadRequest."""
    try:
        found = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        raise S3Error(
            "InvalidArgument",
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name "
            "duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=text,
        ) from None
    return encode(found)


def from_document(body: bytes) -> str:
    """The tags of a Tagging document, in the form in which they are stored. Raises MalformedXML, InvalidTag, BadRequest."""
    document = parse(body, "Tagging")
    return encode([(tag.findtext("Key") or "", tag.findtext("Value") or "") for tag in document.iter("Tag")])


def encode(tags: Tags) -> str:
    """The stored form, that of `x-amz-tagging`. Raises InvalidTag, BadRequest."""
    if len(tags) > MAX_TAGS:
        raise S3Error("BadRequest", f"Object tags cannot be greater than {MAX_TAGS}")
    if len({key for key, _ in tags}) < len(tags):
        raise S3Error("InvalidTag", "Cannot provide multiple Tags with the same key")
    for key, value in tags:
        if not 0 < len(key) <= MAX_KEY:
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if key.lower().startswith("aws:"):
            raise S3Error("InvalidTag", "System tags cannot be added/updated by requester", TagKey=key)
        if len(value) > MAX_VALUE:
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid", TagKey=key, TagValue=value)
    return urlencode(list(tags))


def get_object_tagging(store: ObjectStore, call: Call) -> Response:
    """The tags of an object. The AWS CLI reads them before it copies one."""
    tagging = store.get(call.bucket, call.key).attributes.tagging
    tags = [{"Key": name, "Value": value} for name, value in parse_qsl(tagging, keep_blank_values=True)]
    return xml_response("Tagging", {"TagSet": {"Tag": tags}})


def put_object_tagging(store: ObjectStore, call: Call) -> Response:
    """Replace the tags of an object. Raises NoSuchKey, MalformedXML, InvalidTag, BadRequest."""
    tagging = from_document(read_document(call))
    store.change_attributes(call.bucket, call.key, lambda attributes: replace(attributes, tagging=tagging))
    return empty_response()


def delete_object_tagging(store: ObjectStore, call: Call) -> Response:
    """Remove the tags of an object. Raises NoSuchKey."""
    store.change_attributes(call.bucket, call.key, lambda attributes: replace(attributes, tagging=""))
    return empty_response(status=204)
