"""XML documents of S3: nested dicts ⇄ XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from wildsage.local_runner.s3.errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
REFERENCED = re.compile("[\x00-\x08\x0a-\x1f\ufffe\uffff]")
"""Control characters but the tab, and what is not a character of XML."""


class Markup(str):
    """Text that is XML already, in the content of a document."""


def document(root: str, content: Mapping[str, Any] | str, namespace: str = NAMESPACE) -> bytes:
    """`{"Name": "b", "Contents": [{...}, {...}]}` as XML. A list repeats its element, None omits it.
    A name may be followed by attributes: `Grantee xsi:type="CanonicalUser"`."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{markup(content)}</{root}>'.encode()


def markup(value: Any) -> str:
    """What stands between the tags of an element."""
    if isinstance(value, str):
        return value if isinstance(value, Markup) else escaped(value)
    if isinstance(value, dict):
        return "".join(
            [
                f"<{name}>{markup(entry)}</{name.partition(' ')[0]}>"
                for name, entries in value.items()
                for entry in (entries if isinstance(entries, list) else (entries,))
                if entry is not None
            ]
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def escaped(text: str) -> str:
    """Escape text as S3 does: a control character becomes a reference, `&#x1;`. XML 1.0 has no way to write most of them, so that
    strict parsers reject either form; clients that want such keys ask for `encoding-type=url`."""
    marked = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    # A listing has thousands of texts, few with anything to escape: both are fast for those.
    return REFERENCED.sub(_reference, marked)


def _reference(found: re.Match[str]) -> str:
    return {"\r": "&#13;", "\n": "&#10;"}.get(found[0], f"&#x{ord(found[0]):x};")


def parse(body: bytes, root: str) -> ElementTree.Element:
    """Parse a request's document and remove namespaces. Raises MalformedXML, also for a DOCTYPE, which could define entities."""
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
