"""What hosts write into a store, and what they read of each other; the store is in this process."""

from __future__ import annotations

import threading

import pytest
from torch.distributed import HashStore

from wildsage.containers.training.beats import Beats


@pytest.fixture
def hosts() -> list[Beats]:
    """Three hosts with one store, of which only the first has begun."""
    store = HashStore()
    found = [Beats(store, rank, 3) for rank in range(3)]
    found[0].open()
    return found


def test_a_host_is_heard_of_when_it_has_sent_something(hosts):
    assert hosts[0].unheard() == [0, 1, 2]
    hosts[1].send()
    assert hosts[0].unheard() == hosts[2].unheard() == [0, 2]
    hosts[0].open()
    assert hosts[0].unheard() == [0, 2], "what hosts have sent stays"


def test_hosts_are_ready_when_all_have_said_so(hosts):
    assert [one.all_ready() for one in (hosts[0], hosts[2], hosts[0], hosts[1], hosts[2])] == [False] * 3 + [True] * 2


def test_a_host_that_has_left_is_not_heard_of_again(hosts):
    for one in hosts:
        one.send()
    assert not hosts[0].all_left() and not hosts[0].left
    hosts[0].leave()
    hosts[0].send()
    hosts[1].leave()
    assert hosts[0].left and not hosts[2].left and not hosts[0].all_left()
    hosts[0].dismiss(2)
    assert hosts[0].all_left() and not hosts[2].left
    hosts[2].send()
    assert not hosts[0].all_left(), "it was not gone"


class SlowStore(HashStore):
    """Writes a beat only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may_write = threading.Event(), threading.Event()

    def set(self, key: str, value: str) -> None:
        if value.isdecimal():
            self.asked.set()
            self.may_write.wait(240)
        super().set(key, value)


def test_a_beat_that_is_on_its_way_does_not_come_after_the_last_word():
    """Else the others would wait for a host that has left."""
    store = SlowStore()
    host = Beats(store, 0, 1)
    sending = threading.Thread(target=host.send)
    sending.start()
    assert store.asked.wait(240)
    leaving = threading.Thread(target=host.leave)
    leaving.start()
    leaving.join(0.1)
    store.may_write.set()
    for one in (sending, leaving):
        one.join(240)
    assert host.all_left()


def rounds_until_lost(hosts: list[Beats], beating: tuple[int, ...], patience: float, most: int = 9) -> tuple | None:
    """After how many rounds in which these hosts beat another one is lost, and which."""
    for number in range(1, most):
        for rank in beating:
            hosts[rank].send()
        if (rank := hosts[0].lost(patience)) is not None:
            return number, rank
    return None


@pytest.mark.parametrize(("patience", "rounds"), [(0, 2), (1, 3), (2.5, 4), (3, 5)])
def test_a_host_is_lost_when_it_was_silent_for_more_rounds_than_it_may_be(hosts, patience, rounds):
    for one in hosts:
        one.send()
    assert rounds_until_lost(hosts, (0, 1), patience) == (rounds, 2)
    assert rounds_until_lost(hosts, (0, 1, 2), 0) is None


def test_a_beat_ends_the_silence(hosts):
    for one in hosts:
        one.send()
    for number in range(1, 8):
        hosts[0].send()
        hosts[1].send()
        if number % 3 == 0:
            hosts[2].send()
        assert hosts[0].lost(2) is None


def test_who_was_never_heard_of_or_has_left_is_not_lost(hosts):
    hosts[0].send()
    hosts[1].leave()
    assert rounds_until_lost(hosts, (0,), 1) is None


def test_the_first_that_is_silent_is_named(hosts):
    for one in hosts:
        one.send()
    assert rounds_until_lost(hosts, (), 1) == (3, 0)


def test_the_first_verdict_stays(hosts):
    assert hosts[1].verdict() == ""
    hosts[2].judge("Host algo-3 failed")
    hosts[0].judge("Host algo-1 failed")
    assert [one.verdict() for one in hosts] == ["Host algo-3 failed"] * 3
