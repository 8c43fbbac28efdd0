"""Media types: `text/csv; label_size=1` ⇄ its parts, and the choice that an Accept header makes (RFC 9110)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from wildsage.algorithms.base.errors import UserError

CACHED_HEADERS = 64  # mutants: equivalent: any number; clients send the same headers again and again


class UnsupportedMediaType(UserError):
    """No decoder exists for the type of the body (HTTP 415)."""


class NotAcceptable(UserError):
    """No encoder exists for the types that the caller accepts (HTTP 406)."""


@dataclass(frozen=True)
class MediaType:
    """A type's name in lower case, and its parameters by name in lower case."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    @lru_cache(maxsize=CACHED_HEADERS)
    def parse(cls, text: str) -> MediaType:
        """Read `Text/CSV ; label_size = "1"`. Raises UnsupportedMediaType for a text that does not begin with `type/subtype`."""
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
    """Return the offered type that the Accept header prefers (RFC 9110, section 12.5.1).

    A missing header, an empty header and `*/*` mean `default`. The result keeps the parameters of the chosen range, such as
    `verbose=true`, except `q`. Raises NotAcceptable, which lists the offered types.
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
    """Yield the ranges of a header. A malformed range, such as the single `*` that Java sends, is skipped."""
    for part in _split(accept_header, ","):
        with suppress(UnsupportedMediaType):
            yield MediaType.parse(part)


def _quality(wanted: MediaType) -> float:
    """Return the weight of a range, at most 1. A weight that is not a finite number counts as 1."""
    try:
        quality = float(wanted.parameters.get("q", "1"))
    except ValueError:
        return 1.0
    return min(quality, 1.0) if math.isfinite(quality) else 1.0


def _covers(wanted: str, name: str) -> bool:
    if wanted == "*/*":
        return True
    return name.startswith(wanted[:-1]) if wanted.endswith("/*") else wanted == name


def _split(text: str, separator: str) -> Iterator[str]:
    """Split at separators outside double quotes."""
    part, quoted = "", False
    for mark in text:
        quoted ^= mark == '"'
        if mark == separator and not quoted:
            yield part
            part = ""
        else:
            part += mark
    yield part
