"""Batch transform jobs whose containers answer in the process of the test."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.local_runner.jobs.hosting import serving
from wildsage.local_runner.backends import Launch
from wildsage.local_runner.jobs import runner
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.hosting import instance
from wildsage.local_runner.jobs.hosting.instance import StartLimits
from wildsage.local_runner.jobs.logs import TRANSFORM_JOBS, Logs, LogWriter
from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.jobs.transform import job as transform_job
from wildsage.local_runner.jobs.transform.job import KIND, TransformJobs, _reason
from wildsage.local_runner.s3.store import ObjectStore

WITHIN_S = 60
CREATED = 1_700_000_000.5


class Doubling(serving.Healthy):
    """Answers an invocation with its body twice, and proposes what its server says, if that is something."""

    def do_GET(self) -> None:
        if self.path == "/ping":
            super().do_GET()
        else:
            self.answer(*self.server.proposed)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(body)
        self.server.asked.set()
        self.server.may_answer.wait(WITHIN_S)
        self.answer(400 if body == b"bad" else 200, body * 2)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class NotedLogs(Logs):
    """Remembers what writes to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.writers: list[LogWriter] = []

    def writer(self, group: str, stream: str) -> LogWriter:
        self.writers.append(super().writer(group, stream))
        return self.writers[-1]


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Doubling)
        self.proposed: tuple[int, bytes] = (404, b"")
        self.bodies: list[bytes] = []
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.may_answer.set()


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.may_answer.set()
        server.shutdown()


@pytest.fixture
def deps(tmp_path, server, monkeypatch):
    monkeypatch.setattr(runner, "CLOSE_WITHIN_S", WITHIN_S)
    store, objects = Store(tmp_path / "state"), ObjectStore(tmp_path / "s3")
    objects.create_bucket("bucket")
    for name in "abc":
        objects.put("bucket", f"in/{name}", [name.encode()])
    backend = serving.Backend(f"http://127.0.0.1:{server.server_port}")
    with closing(store), closing(objects):
        yield JobDependencies(
            store, NotedLogs(tmp_path / "logs"), objects, objects, backend, tmp_path / "transforms", Queue(1)
        )


def document(instances: int = 1, uri: str = "s3://bucket/in/", **fields: object) -> Document:
    container = {
        "Name": "primary",
        "Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
        "Environment": {"OWN": "1"},
        "Mode": "SingleModel",
    }
    return {
        "TransformJobName": "a",
        "TransformJobArn": "arn:aws:sagemaker:us-east-1:000000000000:transform-job/a",
        "ModelName": "model",
        "Containers": [container],
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceCount": instances, "InstanceType": "ml.m5.large"},
        "CreationTime": CREATED,
        **fields,
    }


def ended(deps: JobDependencies, job: Document) -> Document:
    jobs = TransformJobs(deps)
    jobs.start(job)
    jobs.wait("a", WITHIN_S)
    return deps.store.get(KIND.name, "a")


def results(deps: JobDependencies) -> dict[str, bytes]:
    return {
        one.key: deps.objects.get("bucket", one.key).path.read_bytes() for one in deps.objects.list("bucket", "out/")
    }


def log(deps: JobDependencies, stream: str) -> list[str]:
    return [event.message for event in deps.logs.events(TRANSFORM_JOBS, stream)]


@pytest.mark.parametrize(("instances", "started"), [(1, 1), (2, 2), (5, 3)])
def test_instances_share_the_objects_and_none_is_started_without_one(deps, instances, started):
    found = ended(deps, document(instances))
    assert found["TransformJobStatus"] == "Completed" and "FailureReason" not in found
    assert CREATED < found["TransformStartTime"] <= found["TransformEndTime"]
    assert results(deps) == {"out/a.out": b"aa", "out/b.out": b"bb", "out/c.out": b"cc"}
    assert len(deps.backend.started) == started and all(one.wait(0) is not None for one in deps.backend.started)
    assert not list(deps.folder.glob("*"))
    streams = deps.logs.stream_names(TRANSFORM_JOBS)
    assert streams == [f"a/instance-{number}-1700000000" for number in range(1, started + 1)]
    assert log(deps, streams[0]) == [
        "[sagemaker logs]: MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD"
    ]


