"""The local AWS behind one port: a lock on the data folder, gunicorn in front, everything ended when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from local_runner import heap
from local_runner.app import App, service_model
from local_runner.cloud import open_cloud
from local_runner.settings import Settings

THREADS = 64
STOP_WITHIN_S = 8
ACCESS_LINE = "%(t)s %(m)s %(U)s %({x-amz-target}i)s %(s)s %(B)s bytes %(M)s ms"
WARM_SERVICES = ("sagemaker", "sagemaker-runtime", "logs", "sts")

__all__ = ["CannotServe", "Settings", "serve"]


class CannotServe(Exception):
    """The server cannot start; the text says why and what to do."""


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; call it in the main thread.

    `ready` is called once with the endpoint, `http://127.0.0.1:<port>`, when connections are taken; then `server.json`
    in the data folder holds endpoint and process id, until the server ends. Raises CannotServe if the data folder or
    the port is in use, or the host is not this machine alone.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    _check_address(settings)
    about = settings.data / "server.json"
    with _sole_use(settings.data, about):
        try:
            _Gunicorn(settings, about, ready).run()
        except SystemExit as stop:
            if stop.code:
                raise CannotServe(
                    f"The server ended with status {stop.code}; see {settings.data / 'server.log'}."
                ) from None
        finally:
            about.unlink(missing_ok=True)


def _check_address(settings: Settings) -> None:
    if settings.host != "localhost" and not _is_loopback(settings.host):
        raise CannotServe(f"Host {settings.host}: only loopback addresses are served, nothing here checks who calls.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise CannotServe(
                f"Port {settings.port} of {settings.host} cannot be used: {error.strerror}. Try --port 0."
            ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 4 and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _sole_use(data: Path, about: Path) -> Iterator[None]:
    """Hold the lock of the data folder. The kernel drops it with the last process of the server, however that ends."""
    with (data / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotServe(
                f"{data} is in use by {_other_server(about)}. Stop it, or choose another data folder."
            ) from None
        yield


def _other_server(about: Path) -> str:
    try:
        other = json.loads(about.read_text())
        os.kill(other["pid"], 0)
        return f"the server with process id {other['pid']} at {other['endpoint']}"
    except ProcessLookupError:
        return "what is left of a killed server, which is still stopping; try again in a moment"
    except (OSError, ValueError, KeyError):
        return "a server that is starting or stopping"


class _Gunicorn(BaseApplication):
    """One worker process with many threads: jobs, endpoints and held requests share its memory."""

    def __init__(self, settings: Settings, about: Path, ready: Callable[[str], None]) -> None:
        self._settings = settings
        self._about = about
        self._ready = ready
        self._app: App | None = None
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "worker_connections": 1000,
            "keepalive": 75,
            "timeout": 0,
            "graceful_timeout": STOP_WITHIN_S,
            "accesslog": str(self._settings.data / "access.log"),
            "access_log_format": ACCESS_LINE,
            "errorlog": str(self._settings.data / "server.log"),
            "loglevel": "warning",
            "when_ready": self._announce,
            "worker_exit": self._end_cloud,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> App:
        """Runs in the worker: threads and child processes belong to it."""
        heap.keep_small()
        logging.basicConfig(filename=self._settings.data / "server.log", level=logging.WARNING)
        for service in WARM_SERVICES:
            service_model(service)
        self._app = App(open_cloud(self._settings))
        return self._app

    def _announce(self, arbiter: Any) -> None:
        port = arbiter.LISTENERS[0].sock.getsockname()[1]
        endpoint = f"http://{self._settings.host}:{port}"
        partial = self._about.with_suffix(".partial")
        partial.write_text(json.dumps({"endpoint": endpoint, "pid": os.getpid()}))
        partial.replace(self._about)
        self._ready(endpoint)

    def _end_cloud(self, arbiter: Any, worker: Any) -> None:
        if self._app is not None:
            self._app.close()
