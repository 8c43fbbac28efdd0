"""Training jobs and the grace between SIGTERM and SIGKILL, without a server."""

import sys
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.local_runner.jobs.running import Backend, Container
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Launch, Usage
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs
from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.jobs.training import job as training
from wildsage.local_runner.jobs.training.job import TrainingJobs
from wildsage.local_runner.jobs.training.states import KIND, enter_secondary
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.settings import ServerSettings

WITHIN_S = 240


@pytest.fixture
def deps(tmp_path):
    """A container that ignores SIGTERM, and a short patience with it."""
    script = tmp_path / "deaf.py"
    script.write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(1000)"
    )
    objects = ObjectStore(tmp_path / "s3")
    objects.create_bucket("bucket")
    backend = ProcessBackend((sys.executable, str(script)))
    store = Store(tmp_path / "state")
    logs = Logs(tmp_path / "logs")
    return JobDependencies(store, logs, objects, objects, backend, tmp_path / "jobs", Queue(4), stop_grace_s=0.3)


def job(name: str) -> dict:
    return {
        "TrainingJobName": name,
        "CreationTime": time.time(),
        "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{name}",
        "AlgorithmSpecification": {
            "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
            "TrainingInputMode": "File",
        },
        "ResourceConfig": {"InstanceCount": 1},
        "StoppingCondition": {},
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://bucket/{name}/output/model.tar.gz"},
    }


def test_a_container_that_ignores_sigterm_is_killed_after_the_grace(deps):
    jobs = TrainingJobs(deps)
    jobs.start(job("deaf"))
    while not any(stream.size_bytes for group in deps.logs.groups() for stream in deps.logs.streams(group)):
        time.sleep(0.02)
    asked = time.monotonic()
    jobs.stop("deaf")
    jobs.wait("deaf", WITHIN_S)
    assert time.monotonic() - asked >= 0.3
    assert deps.store.get(KIND.name, "deaf")["TrainingJobStatus"] == "Stopped"


def test_a_stop_at_the_moment_of_creation_is_obeyed(deps):
    """Whoever learns of the job from the store may stop it at once."""

    class Watched(Store):
        def insert(self, kind, name, document):
            super().insert(kind, name, document)
            if kind == KIND.name:
                stopping.start()
                time.sleep(0.1)

    watched = replace(deps, store=Watched(deps.folder.with_name("watched")))
    jobs = TrainingJobs(watched)
    stopping = threading.Thread(target=jobs.stop, args=["quick"])
    jobs.start(job("quick"))
    stopping.join()
    jobs.wait("quick", WITHIN_S)
    assert watched.store.get(KIND.name, "quick")["TrainingJobStatus"] == "Stopped"


@pytest.fixture
def real(deps):
    """The containers themselves, and a job that would run for hours over pipes."""
    deps.objects.put("bucket", "rows/a.csv", [b"1,2\n3,4\n5,6\n" * 1000])
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/rows/"}
    channel = {"ChannelName": "train", "ContentType": "text/csv;label_size=0", "DataSource": {"S3DataSource": source}}
    endless = {
        **job("endless"),
        "HyperParameters": {"k": "2", "feature_dim": "2", "mini_batch_size": "100", "epochs": "1000000"},
        "InputDataConfig": [{**channel, "InputMode": "Pipe"}],
    }
    backend = ProcessBackend(ServerSettings(deps.folder).command)
    return replace(deps, backend=backend, stop_grace_s=60.0), endless


@pytest.mark.slow
def test_whenever_a_job_is_stopped_it_leaves_a_whole_archive_or_none(real, tmp_path):
    deps, endless = real
    jobs = TrainingJobs(deps)
    began = time.monotonic()
    for delay_s in (0.0, 0.6, 1.5, 4.0):
        uri = f"s3://bucket/{delay_s}/output/model.tar.gz"
        jobs.start({**endless, "TrainingJobName": f"after-{delay_s}", "ModelArtifacts": {"S3ModelArtifacts": uri}})
    for delay_s in (0.0, 0.6, 1.5, 4.0):
        time.sleep(max(0.0, began + delay_s - time.monotonic()))
        jobs.stop(f"after-{delay_s}")
    for delay_s in (0.0, 0.6, 1.5, 4.0):
        jobs.wait(f"after-{delay_s}", WITHIN_S)
        found = deps.store.get(KIND.name, f"after-{delay_s}")
        assert found["TrainingJobStatus"] == "Stopped"
        archive = deps.objects.find("bucket", f"{delay_s}/output/model.tar.gz")
        message = found["SecondaryStatusTransitions"][-1]["StatusMessage"]
        assert ("model.tar.gz is missing" in message) == (archive is None)
        if archive:
            with tarfile.open(archive.path) as tar:
                assert tar.getmember("model_algo-1").size


