"""Jobs begin in the order in which they came, and no more at a time than the limit."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import pytest

from wildsage.local_runner.jobs.queue import CannotBegin, Queue, default_limit

WITHIN_S = 240


def test_all_jobs_run_and_never_more_than_the_limit_at_once():
    queue, lock, running, most, ended = Queue(3), threading.Lock(), [0], [0], threading.Semaphore(0)
    meet = threading.Barrier(3)

    def job() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        meet.wait(WITHIN_S)
        threading.Event().wait(0.005)
        with lock:
            running[0] -= 1
        ended.release()

    for _ in range(24):
        queue.enter(job)
    for _ in range(24):
        assert ended.acquire(timeout=WITHIN_S)
    assert (running[0], most[0]) == (0, 3)
    until(lambda: not queue.is_full)


class Held:
    """A job that notes its name and runs until it is released."""

    def __init__(self, name: str, begun: list[str]) -> None:
        self.name, self.begun = name, begun
        self.released, self.ended = threading.Event(), threading.Event()

    def run(self) -> None:
        self.begun.append(self.name)
        self.released.wait(WITHIN_S)
        self.ended.set()


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.002)
    assert reached()


def test_jobs_run_in_their_order_and_one_that_was_removed_never():
    queue, begun = Queue(1), []
    jobs = {name: Held(name, begun) for name in ("first", "second", "removed", "third")}
    for job in jobs.values():
        queue.enter(job.run)
    assert queue.is_full
    assert queue.remove(jobs["removed"].run)
    for place, name in enumerate(("first", "second", "third"), start=1):
        until(lambda count=place: len(begun) == count)
        assert begun[-1] == name
        jobs[name].released.set()
    until(lambda: not queue.is_full)


def test_a_queue_is_full_when_a_job_that_comes_has_to_wait():
    queue, job = Queue(2), Held("a", [])
    assert (queue.limit, queue.running, queue.waiting, queue.is_full) == (2, 0, 0, False)
    for running, waiting, full in ((1, 0, False), (2, 0, True), (2, 1, True)):
        queue.enter(job.run)
        assert (queue.running, queue.waiting, queue.is_full) == (running, waiting, full)
    job.released.set()
    until(lambda: not queue.running)


def test_a_job_that_does_not_wait_cannot_be_removed():
    queue, job = Queue(1), Held("a", [])
    queue.enter(job.run)
    assert not queue.remove(job.run)
    job.released.set()


def test_a_closed_queue_begins_nothing():
    queue, begun = Queue(1), []
    running, waiting = Held("running", begun), Held("waiting", begun)
    queue.enter(running.run)
    queue.enter(waiting.run)
    queue.close()
    running.released.set()
    until(lambda: running.ended.is_set() and not queue.running)
    assert begun == ["running"] and not waiting.ended.is_set()


def test_two_thousand_waiting_jobs_hold_one_thread_for_all_their_limits_and_each_expires():
    queue, job, expired = Queue(1), Held("running", []), []
    queue.enter(job.run)
    threads = threading.active_count()
    for number in range(2_000):
        queue.enter(list, partial(expired.append, number), within_s=3_600)
    assert threading.active_count() <= threads + 1
    queue.enter(list, partial(expired.append, "soon"), within_s=0.01)
    until(lambda: expired == ["soon"])
    job.released.set()


@contextmanager
def no_more_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As Python says it when the system refuses another thread."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        yield


def test_a_job_for_which_there_is_no_thread_is_forgotten(monkeypatch):
    queue, ran = Queue(2), threading.Event()
    with no_more_threads(monkeypatch), pytest.raises(CannotBegin, match="No thread could be started"):
        queue.enter(list)
    assert not queue.remove(list)
    queue.enter(ran.set)
    assert ran.wait(WITHIN_S)


def test_a_running_jobs_thread_takes_the_jobs_for_which_there_was_none(monkeypatch):
    queue, begun = Queue(3), []
    jobs = [Held(name, begun) for name in "abc"]
    queue.enter(jobs[0].run)
    with no_more_threads(monkeypatch):
        queue.enter(jobs[1].run)
        queue.enter(jobs[2].run)
        until(lambda: begun == ["a"])
        jobs[0].released.set()
        until(lambda: begun == ["a", "b"])
    for job in jobs:
        job.released.set()
    until(lambda: begun == ["a", "b", "c"])


def test_jobs_for_which_there_was_no_thread_begin_in_their_order_when_there_are_some_again(monkeypatch):
    queue, begun = Queue(4), []
    jobs = [Held(name, begun) for name in "abcd"]
    queue.enter(jobs[0].run)
    with no_more_threads(monkeypatch):
        for job in jobs[1:3]:
            queue.enter(job.run)
    queue.enter(jobs[3].run)
    until(lambda: len(begun) == 4)
    assert sorted(begun) == ["a", "b", "c", "d"] and (queue.running, queue.waiting) == (4, 0)
    for job in jobs:
        job.released.set()


def test_the_only_job_that_waits_expires_and_never_runs():
    queue, job, expired = Queue(1), Held("running", []), threading.Event()
    waiting = Held("waiting", job.begun)
    queue.enter(job.run)
    queue.enter(waiting.run, expired.set, within_s=0.01)
    assert expired.wait(WITHIN_S)
    job.released.set()
    until(lambda: not queue.running)
    assert job.begun == ["running"] and queue.waiting == 0


def test_a_job_that_cannot_be_watched_waits_and_the_next_one_is_watched(monkeypatch):
    queue, job, expired = Queue(1), Held("running", []), []
    queue.enter(job.run)
    with no_more_threads(monkeypatch):
        queue.enter(list, partial(expired.append, "first"), within_s=0.001)
    queue.enter(dict, partial(expired.append, "second"), within_s=0.001)
    until(lambda: sorted(expired) == ["first", "second"])
    job.released.set()


def watching() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "limits of waiting"}


def test_the_thread_that_watches_over_limits_ends_with_the_last_of_them():
    queue, job, of_others, expired = Queue(1), Held("running", []), watching(), []
    queue.enter(job.run)
    queue.enter(list, within_s=3_600)
    queue.enter(dict)
    queue.enter(set, partial(expired.append, "soon"), within_s=0.001)
    (ours,) = watching() - of_others
    until(lambda: expired == ["soon"])
    until(lambda: queue._wakes_at > time.monotonic())  # it waits for the next limit, an hour away
    assert queue.remove(list)
    until(lambda: not ours.is_alive())
    assert queue.waiting == 1
    job.released.set()


@pytest.mark.parametrize(
    ("cores", "gib", "limit"), [(4, 8, 4), (4, 7.9, 3), (2, 8, 2), (1, 64, 1), (4, 2, 1), (4, 1, 1), (0, 64, 3)]
)
def test_a_job_has_a_core_and_two_gibibytes_and_one_runs_on_the_smallest_machine(monkeypatch, cores, gib, limit):
    """Without a list of cores that this process may use, all count."""
    monkeypatch.setattr("psutil.Process.cpu_affinity", lambda process: list(range(cores)) or None, raising=False)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=int(gib * 2**30)))
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert default_limit() == limit
