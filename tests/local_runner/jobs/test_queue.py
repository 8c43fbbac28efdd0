"""Jobs begin in the order in which they came, and no more at a time than the limit."""

import threading
from functools import partial

from wildsage.local_runner.jobs.queue import Queue, default_limit

WITHIN_S = 20


def test_all_jobs_begin_and_never_more_than_the_limit_run_at_once():
    queue, lock, running, most, ended = Queue(3), threading.Lock(), [0], [0], threading.Semaphore(0)

    def job() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.005)
        with lock:
            running[0] -= 1
        queue.leave()
        ended.release()

    for _ in range(24):
        queue.enter(lambda: threading.Thread(target=job).start())
    for _ in range(24):
        assert ended.acquire(timeout=WITHIN_S)
    assert (running[0], most[0]) == (0, 3)
    assert not queue.is_full


def test_jobs_begin_in_their_order_and_one_that_was_removed_never():
    queue, begun = Queue(1), []
    jobs = {name: partial(begun.append, name) for name in ("first", "second", "removed", "third")}
    for begin in jobs.values():
        queue.enter(begin)
    assert queue.is_full
    assert begun == ["first"]
    assert queue.remove(jobs["removed"])
    queue.leave()
    assert begun == ["first", "second"]
    queue.leave()
    assert begun == ["first", "second", "third"]


def test_a_job_that_does_not_wait_cannot_be_removed():
    queue = Queue(1)
    begin = partial(list)
    queue.enter(begin)
    assert not queue.remove(begin)


def test_a_closed_queue_begins_nothing():
    queue, begun = Queue(1), []
    queue.enter(partial(begun.append, "running"))
    queue.enter(partial(begun.append, "waiting"))
    queue.close()
    queue.leave()
    assert begun == ["running"]


def test_one_job_runs_on_the_smallest_machine():
    assert default_limit() >= 1
