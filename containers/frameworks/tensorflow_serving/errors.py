"""Failures of a request, with the status and in the form of TensorFlow Serving."""

from __future__ import annotations

import json

from wildsage.algorithms.base.endpoint import HttpResponse

JSON = "application/json"


class ServingError(Exception):
    """A request that TensorFlow Serving would reject with `status` and this text."""

    status = 500

    @property
    def response(self) -> HttpResponse:
        """The answer."""
        return error_response(self.status, str(self))


class InvalidArgument(ServingError):
    """The body does not fit the model."""

    status = 400


class ServableNotFound(ServingError):
    """There is no such model, or not in that version."""

    status = 404


def error_response(status: int, text: str) -> HttpResponse:
    """`{ "error": text }`."""
    return HttpResponse(status, f'{{ "error": {json.dumps(text, ensure_ascii=False)} }}'.encode(), JSON)
