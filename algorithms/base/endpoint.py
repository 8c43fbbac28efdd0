"""What passes between an HTTP server and the code that answers, as values: no socket, no framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class HttpRequest:
    """A request; headers that were not sent are None."""

    body: bytes
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None


@dataclass(frozen=True)
class HttpResponse:
    """Status, body and content type of an answer."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class Endpoint(Protocol):
    """A loaded model that answers; several threads may ask at once."""

    def invocations(self, request: HttpRequest) -> HttpResponse:
        """The answer to POST /invocations. Raises UserError for a body that cannot be read."""

    def execution_parameters(self) -> HttpResponse:
        """The answer to GET /execution-parameters, by which batch transform sizes its requests."""
