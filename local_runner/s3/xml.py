"""S3's documents: nested dicts ⇄ XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from local_runner.s3.errors import S3Error

ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;"})
SPECIAL = re.compile(f"[{''.join(map(chr, ESCAPED))}]")
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def document(root: str, content: Mapping[str, Any] | str, namespace: str = NAMESPACE) -> bytes:
    """`{"Name": "b", "Contents": [{...}, {...}]}` as a document: a list repeats its element, None leaves it out."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{_inner(content)}</{root}>'.encode()


def _element(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "".join([_element(name, entry) for entry in value])
    return f"<{name}>{_inner(value)}</{name}>"


def _inner(value: Any) -> str:
    if isinstance(value, str):
        return value.translate(ESCAPED) if SPECIAL.search(value) else value
    if isinstance(value, dict):
        return "".join([_element(name, entry) for name, entry in value.items()])
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).translate(ESCAPED)


def parse(body: bytes, root: str) -> ElementTree.Element:
    """A request's document, namespaces removed. Raises MalformedXML; a document type, and so any entity, is refused."""
    try:
        text = body.decode("utf-8")
        if "<!DOCTYPE" in text:
            raise ValueError("a document type is not allowed")
        top = ElementTree.fromstring(text)
    except (ValueError, ElementTree.ParseError) as error:
        raise S3Error("MalformedXML", f"The request's XML could not be read: {error}.") from None
    for node in top.iter():
        node.tag = node.tag.rpartition("}")[2]
    if top.tag != root:
        raise S3Error("MalformedXML", f"The request's XML is a {top.tag}, expected a {root}.")
    return top
