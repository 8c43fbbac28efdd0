"""What a data folder says of its jobs, endpoints and logs, read beside the server that writes it."""

from __future__ import annotations

import sqlite3

import pytest

from tests.local_runner.monitor.documents import NOW, arn, insert
from wildsage.local_runner.jobs.logs import ENDPOINTS, PROCESSING_JOBS, TRAINING_JOBS, TRANSFORM_JOBS, Logs
from wildsage.local_runner.monitor.overview import KINDS, Overview
from wildsage.local_runner.processes.line_file import LineFile


def test_a_folder_on_which_no_server_ever_ran_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="regions"):
        Overview(tmp_path)


def test_jobs_of_all_kinds_and_regions_come_the_newest_first(store, stores, overview):
    for number, kind in enumerate(KINDS):
        insert(store, kind.kind, f"job-{number}", CreationTime=NOW + number)
    insert(stores("eu-west-1"), "training-job", "newest", region="eu-west-1", CreationTime=NOW + 9)
    jobs = overview.jobs()
    assert [job.name for job in jobs] == ["newest", "job-3", "job-2", "job-1", "job-0"]
    assert [job.kind.word for job in jobs] == ["training", "tuning", "processing", "transform", "training"]
    assert [job.region for job in jobs] == ["eu-west-1"] + ["us-east-1"] * 4


@pytest.mark.parametrize(
    ("status", "runs"),
    [("InProgress", True), ("Stopping", True), ("Completed", False), ("Failed", False), ("Stopped", False)],
)
def test_a_job_runs_until_it_has_ended(store, overview, status, runs):
    insert(store, "transform-job", "a", status)
    (job,) = overview.jobs()
    assert (job.is_running, job.status, job.phase) == (runs, status, status)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_a_summary_has_what_the_document_says(store, overview, kind):
    said = {"FailureReason": "ClientError: x", "TuningJobArn": "arn:tuner", "SecondaryStatus": "Uploading"}
    insert(store, kind.kind, "a", "Failed", **said, **{kind.end_field: NOW + 3})
    (job,) = overview.jobs()
    assert (job.arn, job.created, job.ended) == (arn(kind.kind, "a"), NOW, NOW + 3)
    assert (job.reason, job.tuned_by, job.phase) == ("ClientError: x", "arn:tuner", "Uploading")
    insert(store, kind.kind, "b", CreationTime=NOW + 1)
    job = overview.jobs()[0]
    assert (job.name, job.ended, job.reason, job.tuned_by, job.waits) == ("b", None, "", "", False)


@pytest.mark.parametrize(
    ("fields", "waits"),
    [({"SecondaryStatus": "Pending"}, True), ({"Waits": True}, True), ({"SecondaryStatus": "Training"}, False)],
)
def test_a_job_waits_if_it_says_so_or_if_aws_would(store, overview, fields, waits):
    insert(store, "training-job", "a", **fields)
    assert overview.jobs()[0].waits is waits


def test_a_job_has_a_tuner_while_that_runs(store, overview):
    kind = "hyper-parameter-tuning-job"
    tuner = insert(store, kind, "search")
    insert(store, kind, "other")
    insert(store, "training-job", "tried", TuningJobArn=tuner)
    insert(store, "training-job", "alone")
    jobs = {job.name: job for job in overview.jobs()}
    assert overview.tuner(jobs["tried"]) == jobs["search"] and overview.tuner(jobs["alone"]) is None
    store.update(kind, "search", HyperParameterTuningJobStatus="Completed")
    assert overview.tuner(jobs["tried"]) is None


def test_endpoints_are_sorted_by_name_and_name_their_variants(store, stores, overview):
    deployment = {"Variants": [{"VariantName": "one"}, {"VariantName": "two"}]}
    insert(store, "endpoint", "b", "InService", Deployment=deployment)
    insert(stores("eu-west-1"), "endpoint", "a", "Failed", region="eu-west-1", FailureReason="no")
    first, second = overview.endpoints()
    assert (first.name, first.region, first.status, first.reason, list(first.variants)) == (
        "a",
        "eu-west-1",
        "Failed",
        "no",
        [],
    )
    assert (second.name, second.variants, second.reason, second.created) == ("b", ["one", "two"], "", NOW)
    assert second.arn == arn("endpoint", "b")