def test_what_was_running_when_the_server_died_has_failed(deps):
    interrupted = job("interrupted")
    enter_secondary(interrupted, "InProgress", "Training", time.time())
    deps.store.insert(KIND.name, "interrupted", interrupted)
    TrainingJobs(deps).restore()
    found = deps.store.get(KIND.name, "interrupted")
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("InternalServerError: the local SageMaker stopped")


def test_folders_of_ended_and_interrupted_jobs_are_kept_where_asked(deps, tmp_path):
    script = tmp_path / "writes.py"
    script.write_text(
        "import os, pathlib\npathlib.Path(os.environ['SAGEMAKER_DATA_PATH'], 'model/m').write_text('learned')"
    )
    backend = ProcessBackend((sys.executable, str(script)))
    keeping = replace(deps, backend=backend, kept=tmp_path / "kept")
    for _ in range(2):  # a second job of the name, the first one deleted, takes its place
        jobs = TrainingJobs(keeping)
        jobs.start(job("one"))
        jobs.wait("one", WITHIN_S)
        deps.store.delete(KIND.name, "one")
    assert OptML(tmp_path / "kept" / "one" / "algo-1").model.joinpath("m").read_text() == "learned"
    assert not any(deps.folder.iterdir())

    (deps.folder / "interrupted" / "algo-1").mkdir(parents=True)
    TrainingJobs(keeping).restore()
    assert (tmp_path / "kept" / "interrupted" / "algo-1").is_dir()
    assert not any(deps.folder.iterdir())


# With containers in this process

WITHIN_S = 60


@pytest.fixture
def quick(deps, monkeypatch):
    """What jobs work with, looked at all the time."""
    monkeypatch.setattr(training, "POLL_S", 0.002)
    return deps


def ended(
    deps: JobDependencies, act: Callable[[Launch], Container | None] = lambda _: None, **fields: object
) -> Document:
    """A job whose containers are what `act` returns, after its end; its backend is what the tests look at."""
    jobs = TrainingJobs(replace(deps, backend=Backend(act)) if isinstance(deps.backend, ProcessBackend) else deps)
    jobs.start({**job("a"), **fields})
    jobs.wait("a", WITHIN_S)
    return deps.store.get(KIND.name, "a")


def secondaries(found: Document) -> list[str]:
    return [one["Status"] for one in found["SecondaryStatusTransitions"]]


def learn(launch: Launch) -> None:
    (OptML(launch.root).model / f"model_{launch.host}").write_text("learned")


def last_message(found: Document) -> str:
    return found["SecondaryStatusTransitions"][-1]["StatusMessage"]


def hosts(count: int) -> Document:
    return {"ResourceConfig": {"InstanceCount": count}}


def test_the_end_of_a_container_is_seen_within_a_second_and_without_a_busy_loop(deps):
    backend = Backend(learn)
    ended(replace(deps, backend=backend))
    assert all(0 < waited_s < 1 for waited_s in backend.containers[0].waited_s)


def test_a_job_goes_through_its_states_to_its_model(quick):
    found = ended(quick, learn)
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Completed", "Completed")
    assert secondaries(found) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert found["CreationTime"] <= found["TrainingStartTime"] <= found["TrainingEndTime"]
    with tarfile.open(quick.objects.get("bucket", "a/output/model.tar.gz").path) as tar:
        assert "model_algo-1" in tar.getnames()
    assert quick.objects.find("bucket", "a/output/output.tar.gz") is None and not any(quick.folder.iterdir())


def test_a_job_that_leaves_no_model_says_so_and_its_output_is_stored(quick):
    found = ended(quick, lambda launch: (OptML(launch.root).output_data / "notes").write_text("1") and None)
    assert found["TrainingJobStatus"] == "Completed" and "model.tar.gz is missing" in last_message(found)
    assert quick.objects.find("bucket", "a/output/output.tar.gz")
    assert quick.objects.find("bucket", "a/output/model.tar.gz") is None


def test_a_container_is_started_as_the_request_says(quick):
    backend = Backend(learn)
    algorithm = {
        **job("a")["AlgorithmSpecification"],
        "ContainerEntrypoint": ["run"],
        "ContainerArguments": ["--fast"],
    }
    fields = {"Environment": {"OWN": "1"}, "EnableNetworkIsolation": True, "AlgorithmSpecification": algorithm}
    ended(replace(quick, backend=backend), **fields)
    (launch,) = backend.launches
    assert (launch.host, launch.entrypoint, launch.arguments, launch.environment) == (
        "algo-1",
        ["run"],
        ["--fast"],
        {"OWN": "1"},
    )
    arn = "arn:aws:sagemaker:us-east-1:000000000000:training-job/a"
    assert launch.contract == {"TRAINING_JOB_NAME": "a", "TRAINING_JOB_ARN": arn, "AWS_REGION": "us-east-1"}
    assert launch.network_isolation and launch.checkpoints is launch.tensorboard is None


