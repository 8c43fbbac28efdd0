"""`wildsage up` as a process: its lines, its JSON, its display on a terminal, its end."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from tests.local_runner.living import lives
from wildsage.local_runner.server import lock

UP = [sys.executable, "-m", "wildsage.local_runner", "up", "--port", "0", "--data"]
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    started: list[subprocess.Popen] = []

    def run(data: Path, *more: str, **settings) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
        started.append(subprocess.Popen([*UP, str(data), *more], text=True, **pipes))
        return started[-1]

    yield run
    for process in started:
        process.terminate()
        process.wait(240)


def client(service: str, data: Path):
    deadline = time.monotonic() + 240
    while (found := lock.running(data)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=found.endpoint, **keys)


def failing_job(data: Path, name: str) -> None:
    """A job that fails before anything is started: its data is not there."""
    client("s3", data).create_bucket(Bucket="bucket")
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/nothing"}
    client("sagemaker", data).create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::000000000000:role/WildsageRole",
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": "s3://bucket/output"},
        ResourceConfig={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 60},
    )


def miss_a_bucket(data: Path) -> None:
    """It is told at the first look at the folder. A job that had ended by then would not be."""
    with pytest.raises(ClientError):
        client("s3", data).list_objects_v2(Bucket="missed")


def test_json_lines_tell_where_it_is_and_what_happens(start, tmp_path):
    up = start(tmp_path, "--log-format", "json")
    first = json.loads(up.stdout.readline())
    assert first["event"] == "up"
    assert first["data"] == str(tmp_path)
    assert first["variables"]["AWS_ENDPOINT_URL"] == first["endpoint"]
    miss_a_bucket(tmp_path)
    assert json.loads(up.stdout.readline())["name"] == "missed"
    failing_job(tmp_path, "a-job")
    events = []
    while not events or events[-1]["status"] == "InProgress":
        events.append(json.loads(up.stdout.readline()))
    assert events[-1] | {"time": "", "took_s": 0, "reason": ""} == {
        "time": "",
        "event": "training job",
        "name": "a-job",
        "status": "Failed",
        "reason": "",
        "took_s": 0,
    }
    assert "No S3 objects found" in events[-1]["reason"]


def test_plain_lines_without_a_terminal(start, tmp_path):
    up = start(tmp_path)
    miss_a_bucket(tmp_path)
    while "missed" not in up.stderr.readline():
        assert up.poll() is None
    failing_job(tmp_path, "a-job")
    for line in up.stderr:
        if "Failed" in line:
            break
    assert re.match(r"\d\d:\d\d:\d\d  training job a-job  Failed in \d+\.\d s  ClientError: ", line)


def test_a_server_in_a_container_prints_what_clients_outside_set(start, tmp_path):
    address = "http://127.0.0.1:5000"
    server = start(tmp_path / "aws", env={**os.environ, "WILDSAGE_PUBLISHED_AT": address})
    lines = []
    while not lines or not lines[-1].startswith("export WILDSAGE_ENDPOINT="):
        lines.append(server.stdout.readline())
    text = "".join(lines)
    assert f"export AWS_ENDPOINT_URL={address}\n" in text and lines[-1] == f"export WILDSAGE_ENDPOINT={address}\n"
    assert str(tmp_path) not in text and "PYTHONPATH" not in text
    assert address in server.stderr.readline()


def test_a_terminal_shows_endpoints_and_jobs_and_is_left_clean(start, tmp_path):
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    up = start(tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    miss_a_bucket(tmp_path)
    seen = read_until(ours, "missed")
    failing_job(tmp_path, "a-job")
    seen += read_until(ours, "Failed")
    assert "Local AWS" in seen
    assert 'eval "$(wildsage up --export' in seen
    assert "No running jobs, no endpoints." in seen
    up.send_signal(signal.SIGINT)
    rest = read_until(ours, "Stopped.")
    assert "\x1b[?25h" in rest, "the cursor is shown again"
    assert up.wait(240) == 0
    os.close(ours)


def read_until(terminal: int, text: str) -> str:
    seen = ""
    while text not in seen:
        seen += os.read(terminal, 4096).decode()
    return seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_everything_and_are_no_failure(start, tmp_path, number):
    up = start(tmp_path)
    client("s3", tmp_path).list_buckets()  # which its worker answers
    family = psutil.Process(up.pid).children(recursive=True)
    assert len(family) >= 2
    up.send_signal(number)
    assert up.wait(240) == 0
    assert not [process for process in family if lives(process)]
    assert not (tmp_path / "server.json").exists()


def test_a_server_that_is_killed_is_reported_with_where_to_look(start, tmp_path):
    up = start(tmp_path)
    client("s3", tmp_path)
    os.kill(json.loads((tmp_path / "server.json").read_text())["pid"], signal.SIGKILL)
    assert up.wait(240) == 3
    assert f"The server ended unexpectedly with status -9; see {tmp_path}/server.log" in up.stderr.read()


def test_it_stops_when_its_own_process_is_killed(start, tmp_path):
    up = start(tmp_path)
    client("s3", tmp_path).list_buckets()  # which its worker answers
    family = psutil.Process(up.pid).children(recursive=True)
    up.kill()
    _, alive = psutil.wait_procs(family, 240)
    assert not alive
