"""What a watch tells of a data folder: events once, progress while it is made, nothing while nothing changes."""

from __future__ import annotations

from contextlib import closing

import pytest

from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.monitor.watch import Watch
from wildsage.local_runner.processes.line_file import LineFile
from wildsage.local_runner.settings import ServerSettings

NOW = 1_700_000_000.0
ARN = "arn:aws:sagemaker:us-east-1:000000000000:{}/{}"


def job(name: str, status: str = "InProgress", **fields) -> dict:
    return {
        "TrainingJobName": name,
        "TrainingJobArn": ARN.format("training-job", name),
        "TrainingJobStatus": status,
        "SecondaryStatus": "Training",
        "CreationTime": NOW,
        **fields,
    }


@pytest.fixture
def settings(tmp_path) -> ServerSettings:
    return ServerSettings(tmp_path)


@pytest.fixture
def store(settings):
    folder = settings.region("us-east-1")
    folder.path.mkdir(parents=True)
    with closing(Store(folder.state)) as store:
        yield store


@pytest.fixture
def watch(settings, store):
    with closing(Overview(settings.data)) as overview:
        yield Watch(overview)


def new_events(watch: Watch) -> list[tuple[str, str, str]]:
    return [(event.what, event.name, event.status) for event in watch.poll().events]


def test_a_job_is_reported_when_it_begins_and_when_it_ends(watch, store):
    assert new_events(watch) == []
    store.insert("training-job", "a", job("a"))
    assert new_events(watch) == [("training job", "a", "InProgress")]
    store.update("training-job", "a", SecondaryStatus="Uploading")
    assert new_events(watch) == []
    store.update(
        "training-job", "a", TrainingJobStatus="Failed", FailureReason="ClientError: x", TrainingEndTime=NOW + 3
    )
    (event,) = watch.poll().events
    assert (event.status, event.reason, event.took_s) == ("Failed", "ClientError: x", 3)
    assert event.record() == {
        "time": "2023-11-14T22:13:23.000+00:00",
        "event": "training job",
        "name": "a",
        "status": "Failed",
        "reason": "ClientError: x",
        "took_s": 3.0,
    }
    assert new_events(watch) == []


def test_only_jobs_that_still_run_give_events(watch, store):
    store.insert("training-job", "old", job("old", "Completed", TrainingEndTime=NOW))
    store.insert("training-job", "running", job("running"))
    assert new_events(watch) == [("training job", "running", "InProgress")]


def test_a_bucket_that_a_caller_missed_is_reported_once(watch, settings):
    missed = LineFile(settings.missed_buckets)
    for bucket in ("sample-data", "sample-data", "other"):
        missed.add(bucket)
    assert new_events(watch) == [("bucket", "sample-data", "Missing"), ("bucket", "other", "Missing")]
    missed.add("other")
    assert new_events(watch) == []


def test_endpoints_come_change_and_go(watch, store):
    watch.poll()
    document = {
        "EndpointName": "e",
        "EndpointArn": ARN.format("endpoint", "e"),
        "EndpointStatus": "Creating",
        "CreationTime": NOW,
    }
    store.insert("endpoint", "e", document)
    assert new_events(watch) == [("endpoint", "e", "Creating")]
    store.update("endpoint", "e", EndpointStatus="InService")
    assert new_events(watch) == [("endpoint", "e", "InService")]
    assert [endpoint.name for endpoint in watch.poll().endpoints] == ["e"]
    store.delete("endpoint", "e")
    assert new_events(watch) == [("endpoint", "e", "Deleted")]


def test_progress_is_that_of_the_slowest_host_as_it_reported_it_last(watch, store, settings):
    store.insert("training-job", "a", job("a"))
    writers = [Logs(settings.region("us-east-1").logs).writer(TRAINING_JOBS, f"a/algo-{host}-170") for host in (1, 2)]
    for percent in (10, 50):
        writers[0](f"#progress_metric: host=algo-1, completed {percent}.0 % of epochs")
    assert watch.poll().progress == {ARN.format("training-job", "a"): 50.0}
    writers[1]("#progress_metric: host=algo-2, completed 30.0 % of epochs")
    writers[1]("#progress_metric: host=algo-2, completed many % of epochs")
    assert watch.poll().progress == {ARN.format("training-job", "a"): 30.0}
    store.update("training-job", "a", TrainingJobStatus="Completed", TrainingEndTime=NOW)
    assert watch.poll().progress == {}
    for writer in writers:
        writer.close()
