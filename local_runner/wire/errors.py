"""What an operation raises to answer with an AWS error."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """A refusal with AWS's code. An empty `code` leaves it out; `fields` join code and message in the answer."""

    def __init__(self, code: str, message: str, status: int = 400, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


def invalid(message: str) -> AwsError:
    """SageMaker's word for a request that cannot be right."""
    return AwsError("ValidationException", message)


def not_implemented(operation: str, service: str) -> AwsError:
    """Our word for what nobody has written; it names the operation and nothing pretends to have happened."""
    return AwsError("NotImplemented", f"Operation {operation} of {service} is not implemented by Wildsage yet.", 501)
