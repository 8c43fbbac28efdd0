"""Three servers behind nginx under load, and a rolling update of them: `python -m benchmarks.load_balancer`.

Each server is a container of the image of k-means in a Docker engine, held to a share of a processor, so that nginx and the clients
have the rest of the machine. Where no engine answers, servers are processes, which nothing holds back.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

import docker
import torch
import typer
import urllib3

from benchmarks import nginx
from benchmarks.nginx import WITHIN_S, Balancer, free_port, is_ready, wait_until
from benchmarks.report import Report, load
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact

IMAGE, PORT = "wildsage/kmeans:cpu", "8080/tcp"
SERVERS, FEATURES, CLUSTERS = 3, 34, 10
BODY = ",".join(["0.5"] * FEATURES).encode()
HEADERS = {"Content-Type": "text/csv", "Accept": "text/csv"}
CLOSING = {**HEADERS, "Connection": "close"}
"""nginx closes connections that nobody uses when it is told of other servers, so during an update clients keep none."""

DRAIN_S = 1.0
STARTS_WITHIN_S = 600
"""A container with a small share of a processor takes long to import what it needs."""

COLUMNS = ("servers", "clients", "requests/s", "p50, ms", "p99, ms", "requests", "failed")
NOTES = """One row of {features} numbers as CSV to a k-means endpoint, by clients that keep their connections to nginx and send the
next request when they have an answer; {seconds:g} s for each line, after some that are not counted. {kind} Rolling update:
while {clients} clients ask, over a connection for each request, each of the {servers} servers is replaced: a new one starts, nginx
sends requests to it instead, and {drain:g} s later the old one gets SIGTERM, and ends by itself. It took {update_s:.0f} s. Failed:
another status than 200, another answer, or none. {load}"""


class Server(Protocol):
    """A server that was started."""

    port: int

    def end(self) -> int:
        """Send SIGTERM and wait; the exit status."""
        ...


@dataclass
class Process:
    """A server as a process of this machine. `command` starts it."""

    folder: OptML
    command: Sequence[str] = (sys.executable, "-m", "wildsage.containers", "serve")
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        variables = {"SAGEMAKER_DATA_PATH": str(self.folder.root), "SAGEMAKER_BIND_TO_PORT": str(self.port)}
        self._process = subprocess.Popen(self.command, env=os.environ | variables, stderr=subprocess.DEVNULL)

    def end(self) -> int:
        """Send SIGTERM and wait; the exit status."""
        self._process.terminate()
        return self._process.wait(WITHIN_S)


class Container:
    """A server in a container, which may use a share of a processor."""

    def __init__(self, engine: docker.DockerClient, folder: OptML, share: float) -> None:
        self._container: Any = engine.containers.run(
            IMAGE,
            ["serve"],
            detach=True,
            volumes={str(folder.root): {"bind": "/opt/ml", "mode": "rw"}},
            ports={PORT: ("127.0.0.1", None)},
            nano_cpus=round(share * 1e9),
        )
        wait_until(self._has_port)
        self.port = int(self._container.ports[PORT][0]["HostPort"])

    def _has_port(self) -> bool:
        self._container.reload()
        return bool(self._container.ports.get(PORT))

    def end(self) -> int:
        """Send SIGTERM and wait; the exit status."""
        self._container.kill("SIGTERM")
        status = self._container.wait(timeout=WITHIN_S)["StatusCode"]
        self._container.remove(v=True)
        return status


@dataclass
class Asked:
    """What clients were answered: milliseconds of each request, and what was not the right answer. They pause after each."""

    pause_s: float = 0
    taken_ms: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def ask(self, port: int, headers: Mapping[str, str], over: threading.Event) -> None:
        """Send one request after another until it is over."""
        with urllib3.PoolManager(retries=False, timeout=WITHIN_S) as http:
            while not over.is_set():
                began = time.perf_counter()
                if wrong := answer(http, port, headers):
                    self.failed[wrong] += 1
                self.taken_ms.append(1000 * (time.perf_counter() - began))
                over.wait(self.pause_s)

    def line(self, servers: str, clients: int, seconds: float) -> tuple[str, ...]:
        """A row of the table."""
        p50_ms, p99_ms = (statistics.quantiles(self.taken_ms, n=100)[at - 1] for at in (50, 99))
        count = len(self.taken_ms)
        failed = str(self.failed.total())
        return servers, str(clients), f"{count / seconds:,.0f}", f"{p50_ms:.1f}", f"{p99_ms:.1f}", f"{count:,}", failed


def answer(http: urllib3.PoolManager, port: int, headers: Mapping[str, str]) -> str:
    """Send a request; what is wrong with its answer, empty where it is the right one."""
    try:
        found = http.request("POST", f"http://127.0.0.1:{port}/invocations", body=BODY, headers=headers)
    except urllib3.exceptions.HTTPError as error:
        return type(error).__name__
    right = found.status == 200 and found.data.count(b",") == 1
    return "" if right else f"{found.status} {found.data[:100]!r}"


@contextmanager
def clients(port: int, count: int, headers: Mapping[str, str] = HEADERS, pause_s: float = 0) -> Iterator[Asked]:
    """Clients that ask until the block ends."""
    over, asked = threading.Event(), Asked(pause_s)
    with ThreadPoolExecutor(count) as pool:
        asking = [pool.submit(asked.ask, port, headers, over) for _ in range(count)]
        try:
            yield asked
        finally:
            over.set()
    for each in asking:
        each.result()


def held(port: int, count: int, seconds: float) -> tuple[Asked, float]:
    """What clients are answered in some seconds, after a tenth of them that are not counted."""
    with clients(port, count):
        time.sleep(seconds / 10)
    began = time.perf_counter()
    with clients(port, count) as asked:
        time.sleep(seconds)
    return asked, time.perf_counter() - began


def update(
    balancer: Balancer, servers: list[Server], start: Callable[[], Server], count: int, pause_s: float = 0
) -> tuple[Asked, float]:
    """Replace all servers, one after the other, while clients ask. Raises RuntimeError where one does not end by itself."""
    began = time.perf_counter()
    with clients(balancer.port, count, CLOSING, pause_s) as asked:
        for old in list(servers):
            servers.append(start())
            wait_until(partial(is_ready, servers[-1].port), STARTS_WITHIN_S)
            balancer.spread_over([server.port for server in servers if server is not old])
            time.sleep(DRAIN_S)
            servers.remove(old)
            if status := old.end():
                raise RuntimeError(f"A server ended with status {status}")
    return asked, time.perf_counter() - began


@contextmanager
def serving(start: Callable[[], Server], count: int) -> Iterator[list[Server]]:
    """Servers that answer. Those that the list holds at the end of the block, or when another does not start, are ended."""
    servers: list[Server] = []
    try:
        for _ in range(count):
            servers.append(start())
        wait_until(lambda: all(is_ready(server.port) for server in servers), STARTS_WITHIN_S)
        yield servers
    finally:
        for server in servers:
            server.end()


def measure(
    program: str, start: Callable[[], Server], levels: Sequence[int], seconds: float
) -> tuple[list[tuple[str, ...]], float]:
    """Rows of the table: one server and three at each number of clients, and their update with its seconds."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, serving(start, SERVERS) as servers:
        balancer = Balancer(program, Path(folder))
        try:
            for used in (1, SERVERS):
                balancer.spread_over([server.port for server in servers[:used]])
                for count in levels:
                    asked, taken_s = held(balancer.port, count, seconds)
                    rows.append(asked.line(str(used), count, taken_s))
            asked, update_s = update(balancer, servers, start, levels[-1])
        finally:
            balancer.end()
    return [*rows, asked.line(f"{SERVERS}, rolling update", levels[-1], update_s)], update_s


