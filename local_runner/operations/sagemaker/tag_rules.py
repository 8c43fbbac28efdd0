"""Rules on tags. Source: Tag and AddTags (API reference), "Tag naming limits and requirements" (AWS tagging guide)."""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.operations.rules import Request, Rule, unique

RESERVED = "aws:"


def reserved_keys(request: Request) -> Iterator[str]:
    """Keys of AWS's own tags cannot be given."""
    for tag in request.get("Tags", ()):
        if tag["Key"].lower().startswith(RESERVED):
            yield f"Tag key {tag['Key']}: keys that begin with {RESERVED} are reserved for AWS. Choose another."


RULES: tuple[Rule, ...] = (unique("Tags.Key"), reserved_keys)
