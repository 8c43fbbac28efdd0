"""A TensorFlow model behind one endpoint: TensorFlow Serving's answers, or those of the handlers in `code/inference.py`.

Source: contract script-mode, section 5.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse
from wildsage.containers.frameworks.hooks import load_module
from wildsage.containers.frameworks.tensorflow_serving import bodies, handlers
from wildsage.containers.frameworks.tensorflow_serving.errors import JSON, ServingError, error_response
from wildsage.containers.frameworks.tensorflow_serving.rest import Models

LOG = logging.getLogger(__name__)

DEFAULT_MODEL = "SAGEMAKER_TFS_DEFAULT_MODEL_NAME"
ON_ONE_LINE = ("application/json", "application/jsonlines")
"""Types of an Accept header for which the line breaks of an answer are removed."""


class TensorFlowEndpoint:
    """The SavedModels below a folder. TensorFlow computes several requests at a time, with threads of its own."""

    def __init__(self, folder: Path, code: Path, environment: Mapping[str, str]) -> None:
        """Raises UserError where there is no SavedModel, or `inference.py` has no handler, and what that raises."""
        self._models = Models(folder)
        self._default = environment.get(DEFAULT_MODEL) or self._models.first
        module = load_module(None, code)
        self._handler = handlers.of_module(module) if module else None
        self._rest = handlers.RestServer(self._models) if self._handler else None

    def invocations(self, request: HttpRequest) -> HttpResponse:
        """The answer; of a failure it is `{"error": text}`."""
        if self._handler and self._rest:
            return self._handled(self._handler, self._rest, request)
        try:
            body = bodies.to_json(request)
        except ServingError as error:
            return error.response
        asked = bodies.attributes(request.custom_attributes)
        name, method = asked.get("tfs-model-name", self._default), asked.get("tfs-method", "predict")
        answer = self._models.call(name, asked.get("tfs-model-version"), method, body)
        types = [one.strip() for one in (request.accept or "").split(",")]
        if not set(types) & set(ON_ONE_LINE):
            return answer
        return HttpResponse(answer.status, answer.body.replace(b"\n", b""), types[0])

    def execution_parameters(self) -> HttpResponse:
        """404: the defaults of batch transform apply."""
        return HttpResponse(404, b"")

    def _handled(self, handler: handlers.Handler, rest: handlers.RestServer, request: HttpRequest) -> HttpResponse:
        """The answer of the user's handler; what it raises becomes status 500 with the text of the exception."""
        try:
            body, content_type = handler(handlers.data_of(request), rest.context(request, self._default))
            return HttpResponse(
                200, body.encode() if isinstance(body, str) else bytes(body or b""), content_type or JSON
            )
        except Exception as error:
            LOG.exception("The handler failed")
            return error_response(500, str(error) or type(error).__name__)
