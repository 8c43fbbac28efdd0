"""A proxy in front of the local AWS that other tests share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Proxy:
    """A running proxy: its address, and the folder of its certificates."""

    address: str
    folder: Path

    @property
    def port(self) -> int:
        """Port of the proxy."""
        return int(self.address.rpartition(":")[2])

    @property
    def bundle(self) -> str:
        """The file of certificates that clients must trust."""
        return str(self.folder / "bundle.pem")


@contextmanager
def running(folder: Path, endpoint: str, *options: str) -> Iterator[Proxy]:
    """A proxy in front of a server, in a process that ends with the block."""
    command = [sys.executable, "-m", "wildsage.local_runner.proxy", str(folder), "--endpoint", endpoint, *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "no proxy"
        yield Proxy(address, folder)
        process.stdin.close()
        assert process.wait(240) == 0


@pytest.fixture(scope="session")
def proxy(aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy in front of the server of all tests."""
    with running(tmp_path_factory.mktemp("authority"), aws.endpoint) as found:
        yield found


@pytest.fixture
def start_proxy(tmp_path: Path):
    """Starts a proxy with options of its own."""
    return lambda endpoint, *options: running(tmp_path / "authority", endpoint, *options)
