"""HTTP around the handler: werkzeug for requests and routes, gunicorn for the workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import torch
import werkzeug
from gunicorn.app.base import BaseApplication
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import Map, Rule

from wildsage.containers.serving.handler import Handler, Request, Response
from wildsage.containers.serving.models import Models

MAX_BODY_BYTES = 100 << 20
"""The largest payload a batch transform may ask for [contract: container, section 5]."""

THREADS_PER_WORKER = 4
"""So that /ping is answered while an invocation computes."""

NO_CONTROL_SOCKET = "control_socket_disable"
"""Of newer gunicorns, whose socket lies in the user's home: all containers would share it, and an image has no home."""

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


class HttpRequest(werkzeug.Request):
    """A request as it comes in; its body has a limit."""

    max_content_length = MAX_BODY_BYTES


View = Callable[..., Response]
"""Of a request, and the parts of its path by name."""

PING = ("GET", "/ping", lambda _request: Response(200, b""))


class Application:
    """A WSGI application: `routes` are methods, paths and what answers them. /ping is there already."""

    def __init__(self, *routes: tuple[str, str, View]) -> None:
        rules = (Rule(path, methods=[method], endpoint=view) for method, path, view in (PING, *routes))
        self._map = Map(rules)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return self._answer(HttpRequest(environ))(environ, start_response)

    def _answer(self, request: HttpRequest) -> werkzeug.Response | HTTPException:
        try:
            view, parts = self._map.bind_to_environ(request.environ).match()
            response = _http(view(request, **parts))
        except RequestEntityTooLarge:
            return _http(Response(413, f"The body is larger than {MAX_BODY_BYTES} bytes.".encode()))
        except HTTPException as error:
            return error
        if CUSTOM_ATTRIBUTES in request.headers:
            response.headers[CUSTOM_ATTRIBUTES] = request.headers[CUSTOM_ATTRIBUTES]
        return response


def application(handler: Handler) -> Application:
    """The routes of a container with one model."""
    return Application(
        ("POST", "/invocations", lambda request: handler.invocations(_invocation(request))),
        ("GET", "/execution-parameters", lambda _request: handler.execution_parameters()),
    )


def multi_model_application(models: Models) -> Application:
    """The routes of a multi-model container."""
    return Application(
        ("GET", "/models", lambda request: models.list(request.args.get("next_page_token"))),
        ("POST", "/models", lambda request: models.load(request.get_data())),
        ("GET", "/models/<name>", lambda _request, name: models.describe(name)),
        ("DELETE", "/models/<name>", lambda _request, name: models.unload(name)),
        ("POST", "/models/<name>/invoke", lambda request, name: models.invoke(name, _invocation(request))),
    )


def _invocation(request: HttpRequest) -> Request:
    headers = request.headers
    return Request(request.get_data(cache=False), headers.get("Content-Type"), headers.get("Accept"))


def _http(response: Response) -> werkzeug.Response:
    return werkzeug.Response(response.body, response.status, content_type=response.content_type)


class Server(BaseApplication):
    """gunicorn around one application, loaded once and shared by all workers."""

    def __init__(self, app: Application, bind: str, workers: int, user: str | None = None) -> None:
        """`user` is whom the workers run as, where this process may choose."""
        self._app = app
        self._settings: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "threads": THREADS_PER_WORKER,
            "worker_class": "gthread",
            "preload_app": True,
            "timeout": 0,
            "graceful_timeout": 25,
            "keepalive": 75,
            "forwarded_allow_ips": "",  # nobody names scheme or path of a request in headers of their own
            "post_fork": lambda _arbiter, _worker: torch.set_num_threads(1),
            **({"user": user, "group": user} if user and os.geteuid() == 0 else {}),
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)
        if NO_CONTROL_SOCKET in self.cfg.settings:
            self.cfg.set(NO_CONTROL_SOCKET, True)

    def load(self) -> Application:
        return self._app
