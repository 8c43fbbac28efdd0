"""Turns are given in the order of coming, and no more at a time than the limit."""

import threading

from wildsage.local_runner.jobs.queue import Queue, default_limit

WITHIN_S = 20


def never() -> bool:
    return False


def test_all_get_their_turn_and_never_more_than_the_limit_at_once():
    queue, lock, inside, most = Queue(3), threading.Lock(), [0], [0]

    def job() -> None:
        assert queue.enter(never)
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        threading.Event().wait(0.005)
        with lock:
            inside[0] -= 1
        queue.leave()

    jobs = [threading.Thread(target=job) for _ in range(24)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join(WITHIN_S)
    assert (inside[0], most[0]) == (0, 3)
    assert not queue.is_full


def waiting(queue: Queue, name: str, turns: list[str], called_off=never) -> threading.Thread:
    """A thread that notes its name once it has a turn; returns when it waits."""
    before = len(queue._waiting)
    thread = threading.Thread(target=lambda: queue.enter(called_off) and turns.append(name))
    thread.start()
    while len(queue._waiting) == before:
        threading.Event().wait(0.001)
    return thread


def test_who_came_first_goes_first_and_who_is_called_off_never():
    queue, turns, off = Queue(1), [], threading.Event()
    assert queue.enter(never)
    assert queue.is_full
    jobs = [
        waiting(queue, "one", turns),
        waiting(queue, "off", turns, off.is_set),
        waiting(queue, "two", turns),
    ]
    off.set()
    queue.look()
    jobs[1].join(WITHIN_S)
    for job in (jobs[0], jobs[2]):
        queue.leave()
        job.join(WITHIN_S)
    assert turns == ["one", "two"]


def test_one_job_runs_on_the_smallest_machine():
    assert default_limit() >= 1
