"""`wildsage up --bind`: open to the network where that is said, and only there."""

from __future__ import annotations

import http.client
import subprocess
import sys
from pathlib import Path

import pytest

from wildsage.local_runner.server import lock

ROOT = Path(__file__).parents[3]
OPEN = "anybody who reaches it can run code as you and read your data"
SIGNED = "Requests have to be signed with the keys of the data folder"
CASES = {
    ("127.0.0.1",): (403, 403, ""),
    ("localhost",): (403, 403, ""),
    ("0.0.0.0", "--no-token"): (200, 403, OPEN),
    ("0.0.0.0",): (403, 403, SIGNED),
}


@pytest.mark.parametrize("options", CASES, ids=str)
def test_another_machine_is_answered_only_where_the_server_was_opened_to_it(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    command = [
        sys.executable,
        "-m",
        "wildsage.local_runner",
        "up",
        "--port",
        "0",
        "--bind",
        *options,
        "--data",
        str(tmp_path),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert any("WILDSAGE_ENDPOINT" in line for line in process.stdout)
        port = int(lock.running(tmp_path).endpoint.rpartition(":")[2])
        answers = tuple(status(port, host) for host in (f"192.0.2.1:{port}", f"rebound.example:{port}"))
        process.terminate()
        said = process.stderr.read()
    *expected, warning = CASES[options]
    assert list(answers) == expected
    assert warning in said and ("Open to the network" in said) == bool(warning)


def status(port: int, host: str) -> int:
    """What ListBuckets answers under a name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=240)
    connection.request("GET", "/", headers={"Host": host})
    return connection.getresponse().status
