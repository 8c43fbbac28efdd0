"""Processing jobs whose command is a function of the test: what it finds, what becomes of its files, and how a job ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.local_runner.jobs.running import Backend, Container
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Launch
from wildsage.local_runner.jobs import runner
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.logs import PROCESSING_JOBS, Logs
from wildsage.local_runner.jobs.processing import job as processing
from wildsage.local_runner.jobs.processing.job import KIND, ProcessingJobs
from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.s3.store import ObjectStore

WITHIN_S = 60
POLL_S = processing.POLL_S
ARN = "arn:aws:sagemaker:us-east-1:000000000000:processing-job/a"
Act = Callable[[Launch], Container | None]


@pytest.fixture
def deps(tmp_path, monkeypatch):
    """What jobs work with, whose command does nothing."""
    monkeypatch.setattr(processing, "POLL_S", 0.002)
    monkeypatch.setattr(runner, "CLOSE_WITHIN_S", WITHIN_S)
    store, objects = Store(tmp_path / "state"), ObjectStore(tmp_path / "s3")
    objects.create_bucket("bucket")
    for number in range(4):
        objects.put("bucket", f"in/{number}", [b"1"])
    logs, folder = Logs(tmp_path / "logs"), tmp_path / "processing"
    with closing(store), closing(objects):
        yield JobDependencies(
            store, logs, objects, objects, Backend(lambda _: None), folder, Queue(1), stop_grace_s=0.05
        )


def document(hosts: int = 1, **fields: object) -> Document:
    cluster = {"InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": "a",
        "ProcessingJobArn": ARN,
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "me/own:1", "ContainerEntrypoint": ["run"]},
        "CreationTime": 1_700_000_000.5,
        **fields,
    }


def source(folder: str = "in", uri: str = "s3://bucket/in/", **fields: str) -> Document:
    return {"InputName": folder, "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{folder}", **fields}}


def target(folder: str = "out", uri: str = "s3://bucket/out", mode: str = "EndOfJob") -> Document:
    s3 = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{folder}", "S3UploadMode": mode}
    return {"OutputName": folder, "S3Output": s3}


def outputs(*places: Document) -> Document:
    return {"ProcessingOutputConfig": {"Outputs": list(places)}}


def ended(deps: JobDependencies, job: Document, act: Act = lambda _: None) -> Document:
    deps.backend.act = act
    jobs = ProcessingJobs(deps)
    jobs.start(job)
    jobs.wait("a", WITHIN_S)
    return deps.store.get(KIND.name, "a")


def inside(launch: Launch, path: str):
    return OptML(launch.root).inside(f"/opt/ml/processing/{path}")


def test_each_host_finds_its_files_and_its_description(deps):
    found = []

    def act(launch: Launch) -> None:
        config = [
            json.loads((launch.root / "config" / f"{name}config.json").read_text())
            for name in ("resource", "processingjob")
        ]
        found.append((sorted(path.name for path in inside(launch, "in").iterdir()), *config))
        assert inside(launch, "out").is_dir()

    job = document(
        2, ProcessingInputs=[source(S3DataDistributionType="ShardedByS3Key")], **outputs(target()), RoleArn="arn:role"
    )
    assert ended(deps, job, act)["ProcessingJobStatus"] == "Completed"
    assert [files for files, *_ in found] == [["0", "2"], ["1", "3"]]
    hosts = ["algo-1", "algo-2"]
    for host, (_, resources, about) in zip(hosts, found, strict=True):
        assert resources == {"current_host": host, "current_instance_type": "ml.m5.large", "hosts": hosts}
        assert about["ProcessingJobArn"] == ARN and about["RoleArn"] == "arn:role" and "CreationTime" not in about


def test_a_container_is_started_as_the_request_says(deps):
    application = {"ImageUri": "me/own:1", "ContainerEntrypoint": ["run"], "ContainerArguments": ["--fast"]}
    ended(deps, document(AppSpecification=application, Environment={"A": "1"}))
    (launch,) = deps.backend.launches
    assert (launch.image, launch.entrypoint, launch.arguments, launch.host) == (
        "me/own:1",
        ["run"],
        ["--fast"],
        "algo-1",
    )
    assert launch.environment == {"A": "1"}
    assert launch.contract == {"PROCESSING_JOB_NAME": "a", "PROCESSING_JOB_ARN": ARN, "AWS_REGION": "us-east-1"}


def test_what_is_not_said_is_left_to_the_image(deps):
    ended(deps, document())
    assert deps.backend.launches[0].arguments == () and deps.backend.launches[0].environment == {}


def test_a_log_is_named_by_host_and_time_and_has_what_the_command_wrote(deps):
    ended(deps, document(), lambda launch: launch.log("a line"))
    assert deps.logs.stream_names(PROCESSING_JOBS) == ["a/algo-1-1700000000"]
    deps.backend.launches[0].log("a line that comes after the end")
    assert [event.message for event in deps.logs.events(PROCESSING_JOBS, "a/algo-1-1700000000")] == ["a line"]


@pytest.mark.parametrize(
    ("uri", "prefix"), [("s3://bucket/out", "out/"), ("s3://bucket/out/", "out/"), ("s3://bucket", "")]
)
def test_files_of_all_hosts_become_objects(deps, uri, prefix):
    def act(launch: Launch) -> None:
        (inside(launch, "out") / "deep").mkdir()
        (inside(launch, "out") / "deep" / launch.host).write_text(launch.host)

    ended(deps, document(2, **outputs(target(uri=uri), {"OutputName": "other"})), act)
    for host in ("algo-1", "algo-2"):
        assert deps.objects.get("bucket", f"{prefix}deep/{host}").path.read_text() == host


def test_nothing_is_left_of_a_jobs_folder(deps):
    assert (
        ended(deps, document(ProcessingInputs=[source(), {"InputName": "other"}]))["ProcessingJobStatus"] == "Completed"
    )
    assert list(deps.folder.iterdir()) == []


def test_a_folder_that_an_earlier_job_of_the_name_left_does_no_harm(deps):
    for name in ("output", "config", "processing/in", "processing/out"):
        (deps.folder / "a" / "algo-1" / name).mkdir(parents=True)
    job = document(ProcessingInputs=[source()], **outputs(target()))
    assert ended(deps, job)["ProcessingJobStatus"] == "Completed"


def test_the_end_of_a_container_is_seen_within_a_second_and_without_a_busy_loop(deps, monkeypatch):
    monkeypatch.setattr(processing, "POLL_S", POLL_S)
    ended(deps, document())
    assert all(0 < waited_s < 1 for waited_s in deps.backend.containers[0].waited_s)


def test_a_failure_has_the_exit_code_and_its_files_are_stored(deps):
    def act(launch: Launch) -> Container:
        (inside(launch, "out") / "partial").write_text("1")
        return Container(3)

    found = ended(deps, document(**outputs(target())), act)
    assert found["ProcessingJobStatus"] == "Failed"
    assert found["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 3"
    assert deps.objects.find("bucket", "out/partial")


def test_a_failure_on_a_full_disk_says_so_once(deps):
    def act(launch: Launch) -> Container:
        launch.log("OSError: [Errno 28] No space left on device: 'x'")
        return Container(1)

    reason = ended(deps, document(2), act)["FailureReason"]
    assert (
        reason.endswith("exit code: 1. OSError: [Errno 28] No space left on device: 'x'") and reason.count("Errno") == 1
    )


def test_when_a_host_fails_the_others_are_ended_and_its_code_is_told(deps):
    found = ended(deps, document(2), lambda launch: Container(7 if launch.host == "algo-2" else None))
    assert found["FailureReason"].endswith("exit code: 7")
    assert deps.backend.containers[0].asked == ["terminate"]


def test_a_host_that_ignores_sigterm_is_killed_after_the_grace(deps):
    begun_s = time.monotonic()
    ended(deps, document(2), lambda launch: Container(7) if launch.host == "algo-2" else Container(None, deaf=True))
    assert time.monotonic() - begun_s >= 0.05
    assert deps.backend.containers[0].asked[:2] == ["terminate", "kill"]


def test_a_job_ends_when_its_time_is_over(deps):
    limit = {"StoppingCondition": {"MaxRuntimeInSeconds": 0.02}}
    assert ended(deps, document(**limit), lambda _: Container(None))["ProcessingJobStatus"] == "Stopped"
    assert deps.backend.containers[0].asked == ["terminate"]


def test_a_job_that_is_stopped_keeps_its_files_and_its_message(deps):
    started, jobs = threading.Event(), ProcessingJobs(deps)

    def act(launch: Launch) -> Container:
        (inside(launch, "out") / "last").write_text("1")
        OptML(launch.root).failure.with_name("message").write_text("\n stopped early \n")
        started.set()
        return Container(None)

    deps.backend.act = act
    jobs.start(document(**outputs(target())))
    assert started.wait(WITHIN_S)
    jobs.stop("a")
    jobs.wait("a", WITHIN_S)
    found = deps.store.get(KIND.name, "a")
    assert (found["ProcessingJobStatus"], found["ExitMessage"]) == ("Stopped", "stopped early")
    assert deps.objects.find("bucket", "out/last")


def test_a_message_is_that_of_the_first_host_that_has_one_and_is_cut(deps):
    texts = {"algo-1": " \n", "algo-2": "x" * 1025, "algo-3": "third"}
    found = ended(deps, document(3), lambda launch: put_message(launch, texts[launch.host]))
    assert found["ExitMessage"] == "x" * 1024


def put_message(launch: Launch, text: str) -> None:
    OptML(launch.root).failure.with_name("message").write_text(text)


def test_a_job_without_a_message_has_none(deps):
    assert "ExitMessage" not in ended(deps, document())


def test_continuous_outputs_arrive_while_the_command_runs_and_the_others_at_the_end(deps, monkeypatch):
    monkeypatch.setattr(processing, "UPLOAD_EVERY_S", 0.005)
    seen = []

    def act(launch: Launch) -> Container:
        container = Container(None)
        for folder in ("now", "later"):
            (inside(launch, folder) / "file").write_text("1")
        threading.Thread(target=watch, args=(container,)).start()
        return container

    def watch(container: Container) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not deps.objects.find("bucket", "now/file") and time.monotonic() < deadline:
            time.sleep(0.002)
        seen.append(deps.objects.find("bucket", "later/file"))
        container.end(0)

    places = outputs(target("now", "s3://bucket/now", "Continuous"), target("later", "s3://bucket/later"))
    assert ended(deps, document(**places), act)["ProcessingJobStatus"] == "Completed"
    assert seen == [None] and deps.objects.find("bucket", "later/file")


def test_the_last_upload_begins_when_the_one_before_it_has_ended(deps, monkeypatch):
    monkeypatch.setattr(processing, "UPLOAD_EVERY_S", 0.001)
    put_file, at_once, most_at_once = deps.objects.put_file, [], []
    container = Container(None)

    def slow(*arguments: object) -> None:
        container.end(0)
        at_once.append(arguments)
        most_at_once.append(len(at_once))
        time.sleep(0.1)
        put_file(*arguments)
        at_once.remove(arguments)

    def act(launch: Launch) -> Container:
        (inside(launch, "out") / "file").write_text("1")
        return container

    monkeypatch.setattr(deps.objects, "put_file", slow)
    assert ended(deps, document(**outputs(target(mode="Continuous"))), act)["ProcessingJobStatus"] == "Completed"
    assert len(most_at_once) >= 2 and set(most_at_once) == {1}


def test_a_bucket_that_is_not_there_fails_the_job_once_its_command_has_ended(deps, monkeypatch):
    monkeypatch.setattr(processing, "UPLOAD_EVERY_S", 0.001)
    tried, put_file = threading.Semaphore(0), deps.objects.put_file

    def put(*arguments: object) -> object:
        tried.release()
        return put_file(*arguments)

    monkeypatch.setattr(deps.objects, "put_file", put)

    def act(launch: Launch) -> None:
        (inside(launch, "out") / "file").write_text("1")
        assert all(tried.acquire(timeout=WITHIN_S) for _ in range(3)), "uploads fail in between, and say nothing"

    reason = ended(deps, document(**outputs(target(uri="s3://gone/x", mode="Continuous"))), act)["FailureReason"]
    assert reason.startswith("ClientError: Upload of the outputs failed:NoSuchBucket: ") and reason.endswith(
        "(s3://gone/x/file)"
    )


def test_data_that_is_not_there_fails_the_job_before_its_command(deps):
    found = ended(deps, document(ProcessingInputs=[source(uri="s3://bucket/none/")]))
    assert found["FailureReason"].startswith("ClientError: Data download failed:") and deps.backend.launches == []


def test_a_server_that_closes_kills_the_command_and_stores_nothing(deps):
    started, jobs = threading.Event(), ProcessingJobs(deps)

    def act(launch: Launch) -> Container:
        (inside(launch, "out") / "file").write_text("1")
        started.set()
        return Container(None, deaf=True)

    deps.backend.act = act
    jobs.start(document(**outputs(target())))
    assert started.wait(WITHIN_S)
    jobs.close()
    assert "kill" in deps.backend.containers[0].asked and not deps.objects.find("bucket", "out/file")
    assert deps.store.get(KIND.name, "a")["ProcessingJobStatus"] == "InProgress"
    (deps.folder / "left").mkdir(parents=True)
    ProcessingJobs(deps).restore()
    assert deps.store.get(KIND.name, "a")["ProcessingJobStatus"] == "Failed" and not deps.folder.exists()


def test_the_first_server_has_nothing_to_clear(deps):
    ProcessingJobs(deps).restore()
    assert ended(deps, document())["ProcessingJobStatus"] == "Completed"


def test_no_server_waits_for_uploads_when_it_ends(deps):
    daemons = []

    def act(launch: Launch) -> None:
        daemons.extend(thread.daemon for thread in threading.enumerate() if thread.name == "outputs of a")

    ended(deps, document(**outputs(target(mode="Continuous"))), act)
    assert daemons == [True]


def test_a_job_may_run_for_a_day_if_nothing_is_said():
    assert processing.DEFAULT_MAX_RUNTIME_S == 24 * 60 * 60
