"""Servers of the benchmark end with it."""

import pytest

from benchmarks import load_balancer


class Started:
    port, ended = 0, False

    def end(self) -> int:
        self.ended = True
        return 0


def test_servers_end_if_another_does_not_start():
    started = []

    def start() -> Started:
        if started:
            raise OSError
        started.append(Started())
        return started[0]

    with pytest.raises(OSError), load_balancer.serving(start, 2):
        pass
    assert started[0].ended
