"""What can be removed from a data folder: its names, sizes and times, and that nothing else goes with it."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.local_runner.monitor.documents import NOW, arn, insert
from wildsage.containers.contract import layered_environment
from wildsage.local_runner.jobs.logs import ENDPOINTS, TRAINING_JOBS, TRANSFORM_JOBS, Logs
from wildsage.local_runner.jobs.store import TAGS
from wildsage.local_runner.monitor import cleanup
from wildsage.local_runner.monitor.cleanup import Removable, environments, freed_bytes, leftovers, stored_data
from wildsage.local_runner.s3.objects import Attributes
from wildsage.local_runner.s3.store import ObjectStore
from wildsage.local_runner.s3.uploads import Uploads

TUNING = "hyper-parameter-tuning-job"


@pytest.fixture
def folder(settings, store):
    return settings.region("us-east-1")


@pytest.fixture
def found(folder, overview, store):
    """What can be removed, by its group and name."""
    return lambda: {(one.what, one.name): one for one in leftovers(folder, overview, store)}


def write(folder, group: str, stream: str) -> Path:
    writer = Logs(folder.logs).writer(group, stream)
    writer("a line")
    writer.close()
    return folder.logs / quote(group, safe="") / quote(stream, safe="")


def put(path: Path, content: bytes = b"12345", time_s: float = NOW) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time_s, time_s))
    return path


def test_of_an_ended_job_go_its_record_tags_logs_and_kept_folder(folder, store, found):
    for name, status in (("a", "Completed"), ("a-2", "InProgress")):
        own = insert(store, "training-job", name, status)
        store.insert(TAGS, own, {"Tags": []})
        put(folder.kept / name / "algo-1" / "file")
    store.update("training-job", "a", TrainingEndTime=NOW + 7)
    logs = {name: write(folder, TRAINING_JOBS, f"{name}/algo-1") for name in ("a", "a-2")}
    ((key, job),) = found().items()
    assert key == (cleanup.ENDED_JOBS, "a") and job.time_s == NOW + 7
    assert job.size_bytes == 5 + logs["a"].stat().st_size
    job.remove()
    assert found() == {}
    assert [one["TrainingJobName"] for one in store.all("training-job")] == ["a-2"]
    assert list(store.named(TAGS)) == [arn("training-job", "a-2")]
    assert [path.name for path in folder.kept.iterdir()] == ["a-2"] and not logs["a"].exists() and logs["a-2"].exists()
    job.remove()  # a job that was deleted meanwhile


def test_a_job_of_which_nobody_knows_when_it_ended_was_last_used_at_its_creation(store, found):
    insert(store, "transform-job", "a", "Failed")
    (job,) = found().values()
    assert (job.time_s, job.size_bytes) == (NOW, 0)


def test_jobs_of_a_tuning_job_that_runs_stay(store, found):
    tuner = insert(store, TUNING, "search")
    insert(store, "training-job", "tried", "Completed", TuningJobArn=tuner)
    insert(store, "training-job", "alone", "Completed")
    assert {name for _, name in found()} == {"alone"}
    store.update(TUNING, "search", HyperParameterTuningJobStatus="Completed")
    assert {name for _, name in found()} == {"alone", "tried", "search"}


def test_a_region_is_cleaned_without_the_others(settings, stores, folder, store, found):
    other = stores("eu-west-1")
    for kind in ("training-job", "endpoint"):
        insert(other, kind, "elsewhere", "Completed", region="eu-west-1")
    write(folder, TRAINING_JOBS, "elsewhere/algo-1")
    put(folder.endpoints / "elsewhere" / "file")
    assert list(found()) == [(cleanup.ORPHANED_LOGS, "elsewhere/algo-1"), (cleanup.ORPHANED_FOLDERS, "elsewhere")]


def test_logs_and_folders_without_a_job_or_an_endpoint_go(folder, store, found):
    insert(store, "training-job", "job")
    insert(store, "endpoint", "endpoint", "InService")
    for name in ("job", "gone"):
        write(folder, TRANSFORM_JOBS, f"{name}/algo-1")
        put(folder.kept / name / "file")
    for name in ("endpoint", "deleted"):
        write(folder, f"{ENDPOINTS}/{name}", "one/i-1")
        put(folder.endpoints / name / "file")
    expected = {
        (cleanup.ORPHANED_LOGS, "gone/algo-1"),
        (cleanup.ORPHANED_LOGS, f"{ENDPOINTS}/deleted"),
        (cleanup.ORPHANED_FOLDERS, "gone"),
        (cleanup.ORPHANED_FOLDERS, "deleted"),
    }
    assert set(found()) == expected
    for one in found().values():
        one.remove()
    assert found() == {}
    assert len(list(folder.logs.glob("*/*"))) == 2
    assert [path.name for path in (*folder.kept.iterdir(), *folder.endpoints.iterdir())] == ["job", "endpoint"]


def test_a_folder_was_last_used_when_its_newest_file_was_written(folder, found):
    for name, time_s in (("old", NOW), ("new", NOW + 5)):
        put(folder.kept / "gone" / name, time_s=time_s)
    (folder.kept / "empty").mkdir()
    for place, time_s in ((folder.kept / "gone", NOW + 9), (folder.kept / "empty", NOW + 3)):
        os.utime(place, (time_s, time_s))
    assert {name: (one.time_s, one.size_bytes) for (_, name), one in found().items()} == {
        "gone": (NOW + 5, 10),
        "empty": (NOW + 3, 0),
    }


def by_name(found) -> dict[str, Removable]:
    return {one.name: one for one in found}


def test_of_s3_go_unfinished_uploads_what_was_fetched_and_on_request_objects(settings):
    with closing(ObjectStore(settings.objects)) as objects:
        objects.create_bucket("bucket")
        stored = objects.put("bucket", "key", [b"123"])
        upload = Uploads(objects).begin("bucket", "big", Attributes(), None, False)
        put(settings.objects / "uploads" / upload / "1", b"1234")
        assert set(by_name(stored_data(settings, objects, False))) == {"big"}
        put(settings.objects / "public" / "sample" / "file")
        found = by_name(stored_data(settings, objects, True))
        assert {name: (one.what, one.size_bytes) for name, one in found.items()} == {
            "big": (cleanup.UPLOADS, 4),
            "key": (cleanup.OBJECTS, 3),
            "public": (cleanup.PUBLIC, 5),
        }
        assert found["key"].time_s == stored.last_modified.timestamp()
        assert found["big"].time_s == Uploads(objects).list_uploads("bucket")[0].begun.timestamp()
        for one in found.values():
            one.remove()
        assert list(stored_data(settings, objects, True)) == []


def test_environments_were_last_used_when_a_job_completed_one_or_else_made_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert list(environments()) == []
    place = layered_environment.kept()
    complete = put(place / "used" / layered_environment.COMPLETE)
    (place / "begun").mkdir()
    for folder in (place / "used", place / "begun"):
        os.utime(folder, (NOW + 5, NOW + 5))
    put(place / "used.lock")
    found = by_name(environments())
    assert {name: (one.time_s, one.size_bytes) for name, one in found.items()} == {
        "used": (NOW, 5),
        "begun": (NOW + 5, 0),
    }
    found["used"].remove()
    assert not complete.exists() and {path.name for path in place.iterdir()} == {"begun", "used.lock"}


class Vanishing(type(Path())):
    """A folder that somebody removes after it was listed."""

    def is_dir(self) -> bool:
        return True


def test_what_somebody_else_removes_meanwhile_is_passed_over(tmp_path, monkeypatch, folder, found):
    monkeypatch.setattr(cleanup, "_children", lambda place: [Vanishing(tmp_path / "gone")])
    assert list(environments()) == [] and found() == {}


def test_links_free_nothing(tmp_path):
    (tmp_path / "own").write_bytes(b"12345")
    (tmp_path / "one").write_bytes(b"123")
    os.link(tmp_path / "one", tmp_path / "two")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert freed_bytes(tmp_path) == 5
    assert (freed_bytes(tmp_path / "own"), freed_bytes(tmp_path / "two"), freed_bytes(tmp_path / "none")) == (5, 0, 0)
