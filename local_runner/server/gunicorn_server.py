"""The local AWS behind one port: a lock on the data folder, gunicorn in front, everything ended when it ends."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from wildsage.containers.contract import gunicorn_options
from wildsage.local_runner.client import environment
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.operations.context import open_cloud
from wildsage.local_runner.operations.request_slots import SEATS, STANDING
from wildsage.local_runner.server import lock
from wildsage.local_runner.server.app import App, service_model
from wildsage.local_runner.server.host_check import is_loopback
from wildsage.local_runner.settings import ServerSettings

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"
THREADS = SEATS + STANDING
STOP_WITHIN_S = 8
LOG = "server.log"
ACCESS_LOG = "access.log"
ACCESS_LOG_BYTES = 10_000_000  # and as much again in access.log.1
ACCESS_LINE = "%(t)s %(m)s %(U)s %({x-amz-target}i)s %(s)s %(B)s bytes %(M)s ms"
WARM_SERVICES = ("sagemaker", "sagemaker-runtime", "logs", "sts")

__all__ = ["CannotServe", "ServerSettings", "serve"]


class CannotServe(Exception):
    """The server cannot start; the text says why and what to do."""


def serve(settings: ServerSettings, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; call it in the main thread.

    `ready` is called once with the endpoint, `http://127.0.0.1:<port>`, when connections are taken; then `server.json`
    in the data folder holds endpoint and process id, until the server ends. Raises CannotServe if the data folder or
    the port is in use, or the host is not this machine alone.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    try:
        with lock.sole_use(settings.data):
            _check_address(settings)
            Store(settings.state).close()  # from the first moment on, others may read it
            _run(settings, ready)
    except lock.InUse as error:
        raise CannotServe(str(error)) from None


def _run(settings: ServerSettings, ready: Callable[[str], None]) -> None:
    try:
        _Gunicorn(settings, ready).run()
    except SystemExit as stop:  # the worker's end comes this way too
        if stop.code:
            raise CannotServe(f"The server ended with status {stop.code}; see {settings.data / LOG}.") from None
    finally:
        lock.withdraw(settings.data)


def _check_address(settings: ServerSettings) -> None:
    if not settings.open_to_network and not is_loopback(settings.host):
        raise CannotServe(f"Host {settings.host}: only loopback addresses are served, nothing here checks who calls.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise CannotServe(
                f"Port {settings.port} of {settings.host} cannot be used ({error.strerror}). Choose another with --port."
            ) from None


class _Gunicorn(BaseApplication):
    """One worker process with many threads: jobs, endpoints and held requests share its memory."""

    def __init__(self, settings: ServerSettings, ready: Callable[[str], None]) -> None:
        self._settings = settings
        self._ready = ready
        self._app: App | None = None
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "threads": THREADS,
            "worker_connections": 1000,
            "keepalive": 75,
            "graceful_timeout": STOP_WITHIN_S,
            "accesslog": str(self._settings.data / ACCESS_LOG),
            "access_log_format": ACCESS_LINE,
            "errorlog": str(self._settings.data / LOG),
            "loglevel": "warning",
            "when_ready": self._announce,
            "worker_exit": self._end_cloud,
        }
        gunicorn_options.apply(options, self.cfg)

    def load(self) -> App:
        """Runs in the worker: threads and child processes belong to it."""
        gunicorn_options.limit_malloc_arenas()
        environment.remove_credentials(os.environ)
        bound_access_log(self._settings.data / ACCESS_LOG, ACCESS_LOG_BYTES)
        logging.basicConfig(filename=self._settings.data / LOG, level=logging.WARNING)
        for service in WARM_SERVICES:
            service_model(service)
        self._app = App(open_cloud(self._settings))
        return self._app

    def _announce(self, arbiter: Any) -> None:
        port = arbiter.LISTENERS[0].sock.getsockname()[1]
        host = LOOPBACK if self._settings.host == EVERYWHERE else self._settings.host
        endpoint = f"http://{host}:{port}"
        lock.announce(self._settings.data, lock.Owner(endpoint, os.getpid()))
        self._ready(endpoint)

    def _end_cloud(self, arbiter: Any, worker: Any) -> None:
        if self._app is not None:
            self._app.close()


def bound_access_log(path: Path, most_bytes: int) -> None:
    """Let gunicorn's access log begin anew at a size; what was before stays in `<path>.1`. Only one process may write it."""
    log = logging.getLogger("gunicorn.access")
    for endless in log.handlers[:]:
        log.removeHandler(endless)
        endless.close()
    log.addHandler(RotatingFileHandler(path, maxBytes=most_bytes, backupCount=1))
