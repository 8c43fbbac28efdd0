"""The states of a training job, and the grace between SIGTERM and SIGKILL, without a server."""

import sys
import time

import pytest

from containers.contract.paths import OptML
from local_runner.backends.process import ProcessBackend
from local_runner.jobs.logs import Logs
from local_runner.jobs.store import Store
from local_runner.jobs.training import KIND, Surroundings, TrainingJobs, end, enter, failure_reason
from local_runner.s3.store import ObjectStore
from local_runner.workspace import Host


def test_each_state_closes_the_one_before():
    job: dict = {}
    enter(job, "InProgress", "Starting", 1.0)
    enter(job, "InProgress", "Training", 3.0)
    job["TrainingStartTime"] = 3.0
    end(job, "MaxRuntimeExceeded", 5.25)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"], job["TrainingTimeInSeconds"]) == (
        "Stopped",
        "MaxRuntimeExceeded",
        3,
    )
    spans = [(t["Status"], t["StartTime"], t["EndTime"]) for t in job["SecondaryStatusTransitions"]]
    assert spans == [("Starting", 1.0, 3.0), ("Training", 3.0, 5.25), ("MaxRuntimeExceeded", 5.25, 5.25)]


def test_the_host_that_failed_first_is_blamed_and_a_written_reason_comes_first(tmp_path):
    hosts = [Host(name, OptML(tmp_path / name)) for name in ("algo-1", "algo-2", "algo-3")]
    for host in hosts:
        host.folder.failure.parent.mkdir(parents=True)
    ended = [(hosts[2], 0), (hosts[1], 5), (hosts[0], 143)]
    assert failure_reason(ended[:1]) is None
    assert failure_reason(ended).startswith("AlgorithmError: algo-2 ended with exit code 5")
    hosts[1].folder.failure.write_text(" \n")
    hosts[0].folder.failure.write_text("ClientError: no rows")
    assert failure_reason(ended) == "ClientError: no rows"


@pytest.fixture
def surroundings(tmp_path):
    """A container that ignores SIGTERM, and a short patience with it."""
    script = tmp_path / "deaf.py"
    script.write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    )
    objects = ObjectStore(tmp_path / "s3")
    objects.create_bucket("bucket")
    backend = ProcessBackend((sys.executable, str(script)))
    store = Store(tmp_path / "state")
    return Surroundings(store, Logs(tmp_path / "logs"), objects, objects, backend, tmp_path / "jobs", stop_grace_s=0.3)


def job(name: str) -> dict:
    return {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:000000000000:training-job/{name}",
        "AlgorithmSpecification": {
            "TrainingImage": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
            "TrainingInputMode": "File",
        },
        "ResourceConfig": {"InstanceCount": 1},
        "StoppingCondition": {},
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://bucket/{name}/output/model.tar.gz"},
    }


def test_a_container_that_ignores_sigterm_is_killed_after_the_grace(surroundings):
    jobs = TrainingJobs(surroundings)
    jobs.start(job("deaf"))
    while not surroundings.logs.groups() or not surroundings.logs.streams("/aws/sagemaker/TrainingJobs")[0].size_bytes:
        time.sleep(0.02)
    asked = time.monotonic()
    jobs.stop("deaf")
    jobs.wait("deaf", 10)
    assert 0.3 <= time.monotonic() - asked < 5
    assert surroundings.store.get(KIND, "deaf")["TrainingJobStatus"] == "Stopped"


def test_what_was_running_when_the_server_died_has_failed(surroundings):
    interrupted = job("interrupted")
    enter(interrupted, "InProgress", "Training", time.time())
    surroundings.store.insert(KIND, "interrupted", interrupted)
    TrainingJobs(surroundings)
    found = surroundings.store.get(KIND, "interrupted")
    assert found["TrainingJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("InternalServerError: the local SageMaker stopped")
