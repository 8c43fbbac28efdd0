"""HTTP around the handler: Flask for the routes, gunicorn for the workers [contract: container, section 5]."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import flask
from gunicorn.app.base import BaseApplication

from wildsage.algorithms.base.endpoint import Endpoint, HttpRequest, HttpResponse
from wildsage.containers.contract import capabilities, gunicorn_options, host_check
from wildsage.containers.contract.patient_worker import ClientTooSlow
from wildsage.containers.serving.models import LoadedModels

MAX_BODY_BYTES = 100 << 20
"""The largest payload a batch transform may ask for [contract: container, section 5]."""

THREADS_PER_WORKER = 64
"""As many clients may stop in the middle of a request before others wait for a thread. Threads start when they are needed."""

INVOCATIONS_PER_WORKER = 4
"""Invocations that compute at a time; others wait with their body read."""

CHANGES_USERS = ("CHOWN", "KILL", "SETGID", "SETUID")
"""Capabilities of a server that gives its workers, and the files they share with it, to another user and stops them."""

STOP_WITHIN_S = 25
KEEP_ALIVE_S = 75

CUSTOM_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


def application(handler: Endpoint) -> flask.Flask:
    """The WSGI application of a container with one model."""
    app = _application()
    computing = threading.BoundedSemaphore(INVOCATIONS_PER_WORKER)

    @app.post("/invocations")
    def invocations() -> flask.Response:
        request = _invocation()
        with computing:
            return _http(handler.invocations(request))

    @app.get("/execution-parameters")
    def execution_parameters() -> flask.Response:
        return _http(handler.execution_parameters())

    return app


def multi_model_application(models: LoadedModels) -> flask.Flask:
    """The WSGI application of a multi-model container."""
    app = _application()
    computing = threading.BoundedSemaphore(INVOCATIONS_PER_WORKER)

    @app.get("/models")
    def list_models() -> flask.Response:
        return _http(models.list(flask.request.args.get("next_page_token")))

    @app.post("/models")
    def load_model() -> flask.Response:
        return _http(models.load(flask.request.get_data()))

    @app.get("/models/<name>")
    def describe_model(name: str) -> flask.Response:
        return _http(models.describe(name))

    @app.delete("/models/<name>")
    def unload_model(name: str) -> flask.Response:
        return _http(models.unload(name))

    @app.post("/models/<name>/invoke")
    def invoke_model(name: str) -> flask.Response:
        request = _invocation()
        with computing:
            return _http(models.invoke(name, request))

    return app


def _application() -> flask.Flask:
    """What every container answers: /ping, and 413 for a body beyond the limit."""
    app = flask.Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # the contract has no OPTIONS

    @app.get("/ping")
    def ping() -> flask.Response:
        return _http(HttpResponse(200, b""))

    @app.errorhandler(413)
    def body_too_large(_error: Exception) -> flask.Response:
        return _plain(HttpResponse(413, f"The body is larger than {MAX_BODY_BYTES} bytes.".encode()))

    @app.errorhandler(ClientTooSlow)
    def body_too_slow(_error: Exception) -> flask.Response:
        return _plain(HttpResponse(408, b"The body of the request did not arrive in time."))

    return app


def _invocation() -> HttpRequest:
    """The current request as the handler takes it."""
    headers = flask.request.headers
    return HttpRequest(
        flask.request.get_data(cache=False),
        headers.get("Content-Type"),
        headers.get("Accept"),
        headers.get(CUSTOM_ATTRIBUTES),
    )


def _http(response: HttpResponse) -> flask.Response:
    """The answer with the caller's custom attributes, which go back unchanged."""
    answer = _plain(response)
    attributes = flask.request.headers.get(CUSTOM_ATTRIBUTES)
    if attributes is not None:
        answer.headers[CUSTOM_ATTRIBUTES] = attributes
    return answer


def _plain(response: HttpResponse) -> flask.Response:
    return flask.Response(response.body, response.status, content_type=response.content_type)


def reject_cross_site() -> flask.Response | None:
    """Status 403 for requests that a web page could have sent."""
    rejection = host_check.rejection_of_endpoint(flask.request.headers)
    return _plain(HttpResponse(403, rejection.encode())) if rejection else None


def _may_change_users(user: str) -> bool:
    """Whether workers can run as `user` and still be stopped; if root lacks capabilities for it, stderr says so."""
    if os.geteuid() != 0:
        return False
    missing = capabilities.missing(CHANGES_USERS)
    if missing:
        print(
            f"Workers run as root, not as {user}: the container lacks the capabilities {', '.join(missing)}.",
            file=sys.stderr,
        )
    return not missing


def _compute_on_one_core(_arbiter: object, _worker: object) -> None:
    """The workers share out the cores, one each. It matters to models that the array engine computes."""
    if engine := sys.modules.get("torch"):
        engine.set_num_threads(1)


def _leave_after_success(_arbiter: object = None, _worker: object = None) -> None:
    """Leave a process that ends with status 0 without taking the interpreter apart: with torch in it, that takes seconds, in
    which nothing is done for anybody. Called while SystemExit is under way.
    """
    end = sys.exc_info()[1]
    if isinstance(end, SystemExit) and not end.code:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


class EndpointServer(BaseApplication):
    """gunicorn around one application, which is loaded once and shared by all workers; or once in each, if not `shares_model`."""

    shares_model = True

    def __init__(
        self, load: Callable[[], flask.Flask], bind: str, workers: int, user: str | None = None, local: bool = False
    ) -> None:
        """`bind` is host:port, or fd://number for a socket that listens already.
        `user` is whom the workers run as, if this process is root and may change users.
        `local`: only programs of this machine may ask, and web pages in its browser may not."""
        self._load = load
        self._local = local
        self._options: dict[str, Any] = {
            "bind": bind,
            "workers": workers,
            "threads": THREADS_PER_WORKER,
            "preload_app": self.shares_model,
            "graceful_timeout": STOP_WITHIN_S,
            "keepalive": KEEP_ALIVE_S,
            # what a script registered for its end is called, so that its processes end as Python ends; and its threads are its own
            **({"post_fork": _compute_on_one_core, "worker_exit": _leave_after_success} if self.shares_model else {}),
            **({"user": user, "group": user} if user and _may_change_users(user) else {}),
        }
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options. gunicorn calls this before it starts workers."""
        gunicorn_options.apply(self._options, self.cfg)

    def load(self) -> flask.Flask:
        """The application. Where workers share the model, it is loaded before they are forked, and so is the model's memory."""
        app = self._load()
        if self._local:
            app.before_request(reject_cross_site)
        return app

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, and end the process."""
        try:
            super().run()
        except SystemExit:
            if self.shares_model:
                _leave_after_success()
            raise
