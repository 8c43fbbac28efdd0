"""How a container's health is reported to the engine."""

from __future__ import annotations

import runpy
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from wildsage.containers.serving import health


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine may take its time to answer."""
    monkeypatch.setattr(health, "PING_TIMEOUT_S", 240)


@pytest.fixture
def server():
    """Answers /ping with `server.status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(http.status if self.path == "/ping" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    http = HTTPServer(("127.0.0.1", 0), Handler)
    http.status = 200
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield http
    http.shutdown()
    thread.join()
    http.server_close()


def first_process(folder, verb):
    path = folder / "cmdline"
    path.write_text("\0".join(["python", "-P", "-m", "wildsage.containers", verb, ""]))
    return path


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (503, 1)])
def test_a_server_is_as_healthy_as_its_ping(server, tmp_path, status, expected):
    server.status = status
    port = {"SAGEMAKER_BIND_TO_PORT": str(server.server_port)}
    assert health.main(port, first_process(tmp_path, "serve")) == expected


def test_a_server_that_does_not_answer_is_not_healthy(server, tmp_path):
    server.shutdown()
    server.server_close()
    assert health.main({"SAGEMAKER_BIND_TO_PORT": str(server.server_port)}, first_process(tmp_path, "serve")) == 1


def test_training_is_healthy_without_a_server(tmp_path):
    assert health.main({}, first_process(tmp_path, "train")) == 0


def test_a_server_that_speaks_another_protocol_is_not_healthy(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"hello\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = {"SAGEMAKER_BIND_TO_PORT": str(listening.getsockname()[1])}
        assert health.main(port, first_process(tmp_path, "serve")) == 1
        thread.join()


def test_a_server_that_stalls_is_not_healthy(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "PING_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = {"SAGEMAKER_BIND_TO_PORT": str(silent.getsockname()[1])}
        assert health.main(port, first_process(tmp_path, "serve")) == 1


def test_the_program_ends_with_the_health_as_its_status():
    """The first process of this machine is not a server."""
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(health.__file__, run_name="__main__")
    assert ended.value.code == 0
