"""Errors that an operation raises to respond with an AWS error."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An error with AWS's code. An empty `code` is left out. `fields` are added to the response."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


def invalid(message: str) -> AwsError:
    """SageMaker's error for an invalid request."""
    return AwsError("ValidationException", message)


class NotImplementedHere(AwsError):
    """The error for an operation that Wildsage does not implement. Its code is not one of AWS's."""

    def __init__(self, operation: str, service: str) -> None:
        super().__init__(
            "NotImplemented", f"Operation {operation} of {service} is not implemented by Wildsage yet.", 501
        )
        self.operation, self.service = operation, service
