"""HTTP around the handler: Flask for the routes, gunicorn for the workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import flask
import torch
from gunicorn.app.base import BaseApplication

from containers.serving.handler import Handler, Request, Response
from containers.serving.models import Models

MAX_BODY_BYTES = 100 << 20
"""The largest payload a batch transform may ask for [contract: container, section 5]."""

THREADS_PER_WORKER = 4
"""So that /ping is answered while an invocation computes."""

NO_CONTROL_SOCKET = "control_socket_disable"
"""Of newer gunicorns, whose socket lies in the user's home: all containers would share it, and an image has no home."""

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def application(handler: Handler) -> flask.Flask:
    """The routes of a container with one model, as a WSGI application."""
    app = _application()

    @app.post("/invocations")
    def invocations() -> flask.Response:
        return _invoked(handler.invocations)

    @app.get("/execution-parameters")
    def execution_parameters() -> flask.Response:
        return _http(handler.execution_parameters())

    return app


def multi_model_application(models: Models) -> flask.Flask:
    """The routes of a multi-model container."""
    app = _application()

    @app.get("/models")
    def listed() -> flask.Response:
        return _http(models.list(flask.request.args.get("next_page_token")))

    @app.post("/models")
    def load() -> flask.Response:
        return _http(models.load(flask.request.get_data()))

    @app.get("/models/<name>")
    def describe(name: str) -> flask.Response:
        return _http(models.describe(name))

    @app.delete("/models/<name>")
    def unload(name: str) -> flask.Response:
        return _http(models.unload(name))

    @app.post("/models/<name>/invoke")
    def invoke(name: str) -> flask.Response:
        return _invoked(partial(models.invoke, name))

    return app


def _application() -> flask.Flask:
    """What all containers answer."""
    app = flask.Flask("sagebrush")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @app.get("/ping")
    def ping() -> str:
        return ""

    @app.errorhandler(413)
    def too_large(_error: Exception) -> tuple[str, int]:
        return f"The body is larger than {MAX_BODY_BYTES} bytes.", 413

    return app


def _invoked(answer: Callable[[Request], Response]) -> flask.Response:
    """The answer to the request at hand, with the caller's own attributes."""
    headers = flask.request.headers
    request = Request(flask.request.get_data(cache=False), headers.get("Content-Type"), headers.get("Accept"))
    response = _http(answer(request))
    if CUSTOM_ATTRIBUTES in headers:
        response.headers[CUSTOM_ATTRIBUTES] = headers[CUSTOM_ATTRIBUTES]
    return response


def _http(response: Response) -> flask.Response:
    return flask.Response(response.body, response.status, content_type=response.content_type)


class Server(BaseApplication):
    """gunicorn around one application, loaded once and shared by all workers."""

    def __init__(self, app: flask.Flask, bind: str, workers: int, user: str | None = None) -> None:
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

    def load(self) -> flask.Flask:
        return self._app
