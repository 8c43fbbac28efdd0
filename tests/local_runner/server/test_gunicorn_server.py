"""The server around its application, without a process of its own: who may start it, its options, what its worker opens."""

from __future__ import annotations

import logging
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.app.base import BaseApplication

from wildsage.containers.contract import gunicorn_options
from wildsage.local_runner.operations.request_slots import SLOTS
from wildsage.local_runner.server import gunicorn_server, lock
from wildsage.local_runner.server.app import App
from wildsage.local_runner.server.gunicorn_server import CannotServe, ServerSettings, limit_access_log, serve


@pytest.fixture
def settings(tmp_path) -> ServerSettings:
    return ServerSettings(tmp_path / "data")


@pytest.fixture(autouse=True)
def instead(monkeypatch):
    """Runs something in place of gunicorn, or nothing."""

    def replace(run: Callable[[BaseApplication], None]) -> None:
        monkeypatch.setattr(BaseApplication, "run", run)

    replace(lambda server: None)
    return replace


def test_a_server_has_its_data_folder_to_itself_as_long_as_it_runs(settings, instead):
    seen = []

    def run(server: BaseApplication) -> None:
        with pytest.raises(lock.InUse), lock.exclusive_use(settings.data):
            pass
        (settings.data / "file").touch(0o666)
        seen.append((settings.regions.is_dir(), stat.S_IMODE((settings.data / "file").stat().st_mode)))
        raise SystemExit(0)  # as gunicorn ends

    instead(run)
    serve(settings, print)
    assert seen == [(True, 0o600)]
    serve(settings, print)  # on a folder that was used before


@pytest.mark.parametrize("status", [1, 3])
def test_a_server_that_ends_early_says_where_the_reason_is(settings, instead, status):
    def run(server: BaseApplication) -> None:
        lock.write_address(settings.data, lock.RunningServer("http://127.0.0.1:1", os.getpid()))
        raise SystemExit(status)

    instead(run)
    with pytest.raises(CannotServe, match=f"The server ended with status {status}; see {settings.data / 'server.log'}"):
        serve(settings, print)
    assert lock.address(settings.data) is None


def test_a_folder_that_is_in_use_or_cannot_be_used_is_one_sentence(settings, monkeypatch):
    monkeypatch.setattr(lock, "LEFTOVERS_GONE_WITHIN_S", 0.0)
    settings.data.mkdir()
    with lock.exclusive_use(settings.data), pytest.raises(CannotServe, match=f"{settings.data} is in use by a server"):
        serve(settings, print)
    (settings.data / "file").touch()
    with pytest.raises(CannotServe, match="file/below cannot be used: Not a directory"):
        serve(ServerSettings(settings.data / "file" / "below"), print)


@pytest.mark.parametrize(
    ("host", "open_to_network", "right"),
    [
        ("127.0.0.1", False, True),
        ("127.0.0.1", True, True),
        ("0.0.0.0", True, True),
        ("0.0.0.0", False, False),
        ("10.0.0.1", False, False),
    ],
)
def test_others_reach_a_server_that_is_open_to_them_alone(tmp_path, host, open_to_network, right):
    settings = ServerSettings(tmp_path, host=host, open_to_network=open_to_network)
    if right:
        serve(settings, print)
        return
    with pytest.raises(CannotServe, match=f"Host {host}: only loopback addresses are allowed"):
        serve(settings, print)


def test_a_port_that_is_taken_is_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CannotServe, match=f"Port {port} of 127.0.0.1 cannot be used"):
            serve(ServerSettings(tmp_path, port=port), print)


def test_a_server_has_one_process_with_threads_for_more_than_what_waits(tmp_path):
    config = gunicorn_server._Gunicorn(ServerSettings(tmp_path, host="127.0.0.2", port=7), print).cfg
    assert (config.address, config.workers) == ([("127.0.0.2", 7)], 1)
    assert config.threads >= 10 * SLOTS and config.worker_connections >= config.threads
    assert (config.accesslog, config.errorlog) == (str(tmp_path / "access.log"), str(tmp_path / "server.log"))
    assert (config.loglevel, config.logger_class) == ("warning", gunicorn_server.OneLineLogger)


