"""How many threads a mini-batch is worth."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

NUMBERS = 1 << 17
"""A mini-batch of fewer numbers (stored values times factors) is fastest on one thread."""


@contextmanager
def for_numbers(numbers: float) -> Iterator[None]:
    """One thread inside, if there is little to do; as many as before after it.

    Every operation on a small tensor would otherwise wait for all threads to wake, a thousand times longer on a busy machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if numbers < NUMBERS else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