def test_what_a_request_leaves_out_is_left_to_the_image(quick):
    backend = Backend(learn)
    ended(replace(quick, backend=backend))
    (launch,) = backend.launches
    assert (launch.entrypoint, launch.arguments, launch.environment, launch.network_isolation) == (
        None,
        None,
        {},
        False,
    )


def test_paths_of_checkpoints_and_tensorboard_reach_the_container(quick):
    backend = Backend(learn)
    place = {"S3Uri": "s3://bucket/checkpoints", "LocalPath": "/opt/ml/own"}
    boards = {"S3OutputPath": "s3://bucket/boards", "LocalPath": "/opt/ml/output/boards"}
    ended(replace(quick, backend=backend), CheckpointConfig=place, TensorBoardOutputConfig=boards)
    (launch,) = backend.launches
    assert (launch.checkpoints, launch.tensorboard) == ("/opt/ml/own", "/opt/ml/output/boards")


def test_folders_that_are_copied_while_a_job_runs_are_in_s3_afterwards(quick):
    def act(launch: Launch) -> None:
        tree = OptML(launch.root)
        for folder in (tree.checkpoints, tree.output_intermediate, tree.tensorboard(None)):
            (folder / "file").write_text("1")

    found = ended(
        quick,
        act,
        CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"},
        TensorBoardOutputConfig={"S3OutputPath": "s3://bucket/boards"},
        HyperParameters={"sagemaker_s3_output": "s3://bucket/notes"},
    )
    assert found["TrainingJobStatus"] == "Completed", found
    assert {one.key for one in quick.objects.list("bucket")} >= {
        "checkpoints/file",
        "boards/a/tensorboard-output/file",
        "notes/a/output/intermediate/file",
    }


def test_a_log_of_each_host_has_what_it_wrote(quick):
    found = ended(quick, lambda launch: launch.log(f"I am {launch.host}"), **hosts(2))
    streams = quick.logs.stream_names(TRAINING_JOBS)
    assert [name.rpartition("-")[0] for name in streams] == ["a/algo-1", "a/algo-2"]
    assert abs(int(streams[0].rpartition("-")[2]) - found["CreationTime"]) < 60
    for number, name in enumerate(streams, start=1):
        assert [one.message for one in quick.logs.events(TRAINING_JOBS, name)] == [f"I am algo-{number}"]


def test_an_image_of_another_region_is_warned_of(quick):
    foreign = {
        **job("a")["AlgorithmSpecification"],
        "TrainingImage": "382416733822.dkr.ecr.eu-west-1.amazonaws.com/kmeans:1",
    }
    ended(quick, learn, AlgorithmSpecification=foreign)
    (name,) = quick.logs.stream_names(TRAINING_JOBS)
    assert "Cross region" in next(iter(quick.logs.events(TRAINING_JOBS, name))).message


def test_when_a_host_fails_the_others_are_ended_soon_and_nothing_is_stored(quick):
    backend = Backend(lambda launch: (learn(launch), Container(7 if launch.host == "algo-1" else None, deaf=True))[1])
    found = ended(replace(quick, backend=backend, stop_grace_s=0.05), **hosts(2))
    assert found["TrainingJobStatus"] == "Failed" and "algo-1 ended with exit code 7" in found["FailureReason"]
    assert backend.containers[1].asked[:2] == ["terminate", "kill"]
    assert quick.objects.find("bucket", "a/output/model.tar.gz") is None
    assert "Uploading" not in secondaries(found)


def begun() -> Document:
    return {**job("a"), "TrainingJobStatus": "InProgress"}


def test_a_peer_has_ten_seconds_at_most_and_a_stopped_job_all_of_its_grace(quick):
    run = TrainingJobs(replace(quick, stop_grace_s=60.0)).new_run(begun())
    assert run._grace_s() == training.PEER_GRACE_S == 10
    run._stopping.set()
    assert run._grace_s() == 60.0
    assert TrainingJobs(replace(quick, stop_grace_s=3.0)).new_run(begun())._grace_s() == 3.0


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [({"MaxRuntimeInSeconds": 0.02}, "MaxRuntimeExceeded"), ({"MaxWaitTimeInSeconds": 0}, "MaxWaitTimeExceeded")],
)
def test_a_job_whose_time_is_over_is_stopped_and_keeps_its_model(quick, limits, outcome):
    found = ended(quick, lambda launch: (learn(launch), Container(None))[1], StoppingCondition=limits)
    assert (found["TrainingJobStatus"], found["SecondaryStatus"]) == ("Stopped", outcome)
    assert "model.tar.gz is missing" not in last_message(found)
    assert quick.objects.find("bucket", "a/output/model.tar.gz")


