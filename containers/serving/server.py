"""HTTP around the handler: Flask for the routes, gunicorn for the workers."""

from __future__ import annotations

import os
from typing import Any

import flask
import torch
from gunicorn.app.base import BaseApplication

from containers.serving.handler import Handler, Request, Response

MAX_BODY_BYTES = 100 << 20
"""The largest payload a batch transform may ask for [contract: container, section 5]."""

THREADS_PER_WORKER = 4
"""So that /ping is answered while an invocation computes."""

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def application(handler: Handler) -> flask.Flask:
    """The contract's routes as a WSGI application."""
    app = flask.Flask("sagebrush")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @app.get("/ping")
    def ping() -> str:
        return ""

    @app.post("/invocations")
    def invocations() -> flask.Response:
        headers = flask.request.headers
        request = Request(flask.request.get_data(cache=False), headers.get("Content-Type"), headers.get("Accept"))
        response = _http(handler.invocations(request))
        if CUSTOM_ATTRIBUTES in headers:
            response.headers[CUSTOM_ATTRIBUTES] = headers[CUSTOM_ATTRIBUTES]
        return response

    @app.get("/execution-parameters")
    def execution_parameters() -> flask.Response:
        return _http(handler.execution_parameters())

    @app.errorhandler(413)
    def too_large(_error: Exception) -> tuple[str, int]:
        return f"The body is larger than {MAX_BODY_BYTES} bytes.", 413

    return app


def _http(response: Response) -> flask.Response:
    return flask.Response(response.body, response.status, content_type=response.content_type)


class Server(BaseApplication):
    """gunicorn around one application, loaded once and shared by all workers."""

    def __init__(self, app: flask.Flask, bind: str, workers: int) -> None:
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
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> flask.Flask:
        return self._app
