"""Fields of a request whose effect Wildsage does not implement. An operation declares them, and the server rejects them.

A field that is ignored in silence would let a caller believe that it had an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from wildsage.local_runner.operations.rules import values_at
from wildsage.local_runner.wire.errors import invalid

Operation = TypeVar("Operation", bound=Callable[..., Any])

ATTRIBUTE = "unsupported"


def unsupported(*fields: str) -> Callable[[Operation], Operation]:
    """Declare the unsupported fields of an operation.

    A field is a path such as `ProductionVariants.ServerlessConfig`, which means the field of every member of a list.
    """

    def declare(operation: Operation) -> Operation:
        setattr(operation, ATTRIBUTE, fields)
        return operation

    return declare


def unsupported_fields(operation: Callable[..., Any]) -> tuple[str, ...]:
    """The fields that were declared for an operation."""
    return getattr(operation, ATTRIBUTE, ())


def reject_unsupported(operation: Callable[..., Any], request: Mapping[str, Any]) -> None:
    """Raises ValidationException for an unsupported field that the request sets; empty ones are accepted."""
    for field in unsupported_fields(operation):
        if any(values_at(request, *field.split("."))):
            raise invalid(f"{field} is not implemented by Wildsage yet. Leave it out.")
