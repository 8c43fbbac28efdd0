"""The number of threads for a mini-batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

NUMBERS = 1 << 17
"""A mini-batch of fewer numbers (stored values times factors) is fastest on one thread."""


@contextmanager
def for_numbers(numbers: float) -> Iterator[None]:
    """Inside it, torch uses one thread if the operations touch few numbers.

    Otherwise every operation on a small tensor waits for all threads to wake up, which takes a thousand times as long on a busy
    machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if numbers < NUMBERS else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
