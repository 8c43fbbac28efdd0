"""The server in the background: `up -d`, `status`, `down` and `reset`, as a user calls them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import urllib3

from wildsage.local_runner.server import lock


def wildsage(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wildsage.local_runner", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    """A data folder whose server, if any, ends with the test."""
    yield tmp_path / "aws"
    if server := lock.running(tmp_path / "aws"):
        lock.stop(tmp_path / "aws", server)


def test_a_server_in_the_background_is_found_asked_and_stopped(folder, cli):
    started = wildsage("up", "-d", "--port", 0, "--data", folder)
    assert (started.returncode, "`wildsage down` stops it." in started.stderr) == (0, True), started.stderr
    server = lock.running(folder)
    assert server and f"export AWS_ENDPOINT_URL={server.endpoint}" in started.stdout

    told = json.loads(cli("status", "--json", "--data", folder).out)
    assert (told["endpoint"], told["pid"], told["jobs"], told["endpoints"]) == (server.endpoint, server.pid, {}, {})
    assert f"Local AWS on {server.endpoint}, process {server.pid}" in cli("status", "--data", folder).out

    again = wildsage("up", "-d", "--port", 0, "--data", folder)
    assert (again.returncode, "A server already runs on" in again.stderr) == (1, True)

    said = cli("down", "--data", folder)
    assert (said.status, "Stopped." in said.err) == (0, True)
    assert lock.running(folder) is None
    deadline = time.monotonic() + 240
    while not (folder / "up.log").read_text().endswith("Stopped by `wildsage down`.\n"):
        assert time.monotonic() < deadline, (folder / "up.log").read_text()
        time.sleep(0.05)


def test_why_a_server_in_the_background_did_not_start_is_told(folder):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        started = wildsage("up", "--detach", "--port", port, "--data", folder)
    assert started.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used" in started.stderr
    assert started.stdout == ""


def test_a_program_that_got_the_process_id_of_a_dead_server_is_left_alone(folder, cli):
    folder.mkdir()
    with closing(socket.socket()) as listening, subprocess.Popen(["sleep", "1000"]) as stranger:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        lock.write_address(folder, lock.RunningServer(f"http://127.0.0.1:{listening.getsockname()[1]}", stranger.pid))
        try:
            assert cli("down", "--data", folder).status == 0
            assert stranger.poll() is None
        finally:
            (folder / lock.ADDRESS_FILE).unlink()
            stranger.kill()


def test_where_nothing_runs_that_is_said(folder, cli):
    assert (cli("down", "--data", folder).status, cli("status", "--data", folder).status) == (1, 1)
    said = cli("status", "--data", folder)
    assert "The local AWS does not run." in said.out and f"`wildsage up -d --data {folder}` starts it." in said.err
    assert not folder.exists()


def test_status_counts_jobs_and_endpoints_by_their_status(start_aws, cli, tmp_path):
    aws = start_aws(tmp_path / "aws")
    for job in (aws.train(), aws.train(exit="1")):
        aws.finished(job)
    said = cli("status", "--data", aws.data)
    assert (said.status, "jobs       1 Completed, 1 Failed" in said.out, "endpoints  none" in said.out) == (
        0,
        True,
        True,
    )


def test_reset_removes_what_the_local_aws_keeps_and_nothing_else(start_aws, cli, tmp_path):
    aws = start_aws(tmp_path / "aws")
    aws.finished(aws.train())
    (aws.data / "thesis.txt").write_text("mine")
    said = cli("reset", "--data", aws.data, "--yes")
    assert (said.status, "Stop it first: `wildsage down`" in said.err) == (1, True)
    aws.stop()
    assert cli("reset", "--data", aws.data, stdin="n\n").status == 1
    assert (aws.data / "regions").is_dir()
    assert cli("reset", "--data", aws.data, "--yes").status == 0
    assert sorted(place.name for place in aws.data.iterdir()) == ["lock", "thesis.txt"]
    assert "holds nothing of Wildsage" in cli("reset", "--data", aws.data, "--yes").err


def test_a_script_can_ask_whether_the_server_is_up(aws):
    answer = urllib3.request("GET", f"{aws.endpoint}/_wildsage/health", retries=False, timeout=240)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    told = answer.json()
    assert told["status"] == "running" and {"s3", "sagemaker", "sagemaker-runtime", "sts"} <= set(told["services"])
