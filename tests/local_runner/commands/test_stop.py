"""`wildsage stop` of a folder whose server is an HTTP server of the test: what it asks for, how, and what it waits for."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import typer

from wildsage.local_runner.commands import stop as command
from wildsage.local_runner.jobs.hosting.endpoint import KIND as ENDPOINT
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.server.lock import RunningServer
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures import keys

ARN = "arn:aws:sagemaker:eu-west-1:000000000000:"
TUNER = f"{ARN}hyper-parameter-tuning-job/search"


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    """Jobs: `done` has ended, `runs` runs, and `tried` runs for the tuning job `search`. Endpoints: `answers`, `done`."""
    folder = ServerSettings(tmp_path).region("eu-west-1")
    folder.path.mkdir(parents=True)
    with closing(Store(folder.state)) as found:
        for name, status, more in (
            ("done", "Completed", {}),
            ("runs", "InProgress", {}),
            ("tried", "InProgress", {"TuningJobArn": TUNER}),
        ):
            job = {"TrainingJobName": name, "TrainingJobArn": f"{ARN}training-job/{name}", "TrainingJobStatus": status}
            found.insert("training-job", name, job | more | {"CreationTime": 1.0})
        tuning = {"Name": "search", "Arn": TUNER, "Status": "InProgress"}
        search = {f"HyperParameterTuningJob{field}": value for field, value in tuning.items()}
        found.insert("hyper-parameter-tuning-job", "search", search | {"CreationTime": 1.0})
        for name in ("answers", "done"):
            endpoint = {"EndpointName": name, "EndpointArn": f"{ARN}endpoint/{name}", "EndpointStatus": "InService"}
            found.insert(ENDPOINT.name, name, endpoint | {"CreationTime": 1.0, "Deployment": {"Variants": []}})
        yield found


@pytest.fixture
def asked(tmp_path, store, monkeypatch) -> Iterator[list[tuple[str, dict, str]]]:
    """Operation, request and signature of what a server was asked for, which it does at once."""
    found: list[tuple[str, dict, str]] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"]
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.append((operation, request, self.headers["Authorization"]))
            name = next(iter(request.values()))
            status, answer = 200, {}
            if name == "tried":
                status, answer = 400, {"message": "It cannot be stopped now."}
            elif operation == "SageMaker.DeleteEndpoint":
                store.delete(ENDPOINT.name, name)
            else:
                store.update("training-job", name, TrainingJobStatus="Stopped")
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running = RunningServer(f"http://127.0.0.1:{server.server_port}", 1)
        monkeypatch.setattr(command, "running", lambda data: running)
        yield found
        server.shutdown()
        thread.join()


def test_a_job_is_stopped_as_a_client_does_it(cli, tmp_path, asked):
    said = cli("stop", "ru", "--data", tmp_path)
    assert (said.status, said.err) == (0, "Stopping training job runs … training job runs: Stopped.")
    ((operation, request, signature),) = asked
    assert (operation, request) == ("SageMaker.StopTrainingJob", {"TrainingJobName": "runs"})
    assert f"Credential={keys.of_clients(tmp_path).access_key}/" in signature
    assert "/eu-west-1/sagemaker/aws4_request" in signature


def test_an_endpoint_is_deleted(cli, tmp_path, asked):
    said = cli("stop", "answers", "--data", tmp_path)
    assert (said.status, said.err) == (0, "Stopping endpoint answers … endpoint answers: deleted.")
    assert [one[:2] for one in asked] == [("SageMaker.DeleteEndpoint", {"EndpointName": "answers"})]


def test_without_waiting_it_says_nothing_of_the_end(cli, tmp_path, asked):
    said = cli("stop", "runs", "--no-wait", "--data", tmp_path)
    assert (said.status, said.err) == (0, "Stopping training job runs …")
    assert len(asked) == 1


def test_what_the_server_rejects_is_told_in_its_words_after_the_search_that_started_it(cli, tmp_path, asked):
    said = cli("stop", "tried", "--data", tmp_path)
    assert said.status == 1 and said.err.endswith("It cannot be stopped now.")
    assert said.err.startswith(
        "Tuning job search started it and continues with others: `wildsage stop search` ends it."
    )


def test_a_server_that_does_not_answer_is_named(cli, tmp_path, store, monkeypatch):
    assert command.ANSWER_WITHIN_S >= 60
    monkeypatch.setattr(command, "ANSWER_WITHIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(command, "running", lambda data: RunningServer(endpoint, 1))
        said = cli("stop", "runs", "--data", tmp_path)
    assert said.status == 1 and f"The local AWS at {endpoint} did not answer: " in said.err


def test_a_job_that_has_ended_is_not_stopped(cli, tmp_path, store, asked):
    store.delete(ENDPOINT.name, "done")
    said = cli("stop", "done", "--data", tmp_path)
    assert (said.status, said.err) == (1, "Training job done has already ended: Completed.")
    said = cli("stop", "answrs", "--data", tmp_path)
    assert (said.status, said.err) == (
        1,
        "There is no job or endpoint named answrs. Did you mean answers?",
    )
    assert asked == []


def test_without_a_server_there_is_nothing_to_stop(cli, tmp_path, store):
    said = cli("stop", "runs", "--data", tmp_path)
    assert said.status == 1 and f"No local AWS runs on {tmp_path}, so there is nothing to stop." in said.err


def test_a_running_job_comes_before_an_endpoint_and_that_before_a_job_that_has_ended(tmp_path, store):
    with closing(Overview(tmp_path)) as overview:
        assert command.describe(command.find(overview, "done")) == "endpoint done"
        store.update("training-job", "done", TrainingJobStatus="InProgress")
        assert command.describe(command.find(overview, "done")) == "training job done"


@pytest.mark.parametrize(
    ("name", "ends", "said"),
    [
        ("runs", lambda store: store.update("training-job", "runs", TrainingJobStatus="Failed"), "Failed"),
        ("runs", lambda store: store.delete("training-job", "runs"), "deleted"),
        ("answers", lambda store: store.delete(ENDPOINT.name, "answers"), "deleted"),
    ],
)
def test_it_waits_until_the_end(tmp_path, store, monkeypatch, name: str, ends: Callable[[Store], None], said: str):
    looks = []

    def running(data: Path) -> bool:
        looks.append(data)
        if len(looks) == 3:
            ends(store)
        return True

    monkeypatch.setattr(command, "running", running)
    monkeypatch.setattr(command, "POLL_INTERVAL_S", 0)
    with closing(Overview(tmp_path)) as overview:
        assert command.wait_for_end(overview, tmp_path, command.find(overview, name)) == said
    assert looks == [tmp_path] * 3


def test_a_server_that_ends_before_the_job_is_an_error(tmp_path, store, monkeypatch):
    monkeypatch.setattr(command, "running", lambda data: None)
    with closing(Overview(tmp_path)) as overview, pytest.raises(typer.Exit) as ended:
        command.wait_for_end(overview, tmp_path, command.find(overview, "runs"))
    assert ended.value.exit_code == 3
