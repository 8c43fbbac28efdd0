"""Hosts that fail, vanish or stay away before the hosts of a job have met; all in this process."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.training import watch
from wildsage.containers.training.watch import HostWatch

HOSTS = ("algo-1", "algo-2", "algo-3")


@pytest.fixture
def watching(free_port, monkeypatch):
    """Hosts of three, in this process, by their numbers."""
    monkeypatch.setattr(HostWatch, "_end", lambda self, verdict: None)  # it would end this process
    started = []

    def start(*ranks: int) -> list[HostWatch]:
        started.extend(HostWatch("localhost", free_port, rank, HOSTS) for rank in ranks)
        for one in started:
            one.start()
        return started

    yield start
    for one in started:
        one._over.set()  # a thread that is left over would judge hosts of other tests


def refusals(watches: list[HostWatch]) -> list[str]:
    """What hosts that want to meet are told instead."""

    def meet(one: HostWatch) -> str:
        with pytest.raises(PlatformError) as caught:
            one.meet()
        return str(caught.value)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(meet, watches))


@pytest.mark.parametrize("fails", [0, 1])
def test_a_host_that_fails_before_the_hosts_meet_says_why(watching, fails):
    watches = watching(0, 1, 2)
    with ThreadPoolExecutor() as pool:
        telling = pool.submit(watches[fails].tell, "ClientError: row 3 is empty")
        others = [one for one in watches if one is not watches[fails]]
        assert refusals(others) == [f"Host algo-{fails + 1} failed: ClientError: row 3 is empty"] * 2
        telling.result(timeout=watch.TOLD_WITHIN_S)


def test_a_host_that_is_gone_before_the_hosts_meet_is_named(watching, monkeypatch):
    monkeypatch.setattr(watch, "LOST_AFTER_S", 2.0)
    watches = watching(0, 1, 2)
    watches[2]._connected.wait(60)
    watches[2]._over.set()  # as if it were killed: it beats no more
    assert refusals(watches[:2]) == ["Host algo-3 of this job ended before its work was done; its log says why."] * 2


@pytest.mark.parametrize(("present", "absent"), [((0, 1), "algo-3"), ((1, 2), "algo-1")])
def test_hosts_that_never_appear_are_named(watching, monkeypatch, free_port, present, absent):
    monkeypatch.setattr(watch, "APPEAR_WITHIN_S", 0.5)
    for said in refusals(watching(*present)):
        assert said.startswith(
            f"Host {absent} of this job did not appear at localhost:{free_port} within 0.5 s; expected 3"
        )


def test_a_port_that_is_taken_is_named(watching):
    watching(0)
    with pytest.raises(PlatformError, match="Host algo-1 cannot listen for the others at port"):
        watching(0)


def test_a_host_may_take_longer_than_the_others_wait_for_one_that_is_away(watching, monkeypatch):
    monkeypatch.setattr(watch, "APPEAR_WITHIN_S", 0.5)
    watches = watching(0, 1, 2)
    with ThreadPoolExecutor() as pool:
        meeting = [pool.submit(one.meet) for one in watches[:2]]
        time.sleep(1)
        assert not any(one.done() for one in meeting)
        stores = [watches[2].meet(), *[one.result(timeout=240) for one in meeting]]
    stores[0].set("name", "value")
    assert stores[1].get("name") == b"value"


def test_the_first_host_stays_until_the_others_know_why_another_fails(watching):
    """Else they would find its store gone, and name it."""
    watches = watching(0, 1, 2)
    with ThreadPoolExecutor() as pool:
        meeting = pool.submit(refusals, watches[:1])
        watches[2]._connected.wait(60)
        watches[1].tell("ClientError: row 3 is empty")
        assert meeting.result(timeout=240) == ["Host algo-2 failed: ClientError: row 3 is empty"]
        assert watches[0]._beats()[2] == watch.LEFT.encode()


def test_nobody_waits_until_a_host_that_is_gone_has_read_the_verdict(watching, monkeypatch):
    monkeypatch.setattr(watch, "LOST_AFTER_S", 2.0)
    monkeypatch.setattr(watch, "GRACE_S", 300.0)  # so long the first would stay
    watches = watching(0, 1, 2)
    watches[2]._connected.wait(60)
    watches[2]._over.set()  # as if it were killed
    assert watches[0]._over.wait(60)


def test_a_host_that_has_read_that_another_failed_does_not_leave_as_if_all_were_well(watching):
    watches = watching(0, 1, 2)
    watches[2]._connected.wait(60)
    watches[1].tell("ClientError: row 3 is empty")
    for one in (watches[0], watches[2]):
        assert one._over.wait(60)
        with pytest.raises(PlatformError, match="Host algo-2 failed: ClientError: row 3 is empty"):
            one.leave()


def test_a_host_that_waits_for_the_port_of_the_first_hears_that_this_fails(watching, monkeypatch):
    watches = watching(0, 1, 2)
    with ThreadPoolExecutor() as pool:
        meeting = [pool.submit(one.meet) for one in (watches[0], watches[2])]
        monkeypatch.setattr(watch, "APPEAR_WITHIN_S", 5.0)
        waiting = pool.submit(watches[1].free_port)
        for one in meeting:
            one.result(timeout=240)
        telling = pool.submit(watches[0].tell, "ClientError: row 3 is empty")
        with pytest.raises(PlatformError, match="Host algo-1 failed: ClientError: row 3 is empty"):
            waiting.result(timeout=240)
        telling.result(timeout=240)
