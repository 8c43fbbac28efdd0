"""Blocks of a stream on all cores."""

import os

from wildsage.algorithms.base.blocks import in_parallel


def test_few_blocks_are_held_at_a_time():
    taken = []

    def blocks():
        for number in range(1000):
            taken.append(number)
            yield b"%d" % number

    results = in_parallel(int, blocks())
    assert next(results) == 0
    assert len(taken) <= len(os.sched_getaffinity(0)) + 1
    assert list(results) == list(range(1, 1000))
