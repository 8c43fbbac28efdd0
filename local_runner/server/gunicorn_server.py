"""The local AWS behind one port: it holds the lock of the data folder, serves with gunicorn, and ends everything with itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from wildsage.containers.contract import gunicorn_options
from wildsage.containers.contract.host_check import is_loopback
from wildsage.containers.contract.printable import printable
from wildsage.local_runner.client import environment
from wildsage.local_runner.operations.request_slots import OTHER_THREADS, SLOTS
from wildsage.local_runner.processes import ports
from wildsage.local_runner.server import lock, private_files
from wildsage.local_runner.server.app import App
from wildsage.local_runner.server.server_log import PatientFileHandler
from wildsage.local_runner.server.services import Regions
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.wire.service_models import service_model

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"
THREADS = SLOTS + OTHER_THREADS
STOP_WITHIN_S = 8  # mutants: equivalent: a second more or less changes nothing
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

    `ready` is called once with the endpoint, `http://127.0.0.1:<port>`, when the server accepts connections. From then on
    `server.json` in the data folder holds the endpoint and the process id, until the server ends. Raises CannotServe if
    the data folder or the port is in use, or if other machines could reach the host.
    """
    try:
        with private_files.umask(), lock.exclusive_use(private_files.prepare(settings.data)):
            _check_address(settings)
            settings.regions.mkdir(exist_ok=True)  # other processes may read it from now on
            _run(settings, ready)
    except (lock.InUse, private_files.CannotUse) as error:
        raise CannotServe(str(error)) from None


def _run(settings: ServerSettings, ready: Callable[[str], None]) -> None:
    try:
        _Gunicorn(settings, ready).run()
    except SystemExit as stop:  # a worker that ends raises it too
        if stop.code:
            raise CannotServe(f"The server ended with status {stop.code}; see {settings.data / LOG}.") from None
    finally:
        lock.remove_address(settings.data)


def _check_address(settings: ServerSettings) -> None:
    if not settings.open_to_network and not is_loopback(settings.host):
        raise CannotServe(
            f"Host {settings.host}: only loopback addresses are allowed: the server does not check who calls."
        )
    if problem := ports.problem(settings.host, settings.port):
        raise CannotServe(problem)


class OneLineLogger(Logger):
    """gunicorn's log, in which a request is one line: line ends and terminal codes in its address are escaped."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: Any) -> dict[str, Any]:
        """What a line of the access log may name, made printable."""
        atoms = super().atoms(resp, req, environ, request_time)
        return {name: printable(atom) if isinstance(atom, str) else atom for name, atom in atoms.items()}


class _Gunicorn(BaseApplication):
    """One worker process with many threads, because jobs, endpoints and waiting requests share its memory."""

    def __init__(self, settings: ServerSettings, ready: Callable[[str], None]) -> None:
        self._settings = settings
        self._ready = ready
        self._app: App | None = None
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "threads": THREADS,
            "worker_connections": 1000,  # mutants: equivalent: no client sees one connection more or less
            "keepalive": 75,  # mutants: equivalent: a second more or less changes nothing
            "graceful_timeout": STOP_WITHIN_S,
            "logger_class": OneLineLogger,
            "accesslog": str(self._settings.data / ACCESS_LOG),
            "access_log_format": ACCESS_LINE,
            "errorlog": str(self._settings.data / LOG),
            "loglevel": "warning",
            "when_ready": self._announce,
            "worker_exit": self._close_app,
        }
        gunicorn_options.apply(options, self.cfg)

    def load(self) -> App:
        """Runs in the worker, which owns the threads and child processes."""
        gunicorn_options.limit_malloc_arenas()
        environment.remove_credentials(os.environ)
        logging.raiseExceptions = False  # a line that finds no room on the disk is lost, without a trace for each
        limit_access_log(self._settings.data / ACCESS_LOG, ACCESS_LOG_BYTES)
        logging.basicConfig(handlers=[PatientFileHandler(self._settings.data / LOG)], level=logging.WARNING)
        for service in WARM_SERVICES:  # mutants: equivalent: what is not read now is read by the first request
            service_model(service)  # mutants: equivalent: as above
        self._app = App(Regions(self._settings))
        return self._app

    def _announce(self, arbiter: Any) -> None:
        port = arbiter.LISTENERS[0].sock.getsockname()[1]
        host = LOOPBACK if self._settings.host == EVERYWHERE else self._settings.host
        endpoint = f"http://{host}:{port}"
        lock.write_address(self._settings.data, lock.RunningServer(endpoint, os.getpid()))
        self._ready(endpoint)

    def _close_app(self, arbiter: Any, worker: Any) -> None:
        if self._app is not None:
            self._app.close()


def limit_access_log(path: Path, most_bytes: int) -> None:
    """Rotate gunicorn's access log at a size; `<path>.1` keeps the lines before. Only one process may write the log."""
    log = logging.getLogger("gunicorn.access")
    for unlimited in log.handlers[:]:
        log.removeHandler(unlimited)
        unlimited.close()
    log.addHandler(RotatingFileHandler(path, maxBytes=most_bytes, backupCount=1))
