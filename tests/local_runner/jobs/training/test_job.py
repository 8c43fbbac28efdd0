"""Training jobs and the grace between SIGTERM and SIGKILL, without a server."""

import sys
import tarfile
import threading
import time
from dataclasses import replace

import pytest

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.training.job import TrainingJobs
from wildsage.local_runner.jobs.training.states import KIND, enter_secondary
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.settings import ServerSettings


@pytest.fixture
def deps(tmp_path):
    """A container that ignores SIGTERM, and a short patience with it."""
    script = tmp_path / "deaf.py"
    script.write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
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
    jobs.wait("deaf", 10)
    assert 0.3 <= time.monotonic() - asked < 5
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
    jobs.wait("quick", 10)
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
        jobs.wait(f"after-{delay_s}", 60)
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
        jobs.wait("one", 60)
        deps.store.delete(KIND.name, "one")
    assert OptML(tmp_path / "kept" / "one" / "algo-1").model.joinpath("m").read_text() == "learned"
    assert not any(deps.folder.iterdir())

    (deps.folder / "interrupted" / "algo-1").mkdir(parents=True)
    TrainingJobs(keeping).restore()
    assert (tmp_path / "kept" / "interrupted" / "algo-1").is_dir()
    assert not any(deps.folder.iterdir())
