"""Arrays from bodies and to answers, with the framework's own functions for defaults."""

from __future__ import annotations

from typing import Any

from wildsage.containers.frameworks import formats


def decode(obj: str | bytes, content_type: str) -> Any:
    """The array of a body. Raises UnsupportedType."""
    return formats.decode(obj, content_type)


def encode(array_like: Any, content_type: str) -> str | bytes:
    """The body of an array. Raises UnsupportedType."""
    return formats.encode(array_like, content_type)[0]
