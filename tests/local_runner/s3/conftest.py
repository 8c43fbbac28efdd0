"""A real S3 under gunicorn on a free port of the loopback, and boto3 clients to it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.config import Config
from werkzeug import Request
from werkzeug.test import Client

from wildsage.local_runner.s3.protocol import S3
from wildsage.local_runner.s3.store import ObjectStore


@dataclass
class Running:
    """A server process; `process` is gunicorn's master, its child does the work."""

    folder: Path
    port: int
    process: subprocess.Popen

    @property
    def endpoint(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, region_name: str = "us-east-1", **settings):
        """A boto3 client that does not retry."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=region_name,
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=240, read_timeout=240, **settings),
        )

    def kill(self) -> None:
        """At once, so that what comes back finds only what is on disk; a gentle stop would wait for idle clients."""
        if self.process.poll() is None:
            for each in (self.process, *psutil.Process(self.process.pid).children()):
                each.kill()
            self.process.wait(240)


@contextlib.contextmanager
def running_s3(folder: Path, public: str | None = None) -> Iterator[Running]:
    """The listening socket is ours and inherited, so the port is free and the first connection waits for the worker."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Inherited by connections. gunicorn sets it too, but a client may connect before gunicorn is up.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        command = [sys.executable, "-m", "wildsage.local_runner.s3", str(folder), "--bind", f"fd://{listener.fileno()}"]
        command += ["--public", public] if public else []
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        port = listener.getsockname()[1]
    running = Running(folder, port, process)
    try:
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Running]:
    """One S3 server for all tests that do not change it."""
    with running_s3(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(scope="session")
def s3(server):
    """A client of the server of all tests, which all share: making one takes longer than most of them."""
    return server.client()


@pytest.fixture
def bucket(s3, request) -> str:
    """A bucket of the test's own."""
    name = f"test-{abs(hash(request.node.nodeid)):x}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def start_s3():
    """Starts an S3 server of its own for a test."""
    return running_s3


@dataclass
class Local:
    """An S3 in the process of the test, with a bucket `bucket`; `http` sends requests to it."""

    store: ObjectStore
    http: Client


@pytest.fixture
def local(tmp_path) -> Iterator[Local]:
    """For what needs no server: each request takes a millisecond, and the store is at hand."""
    store = ObjectStore(tmp_path / "local")
    store.create_bucket("bucket")
    s3 = S3(store)
    yield Local(store, Client(lambda environ, start: s3.respond(Request(environ))(environ, start)))
    store.close()
