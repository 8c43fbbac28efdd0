"""Blocks of a stream on all cores."""

import os

from wildsage.algorithms.base.blocks import in_parallel


def test_as_many_blocks_as_cores_and_one_more_are_held_at_a_time(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", {0: {2, 5, 7}}.__getitem__)  # 0: this process
    taken = []

    def blocks():
        for number in range(1000):
            taken.append(number)
            yield b"%d" % number

    results = in_parallel(int, blocks())
    assert next(results) == 0
    assert len(taken) == 4
    assert list(results) == list(range(1, 1000))
