"""Serving containers in the process of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wildsage.local_runner.backends import Launch

NOBODY = "http://127.0.0.1:1"


class Healthy(BaseHTTPRequestHandler):
    """Answers pings with 200."""

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

    isolates = False

    def __init__(self, *urls: str) -> None:
        self._urls = list(urls)
        self.started: list[Serving] = []
        self.launched: list[Launch] = []
        self.changed = threading.Condition()

    def serve(self, launch: Launch) -> Serving:
        with self.changed:
            self.started.append(Serving(self._urls.pop(0) if len(self._urls) > 1 else self._urls[0]))
            self.launched.append(launch)
            self.changed.notify_all()
            return self.started[-1]


@contextmanager
def healthy_server() -> Iterator[str]:
    """The address of a server that answers pings."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
