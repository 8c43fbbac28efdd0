"""`wildsage up --bind`: open to the network where that is said, and only there."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wildsage.local_runner.__main__ import app
from wildsage.local_runner.server import lock

ROOT = Path(__file__).parents[3]
BOTH = {"127.0.0.1": (403, 403), "localhost": (403, 403), "0.0.0.0": (200, 403)}


@pytest.mark.parametrize("address", BOTH)
def test_another_machine_is_answered_only_where_the_server_was_opened_to_it(tmp_path: Path, address: str) -> None:
    command = [
        sys.executable,
        "-m",
        "wildsage.local_runner",
        "up",
        "--port",
        "0",
        "--bind",
        address,
        "--data",
        str(tmp_path),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert any("WILDSAGE_ENDPOINT" in line for line in process.stdout)
        port = int(lock.running(tmp_path).endpoint.rpartition(":")[2])
        answers = tuple(status(port, host) for host in (f"192.0.2.1:{port}", f"rebound.example:{port}"))
        process.terminate()
        said = process.stderr.read()
    assert answers == BOTH[address]
    assert ("anybody who reaches it can run code as you and read your data" in said) == (address == "0.0.0.0")


def status(port: int, host: str) -> int:
    """What ListBuckets answers under a name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/", headers={"Host": host})
    return connection.getresponse().status


def test_help_says_what_another_address_means() -> None:
    text = " ".join(CliRunner().invoke(app, ["up", "--help"], env={"COLUMNS": "200", **os.environ}).output.split())
    assert "anybody who reaches it can run" in text.replace("│ ", "")
