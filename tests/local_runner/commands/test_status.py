"""`wildsage status` of a folder at rest, of one that never had a server, and of one with a server."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing

import psutil
import pytest

from wildsage.local_runner.commands import status as command
from wildsage.local_runner.commands.status import Status, counts, read_status
from wildsage.local_runner.commands.tables import format_time
from wildsage.local_runner.jobs.hosting.endpoint import KIND as ENDPOINT
from wildsage.local_runner.jobs.states import WAITS
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.transform.job import KIND
from wildsage.local_runner.server.lock import RunningServer
from wildsage.local_runner.settings import ServerSettings


@pytest.fixture
def at_rest(tmp_path):
    """A folder with two jobs that have ended, one that waits and one that waited in vain, and an endpoint."""
    folder = ServerSettings(tmp_path).region("us-east-1")
    folder.path.mkdir(parents=True)
    with closing(Store(folder.state)) as store:
        for name, state, fields in (
            ("a", "Completed", {}),
            ("b", "Completed", {}),
            ("c", "InProgress", {WAITS: True}),
            ("d", "Stopped", {WAITS: True}),
        ):
            arn = f"arn:aws:sagemaker:us-east-1:0:transform-job/{name}"
            job = {"TransformJobName": name, "TransformJobArn": arn, "TransformJobStatus": state, "CreationTime": 1.0}
            store.insert(KIND.name, name, job | fields)
        endpoint = {
            "EndpointName": "e",
            "EndpointArn": "arn:aws:sagemaker:us-east-1:0:endpoint/e",
            "EndpointStatus": "InService",
            "CreationTime": 1.0,
            "Deployment": {"Variants": []},
        }
        store.insert(ENDPOINT.name, "e", endpoint)
    return tmp_path


def test_a_folder_at_rest_is_counted(at_rest, cli):
    found = read_status(at_rest)
    assert found.jobs == {"Completed": 2, "Pending": 1, "Stopped": 1}
    assert (found.endpoints, found.endpoint, found.pid, found.started) == ({"InService": 1}, None, None, None)
    assert found.bytes > 0
    said = cli("status", "--data", at_rest)
    assert said.status == 1
    assert said.out.splitlines()[0] == "The local AWS does not run."
    assert f"state      {at_rest}, " in said.out
    assert "jobs       2 Completed, 1 Pending, 1 Stopped" in said.out and "endpoints  1 InService" in said.out
    assert f"wildsage up -d --data {at_rest}" in said.err


def test_a_folder_that_never_had_a_server_is_empty(tmp_path, cli):
    said = cli("status", "--data", tmp_path / "new", "--json")
    assert said.status == 1
    none = {"endpoint": None, "pid": None, "started": None, "jobs": {}, "endpoints": {}, "bytes": 0}
    assert json.loads(said.out) == {"data": str(tmp_path / "new"), **none}


def test_a_server_that_runs_is_named_and_the_exit_status_is_0(tmp_path, cli, monkeypatch):
    server = RunningServer("http://127.0.0.1:4577", os.getpid())
    monkeypatch.setattr(command, "running", lambda data: server)
    found = read_status(tmp_path)
    assert (found.endpoint, found.pid) == ("http://127.0.0.1:4577", os.getpid())
    assert found.started == psutil.Process().create_time()
    begun = time.time() - 7_500
    monkeypatch.setattr(command, "read_status", lambda data: Status(str(data), server.endpoint, 42, begun, {}, {}, 0))
    said = cli("status", "--data", tmp_path)
    assert said.status == 0
    since = f"since {format_time(begun)} (2 h 5 min)"
    assert said.out.splitlines()[0] == f"Local AWS on http://127.0.0.1:4577, process 42, {since}"
    assert "jobs       none" in said.out and said.err == ""
    assert cli("status", "--data", tmp_path, "--json").status == 0


@pytest.mark.parametrize(("numbers", "text"), [({}, "none"), ({"b": 1, "a": 2}, "2 a, 1 b")])
def test_counts_are_sorted_by_name(numbers, text):
    assert counts(numbers) == text
