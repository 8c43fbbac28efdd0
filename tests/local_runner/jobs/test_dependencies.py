"""Folders of ended jobs go, or are kept."""

from __future__ import annotations

from contextlib import closing

import pytest

from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.jobs.dependencies import JobDependencies
from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.jobs.queue import Queue
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def deps(tmp_path):
    """What jobs work with; `kept` is the folder that is given."""
    store, objects = Store(tmp_path / "state"), ObjectStore(tmp_path / "s3")
    with closing(store), closing(objects):
        shared = (
            store,
            Logs(tmp_path / "logs"),
            objects,
            objects,
            ProcessBackend(("false",)),
            tmp_path / "jobs",
            Queue(1),
        )
        yield lambda kept=None: JobDependencies(*shared, kept)


def test_a_container_has_two_minutes_after_sigterm_as_on_aws(deps):
    assert deps().stop_grace_s == 120 and deps().kept is None


def filled(deps: JobDependencies, text: str):
    folder = deps.folder / "one"
    folder.mkdir(parents=True)
    (folder / text).write_text(text)
    return folder


def test_the_folder_of_an_ended_job_goes(deps):
    one = deps()
    folder = filled(one, "first")
    one.put_away(folder)
    assert not folder.exists()
    one.put_away(folder)  # of a job that had none


def test_a_kept_folder_takes_the_place_of_an_earlier_jobs(deps, tmp_path):
    one = deps(tmp_path / "kept")
    for text in ("first", "second"):
        folder = filled(one, text)
        one.put_away(folder)
        assert not folder.exists()
        assert [path.name for path in (tmp_path / "kept" / "one").iterdir()] == [text]
    one.put_away(folder)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["one"]
