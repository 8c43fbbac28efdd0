"""Compare HTTP servers for the local AWS: `python -m benchmarks.servers --python ENVIRONMENT/bin/python`.

The environment needs gunicorn, gevent, packaging, waitress, uvicorn, a2wsgi and granian; the project itself needs gunicorn alone.
Each server runs the same WSGI application in one process, with 64 threads, or with ours as many as the local AWS has. They take
turns, so that a busy machine slows all.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import psutil
import typer

from wildsage.local_runner.server.gunicorn_server import THREADS

ROOT = Path(__file__).resolve().parents[1]
APPLICATION = """
def app(environ, start_response):
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, 1 << 20))):
        left -= len(piece)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
PATIENT = "wildsage.containers.contract.patient_worker.PatientWorker"
COMMANDS = {
    "gunicorn, our worker": f"-m gunicorn -k {PATIENT} --threads {THREADS} --worker-tmp-dir /dev/shm -b 127.0.0.1:PORT served:app",
    "gunicorn, gthread": "-m gunicorn -k gthread --threads 64 --worker-tmp-dir /dev/shm -b 127.0.0.1:PORT served:app",
    "gunicorn, gevent": "-m gunicorn -k gevent --worker-tmp-dir /dev/shm -b 127.0.0.1:PORT served:app",
    "waitress": "-m waitress --threads 64 --listen 127.0.0.1:PORT served:app",
    "uvicorn, a2wsgi": "-m uvicorn --log-level warning --interface asgi3 --port PORT asgi:app",
    "granian": "-m granian --interface wsgi --blocking-threads 64 --no-access-log --port PORT served:app",
}
ASGI = "from a2wsgi import WSGIMiddleware\nfrom served import app as wsgi\napp = WSGIMiddleware(wsgi, workers=64)\n"
COLUMNS = ("server", "start, s", "requests/s", "CPU ms a request", "upload, MB/s", "beside 100 stalled, s", "end, s")
CLIENTS, REQUESTS, UPLOAD_BYTES = 8, 150, 64 << 20
STALLED, PATIENCE_S = 100, 8.0
HEAD = b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhel"


def ask(port: int, body: bytes | None = None, timeout_s: float = 60.0) -> float:
    """Seconds of one request on a connection of its own."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    connection.request("PUT" if body else "GET", "/", body)
    assert connection.getresponse().read() == b"ok"
    connection.close()
    return time.perf_counter() - began


@contextmanager
def serving(python: Path, command: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """A server's process, its port, and the seconds until its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    began = time.perf_counter()
    words = command.replace("PORT", str(port)).split()
    process = subprocess.Popen([python, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with suppress(OSError):
                ask(port)
                break
            assert process.poll() is None, f"{command} ended"
            time.sleep(0.01)
        yield process, port, time.perf_counter() - began
    finally:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.wait()


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Processor time of a server and its workers."""
    found = psutil.Process(process.pid)
    return sum(sum(one.cpu_times()[:2]) for one in (found, *found.children(recursive=True)))


def requests_of_clients(port: int) -> float:
    """Requests a second of eight clients that keep their connections."""

    def client(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(REQUESTS):
            connection.request("GET", "/")
            connection.getresponse().read()

    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    return CLIENTS * REQUESTS / (time.perf_counter() - began)


def beside_stalled(port: int) -> float:
    """Seconds of one request while a hundred clients have stopped in the middle of a body; infinite if it gets no answer."""
    with ExitStack() as stalled:
        for _ in range(STALLED):
            stalled.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(HEAD)
        time.sleep(0.5)
        try:
            return ask(port, timeout_s=PATIENCE_S)
        except TimeoutError:
            return float("inf")


def end(process: subprocess.Popen[bytes], port: int) -> float:
    """Seconds from SIGTERM to the end, while two clients keep a connection open; infinite if it takes too long."""
    with ExitStack() as idle:
        for sent in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            idle.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(sent)
        time.sleep(0.2)
        began = time.perf_counter()
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
            return time.perf_counter() - began
    return float("inf")


def measure(python: Path, command: str, folder: Path) -> list[float]:
    """One row of figures."""
    with serving(python, command, folder) as (process, port, start_s):
        before = cpu_s(process)
        rate = requests_of_clients(port)
        cpu_ms = (cpu_s(process) - before) * 1000 / (CLIENTS * REQUESTS)
        upload = UPLOAD_BYTES / 1e6 / ask(port, b"x" * UPLOAD_BYTES)
        beside = beside_stalled(port)
    with serving(python, command, folder) as (process, port, _):
        return [start_s, rate, cpu_ms, upload, beside, end(process, port)]


def cell(values: list[float]) -> str:
    """The median of one column."""
    middle = statistics.median(values)
    return f"> {PATIENCE_S:.0f}" if middle == float("inf") else f"{middle:.3g}"


def main(
    python: Annotated[Path, typer.Option(help="Python with the servers.")] = Path(sys.executable),
    rounds: Annotated[int, typer.Option(help="How often each server has its turn.")] = 3,
) -> None:
    """Print a table of medians."""
    rows: dict[str, list[list[float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "served.py").write_text(APPLICATION)
        (folder / "asgi.py").write_text(ASGI)
        for _ in range(rounds):
            for name, command in COMMANDS.items():
                rows[name].append(measure(python, command, folder))
    typer.echo(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name, found in rows.items():
        typer.echo(f"| {name} | {' | '.join(cell(list(column)) for column in zip(*found, strict=True))} |")


if __name__ == "__main__":
    typer.run(main)