def save_model(folder: OptML) -> None:
    """Put centers into the folder of a container."""
    artifact.save(KMeansModel(torch.rand(CLUSTERS, FEATURES)), folder.model, "algo-1")


def starter(folder: OptML, share: float) -> tuple[Callable[[], Server], str]:
    """What starts a server of the model in this folder, and what kind of server it is."""
    try:
        engine = docker.from_env()
        engine.images.get(IMAGE)
    except docker.errors.DockerException as error:
        kind = f"Servers are processes, and nothing holds them back, since there are no containers: {error}."
        return partial(Process, folder), kind
    kind = f"Servers are containers that may use {share:g} of a processor each, of each 0.1 s: then they wait, as p99 shows."
    return partial(Container, engine, folder, share), kind


def made(rows: list[tuple[str, ...]], update_s: float, kind: str, clients: int, seconds: float, share: float) -> Report:
    """The report."""
    notes = NOTES.format(
        load=load(),
        features=FEATURES,
        seconds=seconds,
        kind=kind,
        clients=clients,
        servers=SERVERS,
        drain=DRAIN_S,
        update_s=update_s,
    )
    command = f"python -m benchmarks.load_balancer --seconds {seconds:g} --share {share:g}"
    packages = ("torch", "gunicorn", "flask", "urllib3", "docker")
    return Report("load_balancer", "Servers of k-means behind nginx", command, COLUMNS, rows, notes, packages)


def main(
    seconds: Annotated[float, typer.Option(help="How long each line of the table takes.")] = 10,
    share: Annotated[float, typer.Option(help="What a container may use of a processor.")] = 0.4,
    level: Annotated[list[int], typer.Option(help="Numbers of clients.")] = [1, 4, 16],  # noqa: B006
    write: Annotated[bool, typer.Option(help="Write the report to benchmarks/results.")] = True,
) -> None:
    """Measure, and show the table; status 1 where a request failed. This takes about two minutes."""
    program = nginx.program()
    if program is None:
        raise SystemExit("nginx is not installed: scripts/nginx, or apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as model:
        folder = OptML(Path(model))
        save_model(folder)
        start, kind = starter(folder, share)
        rows, update_s = measure(program, start, level, seconds)
    report = made(rows, update_s, kind, level[-1], seconds, share)
    report.show()
    print(report.notes)
    if write:
        print(report.write(date.today()))
    if any(row[-1] != "0" for row in rows):
        raise SystemExit("Requests failed.")


if __name__ == "__main__":
    typer.run(main)
