"""Lines of BlazingText's training data as requests."""

from __future__ import annotations

import json

from wildsage.containers.contract import json_text

LABEL = "__label__"


def request_of(line: str) -> bytes:
    """A JSON request for the text of a line without its labels, or for the first word of a line that has none.

    Text without labels trains vectors of words, and a request asks for words. Raises ValueError for a line without text.

    >>> request_of("__label__sea a ship")
    b'{"instances": ["a ship"]}'
    >>> request_of("a ship")
    b'{"instances": ["a"]}'
    """
    text = _source(line) if line.lstrip().startswith("{") else _without_labels(line.split())
    if not text:
        raise ValueError(f"the line holds no text: {line[:50]!r}")
    return json.dumps({"instances": [text]}).encode()


def _source(line: str) -> str | None:
    """The text of a line of JSON Lines."""
    found = json_text.parse(line.encode())
    text = found.get("source") if isinstance(found, dict) else None
    return text if isinstance(text, str) else None


def _without_labels(tokens: list[str]) -> str:
    words = [token for token in tokens if not token.startswith(LABEL)]
    return " ".join(words[:1] if len(words) == len(tokens) else words)