def test_a_line_of_the_access_log_says_what_was_asked_and_cannot_be_forged(tmp_path):
    config = gunicorn_server._Gunicorn(ServerSettings(tmp_path), print).cfg
    logger = gunicorn_server.OneLineLogger(config)
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/a\n\x1b[2J", "RAW_URI": "/", "SERVER_PROTOCOL": "HTTP/1.1"}
    asked = SimpleNamespace(headers=[("X-Amz-Target", "SageMaker.ListModels")])
    answered = SimpleNamespace(status="200 OK", sent=12, headers=[])
    atoms = logger.atoms(answered, asked, {**environ, "HTTP_REFERER": "\n"}, timedelta(milliseconds=34))
    line = gunicorn_server.ACCESS_LINE % logger.atoms_wrapper_class(atoms)
    assert line.partition("] ")[2] == r"POST /a\x0a\x1b[2J SageMaker.ListModels 200 12 bytes 34 ms"
    assert atoms["f"] == r"\x0a" and atoms["B"] == 12


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("0.0.0.0", "127.0.0.1")]
)
def test_a_server_that_is_ready_says_its_address_in_its_data_folder_and_to_its_caller(tmp_path, host, shown):
    said: list[str] = []
    server = gunicorn_server._Gunicorn(ServerSettings(tmp_path, host=host), said.append)
    with socket.create_server((host, 0)) as listener:
        server.cfg.when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
        endpoint = f"http://{shown}:{listener.getsockname()[1]}"
    assert said == [endpoint] and lock.address(tmp_path) == lock.RunningServer(endpoint, os.getpid())


@contextmanager
def new_logging() -> Iterator[None]:
    """Logs without handlers, as in a new process."""
    access = logging.getLogger("gunicorn.access")
    with pytest.MonkeyPatch.context() as patch:
        for log in (logging.root, access):
            patch.setattr(log, "handlers", [])
        patch.setattr(logging, "raiseExceptions", True)
        yield
        for handler in access.handlers:
            handler.close()


def test_a_worker_opens_the_data_folder_and_closes_it_when_it_ends(settings, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings.data.mkdir()
    closed: list[App] = []
    monkeypatch.setattr(App, "close", lambda self, close=App.close: closed.append(self) or close(self))
    limited: list[bool] = []
    monkeypatch.setattr(gunicorn_options, "limit_malloc_arenas", lambda: limited.append(settings.objects.exists()))
    server = gunicorn_server._Gunicorn(settings, print)
    server.cfg.worker_exit(None, None)  # of a worker that has opened nothing
    with new_logging():
        application = server.load()
        assert not logging.raiseExceptions
        logging.getLogger("of.a.library").warning("not good")
        logging.getLogger("of.a.library").info("nothing")
        (access,) = logging.getLogger("gunicorn.access").handlers
    assert isinstance(application, App) and settings.objects.is_dir() and "AWS_SECRET_ACCESS_KEY" not in os.environ
    assert (settings.data / "server.log").read_text() == "WARNING:of.a.library:not good\n"
    assert (Path(access.baseFilename), access.maxBytes) == (settings.data / "access.log", 10_000_000)
    assert (limited, closed) == ([False], []), "threads, which have arenas, start with the data folder"
    server.cfg.worker_exit(None, None)
    assert closed == [application]


def test_the_access_log_begins_anew_at_a_size(tmp_path):
    """It is a line a request, and a server may run for months."""
    log, path = logging.getLogger("gunicorn.access"), tmp_path / "logs" / "access.log"
    path.parent.mkdir()
    unlimited = logging.FileHandler(tmp_path / "unlimited")
    with new_logging():
        log.addHandler(unlimited)
        limit_access_log(path, 1_000)
        assert unlimited.stream is None, "the file of gunicorn's own handler is closed"
        for number in range(100):
            log.error("request %d: %s", number, "x" * 40)
    assert "request 99" in path.read_text() and (tmp_path / "unlimited").read_text() == ""
    assert sorted(one.name for one in path.parent.iterdir()) == ["access.log", "access.log.1"]
    assert sum(one.stat().st_size for one in path.parent.iterdir()) <= 2_000
