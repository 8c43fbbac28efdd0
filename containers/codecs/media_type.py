"""Media types: `text/csv; label_size=1` ⇄ its parts, and the choice an Accept header makes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from wildsage.algorithms.base.errors import UserError

KEPT = 64  # headers already read: clients send the same ones again and again


class UnsupportedMediaType(UserError):
    """The body is of a type that nothing here reads (HTTP 415)."""


class NotAcceptable(UserError):
    """The caller accepts only types that nothing here writes (HTTP 406)."""


@dataclass(frozen=True)
class MediaType:
    """A type's name in lower case, and its parameters by name in lower case."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    @lru_cache(maxsize=KEPT)
    def parse(cls, text: str) -> MediaType:
        """Read `Text/CSV ; label_size = "1"`. Raises UnsupportedMediaType where no `type/subtype` stands first."""
        name, *rest = (part.strip() for part in _split(text, ";"))
        kind, slash, subtype = name.lower().partition("/")
        if not (kind and slash and subtype) or any(mark.isspace() for mark in name):
            raise UnsupportedMediaType(f"Content type {text!r}: expected a media type such as text/csv; label_size=0.")
        pairs = (part.partition("=") for part in rest if part)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        return cls(name.lower(), MappingProxyType(parameters))

    def __str__(self) -> str:
        return "; ".join([self.name, *(f"{key}={value}" for key, value in self.parameters.items())])

    def without(self, parameter: str) -> MediaType:
        """The same type without one of its parameters."""
        kept = {key: value for key, value in self.parameters.items() if key != parameter}
        return MediaType(self.name, MappingProxyType(kept))


def accepted(accept_header: str | None, offered: Sequence[str], default: str) -> MediaType:
    """The type to answer in: of those offered, the one that the header (RFC 9110, section 12.5.1) likes best.

    No header, an empty one and `*/*` mean `default`. Parameters of the chosen range stay, such as `verbose=true`;
    its `q` does not. Raises NotAcceptable, listing what is offered.
    """
    if accept_header is None or not accept_header.strip():
        return MediaType(default)
    ranges = list(_ranges(accept_header))
    preferred = [default, *(name for name in offered if name != default)]
    for wanted in sorted(ranges, key=_quality, reverse=True):
        if _quality(wanted) > 0:
            for name in preferred:
                if _covers(wanted.name, name):
                    return MediaType(name, wanted.without("q").parameters)
    raise NotAcceptable(f"Accept {accept_header!r}: none of it can be written here, expected {', '.join(offered)}.")


def _ranges(accept_header: str) -> Iterator[MediaType]:
    """The ranges of a header; a malformed one, such as the lone `*` that Java sends, asks for nothing."""
    for part in _split(accept_header, ","):
        with suppress(UnsupportedMediaType):
            yield MediaType.parse(part)


def _quality(wanted: MediaType) -> float:
    """The weight of a range, from 0 to 1; a weight that is no number counts as 1."""
    try:
        quality = float(wanted.parameters.get("q", "1"))
    except ValueError:
        return 1.0
    return min(max(quality, 0.0), 1.0) if math.isfinite(quality) else 1.0


def _covers(wanted: str, name: str) -> bool:
    if wanted == "*/*":
        return True
    return name.startswith(wanted[:-1]) if wanted.endswith("/*") else wanted == name


def _split(text: str, separator: str) -> Iterator[str]:
    """Split where the separator stands outside double quotes."""
    part, quoted = "", False
    for mark in text:
        quoted ^= mark == '"'
        if mark == separator and not quoted:
            yield part
            part = ""
        else:
            part += mark
    yield part
