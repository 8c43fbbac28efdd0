"""Work shared out among cores."""

import multiprocessing
import os
from threading import Barrier

import pytest
import torch

from wildsage.algorithms.base import parallel

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_parts_are_the_rows_in_order_on_one_core_each(two_threads):
    seen = parallel.over_rows(5, parallel.ENTRIES_LOW, CPU, lambda rows: (rows, torch.get_num_threads()))
    assert seen == [(slice(0, 2), 1), (slice(2, 5), 1)]
    assert torch.get_num_threads() == 2


def test_parts_of_the_caller_are_on_one_core_each_and_their_results_in_order(two_threads):
    both = Barrier(2)

    def part(name: str) -> tuple[str, int]:
        both.wait(240)  # each part waits for the other, so they run at the same time
        return name, torch.get_num_threads()

    assert parallel.over_parts(["a", "b"], parallel.ENTRIES_LOW, CPU, part) == [("a", 1), ("b", 1)]
    assert parallel.over_parts("abc", parallel.ENTRIES_LOW - 1, CPU, str.upper) == ["A", "B", "C"]


def test_little_work_stays_where_it_is(two_threads):
    seen = parallel.over_rows(5, parallel.ENTRIES_LOW - 1, CPU, lambda rows: (rows, torch.get_num_threads()))
    assert seen == [(slice(0, 5), 2)]


def test_an_error_of_a_part_reaches_the_caller(two_threads):
    with pytest.raises(ZeroDivisionError):
        parallel.over_rows(5, parallel.ENTRIES_LOW, CPU, lambda rows: 1 // 0)


def test_a_forked_process_has_threads_of_its_own(two_threads):
    """One that took over the parent's would wait for them forever."""

    def parts() -> int:
        return len(parallel.over_rows(5, parallel.ENTRIES_LOW, CPU, lambda rows: os.getpid()))

    assert parts() == 2
    child = multiprocessing.get_context("fork").Process(target=parts)
    child.start()
    child.join(240)
    assert child.exitcode == 0


def test_on_one_thread_only_shared_rows_use_the_other_cores(two_threads):
    with parallel.on_one_thread():
        assert torch.get_num_threads() == 1
        seen = parallel.over_rows(4, parallel.ENTRIES_LOW, CPU, lambda rows: rows)
        with parallel.on_one_thread():
            assert len(parallel.over_rows(4, parallel.ENTRIES_LOW, CPU, lambda rows: rows)) == 2
        assert torch.get_num_threads() == 1
    assert seen == [slice(0, 2), slice(2, 4)]
    assert torch.get_num_threads() == 2


def test_threads_are_as_before_after_an_error_on_one(two_threads):
    with pytest.raises(ZeroDivisionError), parallel.on_one_thread():
        _ = 1 // 0
    assert torch.get_num_threads() == 2
    assert len(parallel.over_rows(4, parallel.ENTRIES_LOW, CPU, lambda rows: rows)) == 2
