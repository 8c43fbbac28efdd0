"""The runner of jobs, with a kind of job that only waits to be released."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.jobs import lineage, runner
from wildsage.local_runner.jobs.queue import CannotBegin, Queue
from wildsage.local_runner.jobs.runner import JobRun, Jobs, exception_reason
from wildsage.local_runner.jobs.states import INTERRUPTED, JobEnd, JobKind
from wildsage.local_runner.jobs.store import Document, NameTaken, Store
from wildsage.local_runner.s3.errors import S3Error

KIND = JobKind("waiting-job", "WaitingJob", "waiting job")
WITHIN_S = 60


class WaitingRun(JobRun):
    """Ends when `release` is set: as its document says, or Stopped."""

    kind = KIND

    def __init__(self, job: Document, store: Store, queue: Queue) -> None:
        super().__init__(job, store, queue)
        self.release = threading.Event()
        self.cleaned = False

    def execute(self) -> JobEnd:
        self.change(lambda job: job.update(WaitingStartTime=time.time()))
        self.release.wait(WITHIN_S)
        if "Error" in self._job:
            raise RuntimeError(self._job["Error"])
        return JobEnd("Stopped" if self._stopping.is_set() else "Completed")

    def interrupt(self) -> None:
        self.release.set()

    def results(self) -> Document:
        return {"Result": 42}

    def clean_up(self) -> None:
        self.cleaned = True

    @property
    def may_wait_s(self) -> float:
        return self._job.get("MayWait", float("inf"))


class WaitingJobs(Jobs):
    kind = KIND

    def __init__(self, store: Store, queue: Queue) -> None:
        super().__init__(store, queue)
        self.made: dict[str, WaitingRun] = {}
        self.cleared = False

    def new_run(self, job: Document) -> WaitingRun:
        run = self.made[job["WaitingJobName"]] = WaitingRun(job, self._store, self._queue)
        return run

    def clear_leftovers(self) -> None:
        self.cleared = True


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "state")


@pytest.fixture
def jobs(store) -> WaitingJobs:
    return WaitingJobs(store, Queue(1))


def job(name: str, **fields: object) -> Document:
    return {"WaitingJobName": name, "CreationTime": time.time(), **fields}


def found(store: Store, name: str) -> Document:
    return store.get(KIND.name, name)


def finish(jobs: WaitingJobs, name: str) -> None:
    jobs.made[name].release.set()
    jobs.wait(name, WITHIN_S)


def test_a_job_runs_to_its_end(jobs, store):
    jobs.start(job("a"))
    assert found(store, "a")["WaitingJobStatus"] == "InProgress"
    finish(jobs, "a")
    ended = found(store, "a")
    assert (ended["WaitingJobStatus"], ended["Result"]) == ("Completed", 42)
    assert ended["WaitingEndTime"] == ended["LastModifiedTime"] >= ended["WaitingStartTime"]
    assert jobs.made["a"].cleaned


def test_a_name_is_taken_once(jobs, store):
    jobs.start(job("a"))
    with pytest.raises(NameTaken):
        jobs.start(job("A"))
    finish(jobs, "a")


def test_an_exception_fails_the_job_with_its_reason_and_the_next_one_begins(jobs, store, caplog):
    jobs.start(job("a", Error="no idea"))
    jobs.start(job("b"))
    finish(jobs, "a")
    assert found(store, "a")["WaitingJobStatus"] == "Failed"
    assert found(store, "a")["FailureReason"].startswith("InternalServerError: RuntimeError: no idea")
    assert "waiting job a" in caplog.text
    finish(jobs, "b")
    assert found(store, "b")["WaitingJobStatus"] == "Completed"


def test_a_stop_at_the_moment_of_creation_is_obeyed(tmp_path):
    """Who learns of the job from the store may stop it at once."""

    class Watched(Store):
        def insert(self, kind: str, name: str, document: Document) -> None:
            super().insert(kind, name, document)
            if kind == KIND.name:
                stopping.start()
                stopping.join(0.1)

    store = Watched(tmp_path / "watched")
    jobs = WaitingJobs(store, Queue(1))
    stopping = threading.Thread(target=jobs.stop, args=["a"])
    jobs.start(job("a"))
    stopping.join(WITHIN_S)
    jobs.wait("a", WITHIN_S)
    assert found(store, "a")["WaitingJobStatus"] == "Stopped"


def test_a_running_job_stops(jobs, store):
    jobs.start(job("a"))
    jobs.stop("a")
    jobs.wait("a", WITHIN_S)
    assert found(store, "a")["WaitingJobStatus"] == "Stopped"


def test_a_waiting_job_holds_no_thread_and_stops_at_once(jobs, store):
    jobs.start(job("a"))
    threads = set(threading.enumerate())
    for name in ("b", "c", "d"):
        jobs.start(job(name))
    assert set(threading.enumerate()) <= threads  # of which some, of other tests, may end meanwhile
    jobs.stop("c")
    assert found(store, "c")["WaitingJobStatus"] == "Stopped"
    assert "WaitingStartTime" not in found(store, "c")
    for name in ("a", "b", "d"):
        finish(jobs, name)
        assert found(store, name)["WaitingJobStatus"] == "Completed"


def test_a_job_waits_no_longer_than_it_may(jobs, store):
    jobs.start(job("a"))
    jobs.start(job("b", MayWait=0.05))
    jobs.wait("b", WITHIN_S)
    assert found(store, "b")["WaitingJobStatus"] == "Stopped"
    finish(jobs, "a")
    assert found(store, "a")["WaitingJobStatus"] == "Completed"


def test_the_limit_of_the_wait_holds_no_thread_once_the_job_has_begun(jobs, store):
    threads = set(threading.enumerate())
    jobs.start(job("a", MayWait=3_600.0))
    jobs.start(job("b", MayWait=3_600.0))
    for name in ("a", "b"):
        finish(jobs, name)
        assert found(store, name)["WaitingJobStatus"] == "Completed"
    deadline = time.monotonic() + WITHIN_S
    while not set(threading.enumerate()) <= threads:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stop_after_the_end_changes_nothing(jobs, store):
    jobs.start(job("a"))
    finish(jobs, "a")
    before = found(store, "a")
    jobs.stop("a")
    jobs.stop("never")
    assert found(store, "a") == before


def test_a_closed_server_leaves_the_states_and_the_next_one_goes_on_from_them(jobs, store):
    """What ran has failed, what was stopping has stopped, what waited runs; ended jobs are left alone."""
    jobs.start(job("ended"))
    finish(jobs, "ended")
    jobs.start(job("running"))
    while "WaitingStartTime" not in found(store, "running"):
        time.sleep(0.005)
    jobs.start(job("waiting"))
    jobs.close()
    assert found(store, "running")["WaitingJobStatus"] == "InProgress"
    assert found(store, "waiting")["WaitingJobStatus"] == "InProgress"
    assert not jobs.made["waiting"].has_ended
    store.insert(KIND.name, "stopping", job("stopping", WaitingJobStatus="Stopping"))

    next_jobs = WaitingJobs(store, Queue(1))
    next_jobs.restore()
    assert list(next_jobs.made) == ["waiting"] and next_jobs.cleared
    finish(next_jobs, "waiting")
    statuses = {one["WaitingJobName"]: one["WaitingJobStatus"] for one in store.all(KIND.name)}
    assert statuses == {"ended": "Completed", "running": "Failed", "waiting": "Completed", "stopping": "Stopped"}
    assert found(store, "running")["FailureReason"] == INTERRUPTED


def test_a_job_that_cannot_begin_leaves_nothing_behind(jobs, store, monkeypatch):
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(CannotBegin):
            jobs.start(job("a"))
    assert store.all(KIND.name) == [] and jobs._find("a") is None
    jobs.start(job("a"))
    finish(jobs, "a")
    assert found(store, "a")["WaitingJobStatus"] == "Completed"


def test_a_job_that_cannot_resume_has_failed_and_says_why(store, monkeypatch):
    store.insert(KIND.name, "a", job("a", WaitingJobStatus="InProgress"))

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        WaitingJobs(store, Queue(1)).restore()
    assert found(store, "a")["FailureReason"].startswith("InternalServerError: No thread could be started")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InputError("no bucket"), "ClientError: no bucket"),
        (UserError("row 7"), "ClientError: row 7"),
        (PlatformError("no engine"), "InternalServerError: no engine"),
        (S3Error("NoSuchKey", "It is gone."), "ClientError: It is gone."),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "InternalServerError: No space left on device: folder. Remove something there or elsewhere on its disk, then try again.",
        ),
        (OSError(errno.EIO, "I/O"), "InternalServerError: OSError: [Errno 5] I/O (the server's log has the traceback)"),
        (KeyError("x"), "InternalServerError: KeyError: 'x' (the server's log has the traceback)"),
    ],
)
def test_a_reason_names_who_can_help(error, reason):
    assert exception_reason(error, "job", Path("folder")) == reason


class StubbornRun(WaitingRun):
    """Does not end because it is asked to."""

    def interrupt(self) -> None:
        pass


def test_a_server_closes_in_time_whatever_its_jobs_do(store, monkeypatch):
    monkeypatch.setattr(runner, "CLOSE_WITHIN_S", 0.05)
    monkeypatch.setattr(WaitingJobs, "new_run", lambda jobs, job: StubbornRun(job, jobs._store, jobs._queue))
    jobs = WaitingJobs(store, Queue(2))
    for name in "abc":
        jobs.start(job(name))
    jobs.close()
    runs = [jobs._runs[name] for name in "abc"]
    assert not any(run.has_ended for run in runs)
    begun_s = time.monotonic()
    runs[2].join(WITHIN_S)
    assert time.monotonic() - begun_s < WITHIN_S, "it has not begun, so that nobody waits for its end"
    for run in runs:
        run.release.set()


def test_runs_that_have_ended_are_forgotten_when_their_number_has_doubled(store, monkeypatch):
    monkeypatch.setattr(runner, "FORGET_FROM", 2)
    jobs, held = WaitingJobs(store, Queue(4)), []
    for number in range(3):
        jobs.start(job(f"running-{number}"))
    for number in range(9):
        jobs.start(job(f"ended-{number}"))
        held.append(len(jobs._runs))
        finish(jobs, f"ended-{number}")
    assert held == [4, 5, 6, 4, 5, 6, 7, 8, 4]
    for number in range(3):
        finish(jobs, f"running-{number}")


def test_a_job_says_that_it_waits_until_it_begins(jobs, store):
    jobs.start(job("a"))
    jobs.start(job("b"))
    assert "Waits" not in found(store, "a") and found(store, "b")["Waits"] is True
    finish(jobs, "a")
    while "WaitingStartTime" not in found(store, "b"):
        time.sleep(0.002)
    assert "Waits" not in found(store, "b")
    finish(jobs, "b")


def test_a_job_is_asked_to_stop_once_however_often_it_is_stopped(store, monkeypatch):
    monkeypatch.setattr(WaitingJobs, "new_run", lambda jobs, job: StubbornRun(job, jobs._store, jobs._queue))
    jobs = WaitingJobs(store, Queue(1))
    jobs.start(job("a"))
    jobs.stop("a")
    stopping = found(store, "a")
    assert stopping["WaitingJobStatus"] == "Stopping"
    jobs.stop("a")
    assert found(store, "a") == stopping
    jobs._runs["a"].release.set()
    jobs.wait("a", WITHIN_S)
    assert found(store, "a")["WaitingJobStatus"] == "Stopped"


def test_jobs_that_waited_go_on_in_the_order_of_their_creation(store):
    for name, created in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        store.insert(
            KIND.name, name, {"WaitingJobName": name, "WaitingJobStatus": "InProgress", "CreationTime": created}
        )
    jobs = WaitingJobs(store, Queue(1))
    jobs.restore()
    assert list(jobs.made) == ["a", "b", "c"]
    for name in "abc":
        finish(jobs, name)
        assert found(store, name)["WaitingJobStatus"] == "Completed"


def test_a_thread_that_runs_a_job_has_its_name(jobs):
    jobs.start(job("a"))
    while not jobs.made["a"]._has_begun:
        time.sleep(0.002)
    deadline = time.monotonic() + WITHIN_S
    while "a" not in {thread.name for thread in threading.enumerate()}:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    finish(jobs, "a")


def test_a_wait_returns_in_its_time_and_at_once_for_a_job_that_nobody_knows(jobs):
    jobs.start(job("a"))
    begun = time.monotonic()
    jobs.wait("a", 0.05)
    assert time.monotonic() - begun >= 0.05 and not jobs.made["a"].has_ended
    jobs.wait("never", WITHIN_S)
    finish(jobs, "a")


def test_what_a_kind_of_job_leaves_out_has_no_effect(store):
    class PlainRun(JobRun):
        kind = KIND

        def execute(self) -> JobEnd:
            return JobEnd("Completed")

    run = PlainRun({**job("a"), "WaitingJobStatus": "InProgress"}, store, Queue(1))
    run.interrupt()
    run.clean_up()
    assert (run.results(), run.metric_summaries(), run.may_wait_s) == ({}, [], float("inf"))
    assert run.end_before_begin() == JobEnd("Stopped") and not run.has_ended and not run._stopping.is_set()
    assert PlainRun({**job("a"), "WaitingJobStatus": "Stopping"}, store, Queue(1))._stopping.is_set()


ARN = "arn:aws:sagemaker:us-east-1:000000000000:waiting-job/a"


@pytest.fixture
def traced(store, monkeypatch):
    """The status that the trial component of job `a` shows, of a kind of job that AWS traces; None without a component."""
    trace = lineage.Trace("SageMakerWaitingJob", lambda job: {}, lambda job: [], lambda job: [])
    monkeypatch.setitem(lineage.TRACES, KIND.stem, trace)

    def status() -> str | None:
        components = store.all(lineage.COMPONENT.name)
        return components[0]["Status"]["PrimaryStatus"] if components else None

    return status


def test_a_trial_component_shows_the_states_of_its_job(jobs, store, traced):
    jobs.start(job("a", WaitingJobArn=ARN))
    assert traced() == "InProgress"
    finish(jobs, "a")
    assert traced() == "Completed"


def test_a_trial_component_shows_the_end_of_a_job_before_the_job_does(jobs, store, traced, monkeypatch):
    """Who waits for the end of a job may ask for what it produced at once."""
    seen, change = [], store.change

    def look(kind: str, name: str, edit: object) -> Document:
        if kind == KIND.name:
            seen.append((found(store, "a")["WaitingJobStatus"], traced()))
        return change(kind, name, edit)

    jobs.start(job("a", WaitingJobArn=ARN))
    while "WaitingStartTime" not in found(store, "a"):
        time.sleep(0.002)
    monkeypatch.setattr(store, "change", look)
    finish(jobs, "a")
    assert seen == [("InProgress", "Completed")]


def test_a_trial_component_is_left_by_a_server_that_closes_and_ended_by_the_next(jobs, store, traced, monkeypatch):
    monkeypatch.setattr(runner, "CLOSE_WITHIN_S", WITHIN_S)
    jobs.start(job("a", WaitingJobArn=ARN))
    while "WaitingStartTime" not in found(store, "a"):
        time.sleep(0.002)
    jobs.close()
    assert jobs.made["a"].has_ended and traced() == "InProgress"
    WaitingJobs(store, Queue(1)).restore()
    assert traced() == "Failed"


def test_a_job_that_cannot_begin_leaves_no_trial_component(jobs, store, traced, monkeypatch):
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(CannotBegin):
        jobs.start(job("a", WaitingJobArn=ARN))
    assert traced() is None


def test_metrics_of_a_job_that_has_ended_are_those_of_its_trial_component(jobs, store, traced, monkeypatch):
    monkeypatch.setattr(WaitingRun, "metric_summaries", lambda run: [{"MetricName": "loss"}])
    jobs.start(job("a", WaitingJobArn=ARN))
    finish(jobs, "a")
    (component,) = store.all(lineage.COMPONENT.name)
    assert component["Metrics"] == [{"MetricName": "loss", "SourceArn": ARN}]
