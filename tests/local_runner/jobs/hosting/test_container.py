"""A serving container is started again for as long as it is wanted."""

from __future__ import annotations

import socket
import threading
import time
import weakref
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from urllib3.exceptions import ProtocolError

from wildsage.local_runner.backends import Launch
from wildsage.local_runner.jobs.hosting import container
from wildsage.local_runner.jobs.hosting.container import Connections, Container, NoAnswer

NOBODY = "http://127.0.0.1:1"


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Serving:
    """Answers at `url` until it is ended."""

    usage = None
    out_of_memory = "The container reached its limit of 64 MiB."

    def __init__(self, url: str) -> None:
        self.url = url
        self._ended = threading.Event()

    def wait(self, timeout_s: float | None = None) -> int | None:
        return 1 if self._ended.wait(timeout_s) else None

    def terminate(self) -> None:
        self._ended.set()

    kill = terminate


class Backend:
    """Starts one container at each of `urls`, then at the last again and again."""

    def __init__(self, *urls: str) -> None:
        self._urls = list(urls)
        self.started: list[Serving] = []
        self.changed = threading.Condition()

    def serve(self, launch: Launch) -> Serving:
        with self.changed:
            self.started.append(Serving(self._urls.pop(0) if len(self._urls) > 1 else self._urls[0]))
            self.changed.notify_all()
            return self.started[-1]


@pytest.fixture
def healthy() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_keeps_it_from_starting_stands_in_its_log():
    class Broken(Backend):
        def serve(self, launch: Launch) -> Serving:
            raise OSError(24, "Too many open files")

    lines: list[str] = []
    launch = Launch("image", Path(), {}, {}, lines.append)
    assert not Container(Broken(NOBODY), launch, "c", ended=lambda: None).is_healthy()
    assert "Too many open files" in lines[0]


def test_one_that_has_served_gets_its_time_anew_at_every_start(healthy, monkeypatch):
    monkeypatch.setattr(container, "PAUSES_S", (0.01,))
    backend = Backend(healthy, NOBODY, healthy)
    launch = Launch("image", Path(), {}, {}, lambda line: None)
    kept = Container(backend, launch, "c", lambda: None, 1.0)
    assert kept.is_healthy()
    backend.started[0].terminate()
    with backend.changed:
        assert backend.changed.wait_for(lambda: len(backend.started) == 3, 60)
    assert backend.started[2].wait(1.5) is None, "it was killed for what the one before it took"
    assert kept.request("GET", "/ping").status == 200
    kept.stop()


def test_one_that_is_not_healthy_in_its_time_is_ended_and_its_log_says_so():
    lines: list[str] = []
    launch = Launch("image", Path(), {}, {}, lines.append)
    backend = Backend(NOBODY)
    begun_s = time.monotonic()
    sick = Container(backend, launch, "c", lambda: None, 0.5)
    assert not sick.is_healthy()
    assert time.monotonic() - begun_s < container.HEALTHY_WITHIN_S
    assert lines[0] == "Wildsage: the container did not answer /ping with 200 within 0.5 s of its start and is killed."
    sick.stop()


def test_a_request_to_one_that_lacked_memory_says_so(healthy):
    lines: list[str] = []
    backend = Backend(healthy, NOBODY)
    kept = Container(backend, Launch("image", Path(), {}, {}, lines.append), "c", lambda: None)
    assert kept.is_healthy()
    backend.started[0].terminate()
    with backend.changed:
        assert backend.changed.wait_for(lambda: len(backend.started) == 2, 60)
    assert "being restarted" in (said := rejection(kept)) and said.endswith(
        " The container reached its limit of 64 MiB."
    )
    assert "is started again. The container reached its limit of 64 MiB." in lines[0]
    kept.stop()


def test_a_request_ends_with_its_container_even_if_somebody_else_holds_the_port_and_never_answers(healthy):
    """As a program may that was given the port which a container left, or was about to open."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        backend = Backend(healthy, f"http://127.0.0.1:{stranger.getsockname()[1]}")
        kept = Container(backend, Launch("image", Path(), {}, {}, lambda line: None), "c", lambda: None)
        assert kept.is_healthy()
        backend.started[0].terminate()
        with backend.changed:
            assert backend.changed.wait_for(lambda: len(backend.started) == 2, 60)
        told: list[str] = []
        asking = threading.Thread(target=lambda: told.append(rejection(kept, timeout_s=600)), daemon=True)
        asking.start()
        while b"POST" not in stranger.accept()[0].recv(100):  # pings come too
            pass
        backend.started[1].terminate()
        asking.join(60)
        assert told and told[0].startswith("The container closed the connection or is being restarted")
        kept.stop()


def test_a_connection_that_is_made_while_its_container_ends_is_of_no_use():
    """What opens the port next may never answer."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        connections = Connections("127.0.0.1", stranger.getsockname()[1])
        connection = connections._new_conn()
        connections.end()  # it sees no socket yet
        with pytest.raises(ProtocolError, match="The container has ended"):
            connection.request("GET", "/ping")
        with pytest.raises(ProtocolError, match="The container has ended"):
            connections.request("GET", "/ping", timeout=600, retries=False)


def test_connections_may_be_made_while_their_container_ends():
    """The set of them grows while it is read; the thread that keeps the container would end with a RuntimeError."""
    connections = Connections("127.0.0.1", 1)
    kept = [connections._new_conn() for _ in range(3)]

    class Growing(weakref.WeakSet):
        def __iter__(self):
            adding = threading.Thread(target=lambda: kept.append(connections._new_conn()))
            for number, one in enumerate(super().__iter__()):
                if number == 0:
                    adding.start()
                    adding.join(0.2)
                yield one

    connections._made = Growing(kept)
    connections.end()
    assert not connections.container_runs


def rejection(kept: Container, timeout_s: float = 5) -> str:
    """What a request is told once the container that ended is not asked any more."""
    while True:
        try:
            kept.request("POST" if timeout_s > 5 else "GET", "/ping", timeout_s=timeout_s)
        except NoAnswer as error:
            return str(error)
