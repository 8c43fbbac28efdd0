"""Numbers of the invocations of the last minutes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from wildsage.local_runner.jobs.hosting import invocations
from wildsage.local_runner.jobs.hosting.invocations import Invocation, InvocationSummary, InvocationTimes, percentile


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time that invocations are measured with; its only entry is now."""
    now = [0.0]
    monkeypatch.setattr(invocations, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def take(times: InvocationTimes, clock: list[float], seconds: float, variant: str = "v") -> None:
    with times.measured("endpoint", variant):
        clock[0] += seconds


def test_times_and_failures_are_counted_by_variant(clock):
    times = InvocationTimes()
    for seconds in range(1, 101):
        take(times, clock, seconds)
    with pytest.raises(ValueError), times.measured("endpoint", "other"):
        raise ValueError
    assert times.summary("endpoint", "v", 1e9) == InvocationSummary(100, 0, 50.0, 99.0)
    assert times.summary("endpoint", "other", 1e9) == InvocationSummary(1, 1, 0.0, 0.0)
    assert times.summary("elsewhere", "v", 1e9) == InvocationSummary(0, 0, None, None)


def test_only_those_in_the_window_count(clock):
    times = InvocationTimes()
    take(times, clock, 1)
    clock[0] += 400
    take(times, clock, 2)
    assert times.summary("endpoint", "v", 300) == InvocationSummary(1, 0, 2.0, 2.0)
    assert times.summary("endpoint", "v", 401.5).count == 1 and times.summary("endpoint", "v", 402).count == 2
    assert times.summary("endpoint", "v", 0).count == 1, "it has ended just now"


def test_a_bounded_number_is_kept_and_none_of_a_deleted_endpoint(clock):
    times = InvocationTimes()
    for _ in range(invocations.MOST_KEPT + 10):
        take(times, clock, 1)
    assert times.summary("endpoint", "v", 1e9).count == invocations.MOST_KEPT
    times.forget("endpoint")
    assert times.summary("endpoint", "v", 1e9).count == 0


def test_percentiles_are_values_that_occurred():
    assert (percentile([7.0], 50), percentile([7.0], 99), percentile([], 50)) == (7.0, 7.0, None)
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    many = [float(one) for one in range(1, 1_001)]
    assert (percentile(many, 50), percentile(many, 99), percentile(many[:-1], 99)) == (500.0, 990.0, 990.0)


@pytest.mark.parametrize(
    "act",
    [
        lambda times: times.summary("endpoint", "v", 1e9),
        lambda times: times.forget("endpoint"),
        lambda times: times._note("endpoint", "v", Invocation(1.0, 1.0, False)),
    ],
)
def test_threads_wait_for_each_other(clock, act: Callable[[InvocationTimes], object]):
    """One that reads a list while another appends to it would fail."""
    times = InvocationTimes()
    thread = threading.Thread(target=act, args=(times,))
    with times._lock:
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
    thread.join()
