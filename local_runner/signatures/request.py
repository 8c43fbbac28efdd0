"""What a signature covers, read from a WSGI environment: the request as the server reads it, not as the client wrote it.

The path and the query are decoded by the server and written again in the one form that signatures use, so that nothing can be
read in another way than it was signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote

UNRESERVED = "-_.~"
BYTES = "latin-1"  # WSGI gives each byte as one character


@dataclass(frozen=True)
class SignedRequest:
    """One request. `query` has the names and values in their order, decoded."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    environ: Mapping[str, Any]

    @classmethod
    def from_environ(cls, environ: Mapping[str, Any]) -> SignedRequest:
        """The request of a WSGI environment."""
        query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, encoding=BYTES)
        return cls(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), query, environ)

    def header(self, name: str) -> str | None:
        """Value of a header; None if it is missing."""
        variable = name.upper().replace("-", "_")
        plain = variable in ("CONTENT_TYPE", "CONTENT_LENGTH")
        return self.environ.get(variable if plain else f"HTTP_{variable}")

    @cached_property
    def headers(self) -> dict[str, str]:
        """All headers, by lower-case name."""
        found = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in self.environ.items()
            if name.startswith("HTTP_")
        }
        for name in ("content-type", "content-length"):
            value = self.header(name)
            if value:
                found[name] = value
        return found

    def argument(self, name: str) -> str | None:
        """The first value of that name in the query; None if it is missing."""
        return next((value for given, value in self.query if given == name), None)

    def canonical_path(self, encode_twice: bool) -> str:
        """The path with each byte encoded but unreserved ones and slashes; twice for all services but S3."""
        once = quote(self.path.encode(BYTES), safe="/" + UNRESERVED) or "/"
        return quote(once, safe="/" + UNRESERVED) if encode_twice else once

    def canonical_query(self, without: str) -> str:
        """Names and values encoded and sorted, without the parameter `without`."""
        pairs = [(_encoded(name), _encoded(value)) for name, value in self.query if name != without]
        return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(text.encode(BYTES), safe=UNRESERVED)