def test_a_container_knows_that_it_is_one_of_a_batch_transform(deps):
    asked = {"MaxPayloadInMB": 7, "BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 3}
    ended(deps, document(Environment={"EXTRA": "2"}, **asked))
    (launch,) = deps.backend.launched
    assert launch.environment == {"OWN": "1", "EXTRA": "2"}
    batch = {name: value for name, value in launch.contract.items() if name.startswith(("SAGEMAKER_", "AWS"))}
    assert batch == {
        "SAGEMAKER_BATCH": "true",
        "AWS_REGION": "us-east-1",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "7",
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "3",
    }


def test_a_job_that_leaves_everything_open_sets_no_variable(deps):
    ended(deps, document())
    assert not [name for name in deps.backend.launched[0].contract if name.startswith("SAGEMAKER_MAX")]
    assert deps.backend.launched[0].environment == {"OWN": "1"}


@pytest.mark.parametrize(
    ("proposed", "concurrency"),
    [
        ((200, json.dumps({"MaxConcurrentTransforms": 4}).encode()), 4),
        ((404, json.dumps({"MaxConcurrentTransforms": 4}).encode()), 1),
        ((200, b"{"), 1),
        ((200, b"[4]"), 1),
    ],
)
def test_what_a_container_proposes_is_used_if_it_is_a_proposal(deps, server, proposed, concurrency):
    server.proposed = proposed
    ended(deps, document())
    assert f"MaxConcurrentTransforms={concurrency}," in log(deps, "a/instance-1-1700000000")[0]


def test_an_object_that_fails_costs_no_other_and_its_reason_is_the_jobs(deps):
    deps.objects.put("bucket", "in/b", [b"bad"])
    found = ended(deps, document())
    assert found["TransformJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("ClientError: bucket/in/b: the container answered 400: badbad")
    assert found["FailureReason"].endswith("badbad See job logs for more information.")
    assert set(results(deps)) == {"out/a.out", "out/c.out"}
    (data_log,) = [name for name in deps.logs.stream_names(TRANSFORM_JOBS) if name.endswith("/data-log")]
    assert data_log == "a/instance-1-1700000000/data-log"
    assert log(deps, data_log)[0].endswith("bucket/in/b: ClientError: 400")


@pytest.mark.parametrize("model", [{}, {"ModelDataUrl": "s3://bucket/none.tar.gz"}])
def test_all_logs_are_closed_when_a_job_has_ended_even_one_whose_model_is_missing(deps, model):
    deps.objects.put("bucket", "in/b", [b"bad"])
    job = document(2)
    job["Containers"][0].update(model)
    assert ended(deps, job)["TransformJobStatus"] == "Failed"
    streams = deps.logs.stream_names(TRANSFORM_JOBS)
    before = [log(deps, stream) for stream in streams]
    for writer in deps.logs.writers:
        writer("a line that comes after the end")
    assert streams and [log(deps, stream) for stream in streams] == before


class Lingering(serving.Serving):
    """Outlives SIGTERM, and writes a line when it is killed."""

    def __init__(self, launch: Launch, url: str) -> None:
        super().__init__(url)
        self._log = launch.log

    def terminate(self) -> None:
        pass

    def kill(self) -> None:
        self._log("The second container ends.")
        super().kill()


class LastLingers(serving.Backend):
    def serve(self, launch: Launch) -> serving.Serving:
        started = super().serve(launch)
        return Lingering(launch, started.url) if launch.root.name == "second" else started


def test_the_log_of_a_pipeline_stays_open_until_its_last_container_has_ended(deps, monkeypatch):
    monkeypatch.setattr(transform_job, "STOP_GRACE_S", 0.0)
    job = document()
    (container,) = job["Containers"]
    job["Containers"] = [{**container, "Name": name} for name in ("first", "second")]
    found = ended(replace(deps, backend=LastLingers(*deps.backend._urls)), job)
    assert found["TransformJobStatus"] == "Completed"
    assert log(deps, "a/instance-1-1700000000")[-1] == "The second container ends."


def test_of_several_failures_the_first_is_told_with_the_number_of_the_others(deps):
    for name in "abc":
        deps.objects.put("bucket", f"in/{name}", [b"bad"])
    reason = ended(deps, document(2))["FailureReason"]
    assert "bucket/in/a:" in reason and reason.endswith(" 2 more objects failed. See job logs for more information.")
    assert _reason(["First.", "Second."]) == "First. 1 more objects failed. See job logs for more information."


def test_data_that_is_not_there_fails_the_job_before_a_container_is_started(deps):
    found = ended(deps, document(uri="s3://bucket/none/"))
    assert found["FailureReason"].startswith("ClientError: Data download failed:") and deps.backend.started == []


def test_the_first_server_has_nothing_to_clear(deps):
    TransformJobs(deps).restore()
    assert ended(deps, document())["TransformJobStatus"] == "Completed"


def test_a_container_that_is_not_healthy_fails_the_job(deps, monkeypatch):
    monkeypatch.setattr(instance, "StartLimits", partial(StartLimits, healthy_s=0.1))
    deps.backend._urls = [serving.NOBODY]
    found = ended(deps, document())
    assert found["TransformJobStatus"] == "Failed" and "TransformStartTime" not in found
    assert found["FailureReason"].startswith(
        "AlgorithmError: The primary container did not pass the ping health check."
    )
    assert found["FailureReason"].endswith("Its log may say more: group /aws/sagemaker/TransformJobs.")


def test_a_job_that_is_stopped_ends_its_requests_and_stores_nothing(deps, server):
    server.may_answer.clear()
    jobs = TransformJobs(deps)
    jobs.start(document())
    assert server.asked.wait(WITHIN_S)
    jobs.stop("a")
    server.may_answer.set()
    jobs.wait("a", WITHIN_S)
    assert deps.store.get(KIND.name, "a")["TransformJobStatus"] == "Stopped"
    assert results(deps) == {} and not list(deps.folder.glob("*"))


def test_a_job_that_is_stopped_before_its_containers_are_healthy_has_not_failed(deps):
    deps.backend._urls = [serving.NOBODY]
    jobs = TransformJobs(deps)
    jobs.start(document(2))
    with deps.backend.changed:
        assert deps.backend.changed.wait_for(lambda: deps.backend.started, WITHIN_S)
    jobs.stop("a")
    jobs.wait("a", WITHIN_S)
    found = deps.store.get(KIND.name, "a")
    assert found["TransformJobStatus"] == "Stopped" and "FailureReason" not in found


def test_a_closed_server_ends_its_containers_and_the_next_one_removes_their_folders(deps, server):
    server.may_answer.clear()
    jobs = TransformJobs(deps)
    jobs.start(document())
    assert server.asked.wait(WITHIN_S)
    closing_jobs = threading.Thread(target=jobs.close)
    closing_jobs.start()
    deadline = time.monotonic() + WITHIN_S
    while deps.backend.started[0].wait(0) is None and time.monotonic() < deadline:
        time.sleep(0.002)
    server.may_answer.set()
    closing_jobs.join()
    assert deps.store.get(KIND.name, "a")["TransformJobStatus"] == "InProgress" and results(deps) == {}
    (deps.folder / "left").mkdir(parents=True, exist_ok=True)
    TransformJobs(deps).restore()
    assert deps.store.get(KIND.name, "a")["TransformJobStatus"] == "Failed" and not deps.folder.exists()