@pytest.mark.parametrize(("retries", "attempts"), [(None, 1), (0, 1), (1, 2), (2, 3), (5, 3)])
def test_a_failure_of_the_platform_is_tried_again_as_often_as_the_request_says(quick, retries, attempts):
    tried = []

    def act(launch: Launch) -> Container | None:
        assert not any(OptML(launch.root).model.iterdir()), "each attempt begins with empty folders"
        learn(launch)
        tried.append(launch)
        if len(tried) == 3:
            return None
        OptML(launch.root).failure.write_text("InternalServerError: it was not you")
        return Container(1)

    strategy = {} if retries is None else {"RetryStrategy": {"MaximumRetryAttempts": retries}}
    found = ended(quick, act, **strategy)
    assert len(tried) == attempts
    assert found["TrainingJobStatus"] == ("Completed" if attempts == 3 else "Failed")
    assert secondaries(found).count("Restarting") == attempts - 1


def test_a_failure_of_the_algorithm_is_not_tried_again(quick):
    backend = Backend(lambda _: Container(1))
    assert (
        ended(replace(quick, backend=backend), RetryStrategy={"MaximumRetryAttempts": 3})["TrainingJobStatus"]
        == "Failed"
    )
    assert len(backend.launches) == 1


def test_what_all_hosts_used_together_is_stored(quick):
    used = {"algo-1": Usage(1.5, 100), "algo-2": Usage(2.0, 50), "algo-3": None}
    found = ended(quick, lambda launch: Container(usage=used[launch.host]), **hosts(3))
    assert found["Usage"] == {"CpuSeconds": 3.5, "PeakMemoryBytes": 150}


def test_a_job_of_which_no_usage_is_known_has_none(quick):
    assert "Usage" not in ended(quick, learn)


def test_a_full_disk_that_a_host_met_is_in_the_reason(quick):
    def act(launch: Launch) -> Container:
        launch.log("OSError: [Errno 28] No space left on device: 'x'")
        return Container(1)

    reason = ended(quick, act)["FailureReason"]
    assert reason.startswith("InternalServerError: algo-1 ended with exit code 1.") and "No space left" in reason


def test_a_bucket_of_the_model_that_is_not_there_fails_the_job(quick):
    place = {"S3ModelArtifacts": "s3://gone/a/output/model.tar.gz"}
    reason = ended(quick, learn, ModelArtifacts=place)["FailureReason"]
    assert reason.startswith("ClientError: Artifact upload failed:NoSuchBucket: ")
    assert reason.endswith("(s3://gone/a/output/model.tar.gz)")


def test_the_last_reading_of_a_metric_is_stored_with_the_job(quick):
    algorithm = {**job("a")["AlgorithmSpecification"], "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=(\S+)"}]}

    def act(launch: Launch) -> None:
        for loss in (2, 1):
            launch.log(f"loss={loss}")

    (metric,) = ended(quick, act, AlgorithmSpecification=algorithm)["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("loss", 1)


def test_a_job_may_wait_as_long_as_it_says(quick):
    jobs = TrainingJobs(quick)
    assert jobs.new_run(begun()).may_wait_s == float("inf")
    limited = {**begun(), "StoppingCondition": {"MaxPendingTimeInSeconds": 3_600}}
    assert jobs.new_run(limited).may_wait_s == pytest.approx(3_600, abs=60)
    assert jobs.new_run({**limited, "CreationTime": time.time() - 3_000}).may_wait_s == pytest.approx(600, abs=60)


def test_a_script_reaches_isolated_containers_of_the_image_that_runs_one(quick):
    quick.objects.put("bucket", "code/own.py", [b"print(1)"])
    xgboost = {
        **job("a")["AlgorithmSpecification"],
        "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
    }
    script = {"HyperParameters": {"sagemaker_submit_directory": "s3://bucket/code/own.py"}}
    seen = []
    for name, isolates, algorithm in (
        ("one", True, xgboost),
        ("two", False, xgboost),
        ("three", True, job("a")["AlgorithmSpecification"]),
    ):
        backend = Backend(lambda launch: seen.append((OptML(launch.root).code / "own.py").exists()), isolates)
        jobs = TrainingJobs(replace(quick, backend=backend))
        jobs.start({**job(name), **script, "AlgorithmSpecification": algorithm})
        jobs.wait(name, WITHIN_S)
    assert seen == [True, False, False]
