"""`wildsage clean` of a folder at rest: what goes, what stays, and what is asked before."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time

import pytest

from wildsage.local_runner.commands import tables
from wildsage.local_runner.commands.clean import lock_objects, parse_age
from wildsage.local_runner.jobs.logs import TRANSFORM_JOBS, Logs
from wildsage.local_runner.jobs.store import LAYOUT, Store
from wildsage.local_runner.jobs.transform.job import KIND as TRANSFORM
from wildsage.local_runner.monitor.cleanup import freed_bytes, leftovers
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.server import lock
from wildsage.local_runner.settings import ServerSettings


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1.5h", 5_400), ("7d", 604_800), ("2w", 1_209_600)])
def test_ages(text, seconds):
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["7", "d", "-1d", "7 days", ""])
def test_other_ages_are_wrong_usage(cli, text, tmp_path):
    said = cli("clean", "--older-than", text, "--data", tmp_path)
    assert said.status == 2
    assert "expected a number and one of s, m, h, d, w" in said.err.replace("│ ", "")


def test_jobs_of_a_tuning_job_that_runs_stay(tmp_path):
    folder = ServerSettings(tmp_path).region("us-east-1")
    folder.path.mkdir(parents=True)
    store = Store(folder.state)
    arn = "arn:aws:sagemaker:us-east-1:000000000000:hyper-parameter-tuning-job/tuning"
    tuning = {
        "HyperParameterTuningJobName": "tuning",
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": 1.0,
    }
    store.insert("hyper-parameter-tuning-job", "tuning", tuning)
    for name, tuned_by in (("tried", {"TuningJobArn": arn}), ("alone", {})):
        own = arn.replace("hyper-parameter-tuning-job/tuning", f"training-job/{name}")
        job = {"TrainingJobName": name, "TrainingJobArn": own, "TrainingJobStatus": "Completed", "CreationTime": 2.0}
        store.insert("training-job", name, {**job, "TrainingEndTime": 3.0, **tuned_by})
    with contextlib.closing(store), contextlib.closing(Overview(tmp_path)) as overview:
        assert [each.name for each in leftovers(folder, overview, store)] == ["alone"]
        store.update("hyper-parameter-tuning-job", "tuning", HyperParameterTuningJobStatus="Completed")
        assert {each.name for each in leftovers(folder, overview, store)} == {
            "alone",
            "tried",
            "tuning",
        }


@pytest.mark.parametrize("command", ["jobs", "clean"])
def test_a_data_folder_of_a_later_version_is_named(cli, tmp_path, command):
    folder = ServerSettings(tmp_path).region("us-east-1")
    folder.path.mkdir(parents=True)
    Store(folder.state).close()
    with contextlib.closing(sqlite3.connect(folder.state)) as database:
        database.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    said = cli(command, "--data", tmp_path)
    assert said.status == 1
    assert "was written by a later version of Wildsage" in said.err and "Traceback" not in said.err


def test_links_free_nothing(tmp_path):
    (tmp_path / "own").write_bytes(b"12345")
    (tmp_path / "one").write_bytes(b"123")
    os.link(tmp_path / "one", tmp_path / "two")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert freed_bytes(tmp_path) == 5


def test_environments_of_requirements_go_on_request_by_the_time_of_their_last_use(tmp_path, monkeypatch, cli):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ServerSettings(tmp_path / "aws").region("us-east-1").path.mkdir(parents=True)
    for name, used in (("old", 1_000), ("new", None)):
        place = tmp_path / "cache" / "wildsage" / "environments" / name
        place.mkdir(parents=True)
        (place / "complete").touch()
        (place.with_suffix(".lock")).touch()
        if used:
            os.utime(place / "complete", (used, used))
    command = ("clean", "--data", tmp_path / "aws", "--older-than", "1d", "--yes")
    cli(*command)
    assert place.parent.joinpath("old").exists()
    said = cli(*command, "--environments")
    assert said.status == 0, said.err
    assert {row["what"]: row["count"] for row in said.cells} == {"environments of requirements.txt": "1"}
    assert {one.name for one in place.parent.iterdir()} == {"old.lock", "new.lock", "new"}


NOW = time.time()
DAY_S = 86_400


@pytest.fixture
def at_rest(tmp_path):
    """Two jobs that have ended, ten days and an hour ago, and one that was interrupted, each with a log, and an object."""
    settings = ServerSettings(tmp_path)
    folder = settings.region("us-east-1")
    folder.path.mkdir(parents=True)
    with contextlib.closing(Store(folder.state)) as store:
        for name, status, ended in (
            ("old", "Completed", NOW - 10 * DAY_S),
            ("new", "Failed", NOW - 3_600),
            ("runs", "InProgress", None),
        ):
            arn = f"arn:aws:sagemaker:us-east-1:000000000000:transform-job/{name}"
            job = {"TransformJobName": name, "TransformJobArn": arn, "TransformJobStatus": status, "CreationTime": 1.0}
            store.insert(TRANSFORM.name, name, job | ({"TransformEndTime": ended} if ended else {}))
            logs = Logs(folder.logs).writer(TRANSFORM_JOBS, f"{name}/i-1")
            logs("x" * 985)  # with a time of 13 digits, a tab and a newline 1,000 bytes
            logs.close()
    for kept, size in ((folder.endpoints, 3_000), (folder.jobs, 2_000)):
        (kept / "runs").mkdir(parents=True)
        (kept / "runs" / "file").write_bytes(bytes(size))
    with contextlib.closing(ObjectStore(settings.objects)) as objects:
        objects.create_bucket("bucket")
        objects.put("bucket", "key", [b"x" * 4_000], "text/plain")
    return tmp_path


def jobs_of(data) -> set[str]:
    with contextlib.closing(Overview(data)) as overview:
        return {job.name for job in overview.jobs()}


def streams_of(data) -> list[str]:
    return Logs(ServerSettings(data).region("us-east-1").logs).stream_names(TRANSFORM_JOBS)


def objects_of(data) -> list[str]:
    with contextlib.closing(ObjectStore(ServerSettings(data).objects)) as objects:
        return [one.key for one in objects.list("bucket")]


def test_what_ended_jobs_use_goes_and_the_rest_stays(cli, at_rest):
    said = cli("clean", "--data", at_rest, "--yes")
    assert said.status == 0, said.err
    (row,) = [one for one in said.cells if one["what"].startswith("ended jobs")]
    oldest, newest = tables.format_time(NOW - 10 * DAY_S), tables.format_time(NOW - 3_600)
    assert (row["count"], row["size"], row["last used"]) == ("2", "2.0 kB", f"{oldest} to {newest}")
    assert "Removed 2 items, 2.0 kB." in said.err and "Remove 2 items" not in said.err
    assert (jobs_of(at_rest), streams_of(at_rest), objects_of(at_rest)) == ({"runs"}, ["runs/i-1"], ["key"])


def test_the_sizes_of_what_stays_are_said(cli, at_rest):
    said = cli("clean", "--data", at_rest, "--yes")
    sizes = re.search(r"in total; objects (\S+ \S+), endpoints (\S+ \S+), running jobs (\S+ \S+)\.", said.err)
    assert sizes and sizes.groups()[1:] == ("3.0 kB", "2.0 kB")
    assert freed_bytes(ServerSettings(at_rest).objects) >= 4_000


@pytest.mark.parametrize(("age", "left"), [("7d", {"new", "runs"}), ("11d", {"old", "new", "runs"}), ("30m", {"runs"})])
def test_what_was_used_later_stays(cli, at_rest, age, left):
    said = cli("clean", "--data", at_rest, "--older-than", age, "--yes")
    assert (said.status, jobs_of(at_rest)) == (0, left)
    assert ("Nothing to remove." in said.err) == (len(left) == 3)
    assert ("Removed" in said.err) == (len(left) < 3)


@pytest.mark.parametrize(("answer", "status", "left"), [("y\n", 0, {"runs"}), ("n\n", 1, {"old", "new", "runs"})])
def test_it_asks_first(cli, at_rest, answer, status, left):
    said = cli("clean", "--data", at_rest, stdin=answer)
    assert "Remove 2 items, 2.0 kB?" in said.err
    assert (said.status, jobs_of(at_rest)) == (status, left)


def test_objects_go_where_that_is_asked_for(cli, at_rest):
    said = cli("clean", "--objects", "--data", at_rest, "--yes")
    (row,) = [one for one in said.cells if one["what"] == "objects in S3"]
    assert (row["count"], row["size"]) == ("1", "4.0 kB")
    assert objects_of(at_rest) == []


def test_objects_of_a_server_that_runs_stay(cli, at_rest, monkeypatch):
    monkeypatch.setattr(lock, "running", lambda data: lock.RunningServer("http://127.0.0.1:1", 1))
    said = cli("clean", "--objects", "--data", at_rest, "--yes")
    assert said.status == 1 and "--objects: a server runs at http://127.0.0.1:1 and may use the objects." in said.err
    assert jobs_of(at_rest) == {"old", "new", "runs"}
    assert cli("clean", "--data", at_rest, "--yes").status == 0
    assert (jobs_of(at_rest), objects_of(at_rest)) == ({"runs"}, ["key"])


def test_a_folder_that_a_starting_server_holds_is_left_alone(cli, at_rest):
    with lock.exclusive_use(at_rest):
        said = cli("clean", "--data", at_rest, "--yes")
    assert said.status == 1 and "is in use by a server that is starting or stopping" in said.err
    assert jobs_of(at_rest) == {"old", "new", "runs"}


def test_no_server_starts_while_it_cleans(at_rest):
    with lock_objects(ServerSettings(at_rest), False) as objects:
        assert objects is not None
        with pytest.raises(lock.InUse), lock.exclusive_use(at_rest):
            pass
    with lock.exclusive_use(at_rest):
        pass
