"""The answer of an output_fn that names its own media type."""

from __future__ import annotations


def Response(response: str | bytes, accept: str | None = None, mimetype: str | None = None) -> tuple[str | bytes, str]:
    """What hooks return: the body, and `mimetype`, or `accept` as older scripts call it; JSON where neither is given.

    It has the name of the original's class.
    """
    return response, mimetype or accept or "application/json"
