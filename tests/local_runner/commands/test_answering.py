"""A server answers if it says 200 in time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from wildsage.local_runner.commands.answering import answers


class Handler(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("path", "answered"), [("/200", True), ("/204", False), ("/404", False), ("/500", False)])
def test_only_status_200_is_an_answer(port, path, answered):
    assert answers(port, path, 240) is answered


@pytest.mark.parametrize("sent", [b"", b"not HTTP\r\n\r\n"])
def test_what_is_not_http_or_nothing_is_none(sent):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def serve() -> None:
            connection = listener.accept()[0]
            with connection:
                connection.recv(1000)
                connection.sendall(sent)

        thread = threading.Thread(target=serve)
        thread.start()
        assert answers(port, "/200", 10) is False
        thread.join()


def test_a_port_that_nobody_listens_to_or_that_stays_silent():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert answers(port, "/200", 10) is False
        listener.listen()
        assert answers(port, "/200", 0.05) is False