def test_the_version_changes_with_each_change_and_with_each_new_region(store, stores, overview):
    before = overview.version()
    assert overview.version() == before
    insert(store, "training-job", "a")
    changed = overview.version()
    assert changed != before
    stores("eu-west-1")
    assert overview.version() not in (before, changed)


def test_a_closed_overview_has_no_file_open(store, settings):
    overview = Overview(settings.data)
    assert overview.jobs() == []
    overview.close()
    with pytest.raises(sqlite3.ProgrammingError):
        overview.jobs()


def test_what_callers_missed_is_told_from_now_on(settings, overview):
    for path, reader in (
        (settings.missed_buckets, overview.missed_buckets),
        (settings.foreign_images, overview.foreign_images),
    ):
        lines = LineFile(path)
        lines.add("before")
        follows = reader()
        lines.add("after")
        assert follows.new() == ["after"]


def write(settings, group: str, stream: str, *lines: str, region: str = "us-east-1") -> None:
    writer = Logs(settings.region(region).logs).writer(group, stream)
    for line in lines:
        writer(line)
    writer.close()


def followed(overview: Overview, name: str, region: str | None = None) -> list[str]:
    return [line.event.message for line in overview.follow(name, region).read()]


def test_a_name_has_the_streams_of_its_jobs_and_of_its_endpoint_and_no_others(settings, overview):
    for group in (TRAINING_JOBS, TRANSFORM_JOBS, PROCESSING_JOBS):
        write(settings, group, "a/algo-1", group)
        write(settings, group, "a-2/algo-1", "of another job")
    write(settings, f"{ENDPOINTS}/a", "one/i-1", "endpoint")
    write(settings, f"{ENDPOINTS}/b", "a/i-1", "of another endpoint")
    write(settings, "/aws/lambda/of-others", "a/i-1", "of another service")
    assert sorted(followed(overview, "a")) == sorted([TRAINING_JOBS, TRANSFORM_JOBS, PROCESSING_JOBS, "endpoint"])


def test_a_name_is_followed_in_one_region_or_in_all_that_are_used(settings, stores, overview):
    stores("eu-west-1")
    for region in ("us-east-1", "eu-west-1"):
        write(settings, TRAINING_JOBS, "a/algo-1", region, region=region)
    assert sorted(followed(overview, "a")) == ["eu-west-1", "us-east-1"]
    assert followed(overview, "a", "eu-west-1") == ["eu-west-1"]
    assert followed(overview, "a", "ap-south-1") == []


def test_lines_of_all_streams_come_in_the_order_of_their_times_and_once(settings, overview, monkeypatch):
    times = iter([3_000, 1_000, 2_000])
    monkeypatch.setattr("time.time_ns", lambda: next(times, 4_000) * 1_000_000)
    write(settings, TRAINING_JOBS, "a/algo-1", "third")
    write(settings, TRAINING_JOBS, "a/algo-2", "first", "second")
    tail = overview.follow("a")
    lines = tail.read()
    assert [(line.stream, line.event.message) for line in lines] == [
        ("a/algo-2", "first"),
        ("a/algo-2", "second"),
        ("a/algo-1", "third"),
    ]
    assert tail.read() == []
    write(settings, TRAINING_JOBS, "a/algo-1", "fourth")
    assert [line.event.message for line in tail.read()] == ["fourth"]


def test_progress_is_that_of_the_slowest_host(settings, overview):
    tail = overview.follow("a")
    assert tail.progress() is None
    for host, percent in (("algo-1", 50.0), ("algo-2", 30.0), ("algo-1", 60.0)):
        write(settings, TRAINING_JOBS, f"a/{host}", f"#progress_metric: host={host}, completed {percent} % of epochs")
    assert tail.progress() == 30.0
    write(settings, TRAINING_JOBS, "a/algo-2", "#progress_metric: host=algo-2, completed many % of epochs", "a line")
    assert tail.progress() == 30.0
    write(settings, TRAINING_JOBS, "a/algo-2", "#progress_metric: host=algo-2, completed 100.0 % of epochs")
    assert tail.progress() == 60.0
