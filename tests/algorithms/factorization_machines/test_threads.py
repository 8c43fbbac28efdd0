"""Mini-batches of few numbers take one thread, and others as many as before."""

import pytest
import torch

from wildsage.algorithms.factorization_machines import threads


@pytest.mark.parametrize(("numbers", "inside"), [(0, 1), ((1 << 17) - 1, 1), (1 << 17, 2), (1e9, 2)])
def test_few_numbers_take_one_thread_and_the_threads_come_back(numbers, inside):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads.for_numbers(numbers):
            assert torch.get_num_threads() == inside
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError), threads.for_numbers(numbers):
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
