"""`inference.py` of a model: `handler`, or `input_handler` and `output_handler`, around the REST API of TensorFlow Serving.

The API is on a port of its own for them, because they post to `context.rest_uri` themselves.
Source: python_service.py and tfs_utils.py of aws/sagemaker-tensorflow-serving-container.
"""

from __future__ import annotations

import io
import logging
import re
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import flask
import requests
from werkzeug.serving import make_server

from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks.tensorflow_serving import bodies
from wildsage.containers.frameworks.tensorflow_serving.errors import JSON, error_response

if TYPE_CHECKING:
    from wildsage.containers.frameworks.tensorflow_serving.rest import Models

LOOPBACK = "127.0.0.1"
PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?(:(?P<method>\w+))?")
WITHIN_S = 60  # mutants: equivalent: any time that is long for an answer

Handler = Callable[[Any, "HandlerContext"], tuple[str | bytes, str]]


class HandlerContext(NamedTuple):
    """What a handler learns about its request. There is no gRPC server: `grpc_port` and `channel` are None."""

    model_name: str | None
    model_version: str | None
    method: str | None
    rest_uri: str
    grpc_port: int | None
    channel: Any
    custom_attributes: str | None
    request_content_type: str
    accept_header: str
    content_length: int


def of_module(module: ModuleType) -> Handler:
    """The handler of the user's module. Raises UserError where it has none."""
    if own := getattr(module, "handler", None):
        handler: Handler = own
        return handler
    before, after = getattr(module, "input_handler", None), getattr(module, "output_handler", None)
    if before is None or after is None:
        raise UserError(
            "Handlers are not implemented correctly in user script. Expected in inference.py: handler(data, context), or "
            "input_handler(data, context) and output_handler(response, context)."
        )

    def both(data: Any, context: HandlerContext) -> tuple[str | bytes, str]:
        posted = requests.post(context.rest_uri, data=before(data, context), timeout=WITHIN_S)
        answer: tuple[str | bytes, str] = after(posted, context)
        return answer

    return both


class RestServer:
    """The REST API on a port of the loopback address, in threads that end with this process."""

    def __init__(self, models: Models) -> None:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for every request else
        server = make_server(LOOPBACK, 0, _application(models), threaded=True)
        self._address = f"http://localhost:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def context(self, request: HttpRequest, default_model: str) -> HandlerContext:
        """The context of a request to the container."""
        asked = bodies.attributes(request.custom_attributes)
        name, version = asked.get("tfs-model-name"), asked.get("tfs-model-version")
        place = f"/versions/{version}" if version else ""
        uri = f"{self._address}/v1/models/{name or default_model}{place}:{asked.get('tfs-method', 'predict')}"
        return HandlerContext(
            name,
            version,
            asked.get("tfs-method"),
            uri,
            None,
            None,
            request.custom_attributes,
            request.content_type or JSON,
            request.accept or JSON,
            len(request.body),
        )


def _application(models: Models) -> flask.Flask:
    """The routes of the REST API."""
    app = flask.Flask(__name__, static_folder=None)

    @app.route("/<path:_path>", methods=["GET", "POST"])
    def rest(_path: str) -> flask.Response:
        request = flask.request
        found = PATH.fullmatch(request.path)
        if not found or (request.method == "POST") != bool(found["method"]):
            answer = error_response(400, f"Malformed request: {request.method} {request.path}")
        elif found["method"]:
            answer = models.call(found["name"], found["version"], found["method"], request.get_data())
        else:
            answer = models.status(found["name"], found["version"])
        return flask.Response(answer.body, answer.status, content_type=answer.content_type)

    return app


def data_of(request: HttpRequest) -> io.BytesIO:
    """The body as handlers read it."""
    return io.BytesIO(request.body)
