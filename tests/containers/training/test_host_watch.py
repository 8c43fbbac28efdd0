"""Hosts that fail, vanish or stay away, all in this process; `test_lost_hosts.py` has processes."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.training import host_watch
from wildsage.containers.training.host_watch import HostWatch

HOSTS = ("algo-1", "algo-2", "algo-3")


def test_the_times_are_those_of_the_documentation():
    page = (Path(__file__).parents[3] / "docs" / "how_to" / "clusters.md").read_text().replace("\n", " ")
    assert f"one that is not heard of for {host_watch.LOST_AFTER_S:g} s is taken for gone" in page
    assert f"is waited for until {host_watch.APPEAR_WITHIN_S:g} s after the others are ready" in page
    ended_s = int(page.partition("All others then end within ")[2].partition(" s")[0])
    assert max(host_watch.LOST_AFTER_S, host_watch.TOLD_WITHIN_S) + host_watch.GRACE_S < ended_s


@pytest.fixture
def ended() -> list[tuple[int, str]]:
    """The processes that would be ended, by number, and with which reasons."""
    return []


@pytest.fixture
def watching(free_port, monkeypatch, ended):
    """Hosts of three, in this process, by their numbers."""
    monkeypatch.setattr(host_watch, "INTERVAL_S", 0.05)
    started = []

    def start(*ranks: int) -> list[HostWatch]:
        for rank in ranks:
            end = partial(lambda rank, reason: ended.append((rank, reason)), rank)
            started.append(HostWatch("localhost", free_port, rank, HOSTS, end=end))
        for one in started:
            one.start()
        return started

    yield start
    for (
        one
    ) in started:  # a thread that is left over would judge hosts of other tests, or look for a first host for ever
        for event in (one._over, one._taken, one._connected):
            event.set()


def refusals(watches: list[HostWatch]) -> list[str]:
    """What hosts that want to meet are told instead."""

    def meet(one: HostWatch) -> str:
        with pytest.raises(PlatformError) as caught:
            one.meet()
        return str(caught.value)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(meet, watches))


GONE = "Host algo-{} of this job ended before its work was done; its log says why."


def connected(watches: list[HostWatch]) -> list[HostWatch]:
    """The same hosts, once all have been heard of."""
    assert all(one._connected.wait(240) for one in watches)
    return watches


@pytest.mark.parametrize("fails", [0, 1])
def test_a_host_that_fails_before_the_hosts_meet_says_why(watching, fails):
    watches = watching(0, 1, 2)
    with ThreadPoolExecutor() as pool:
        telling = pool.submit(watches[fails].tell, "ClientError: row 3 is empty")
        others = [one for one in watches if one is not watches[fails]]
        assert refusals(others) == [f"Host algo-{fails + 1} failed: ClientError: row 3 is empty"] * 2
        telling.result(timeout=240)


def test_a_host_that_is_gone_before_the_hosts_meet_is_named(watching, monkeypatch):
    watches = connected(watching(0, 1, 2))
    monkeypatch.setattr(host_watch, "LOST_AFTER_S", 2.0)
    watches[2]._over.set()  # as if it were killed: it beats no more
    assert refusals(watches[:2]) == [GONE.format(3)] * 2


@pytest.mark.parametrize(("present", "absent"), [((0, 1), "algo-3"), ((0,), "algo-2, algo-3"), ((1, 2), "algo-1")])
def test_hosts_that_never_appear_are_named(watching, monkeypatch, free_port, present, absent):
    watches = watching(*present)
    if 0 in present:
        connected(watches)
    monkeypatch.setattr(host_watch, "APPEAR_WITHIN_S", 0.5)
    for said in refusals(watches):
        assert said.startswith(
            f"Host {absent} of this job did not appear at localhost:{free_port} within 0.5 s; expected 3"
        )


def test_a_port_that_is_taken_is_named(watching):
    watching(0)
    with pytest.raises(PlatformError, match="Host algo-1 cannot listen for the others at port"):
        watching(0)


def test_a_host_may_take_longer_than_the_others_wait_for_one_that_is_away(watching, monkeypatch):
    watches = connected(watching(0, 1, 2))
    monkeypatch.setattr(host_watch, "APPEAR_WITHIN_S", 0.1)
    looked = [threading.Semaphore(0) for _ in watches]
    missing = HostWatch._missing
    monkeypatch.setattr(HostWatch, "_missing", lambda one: looked[one._rank].release() or missing(one))
    with ThreadPoolExecutor() as pool:
        meeting = [pool.submit(one.meet) for one in watches[:2]]
        for look in [*looked[:2]] * 2:  # with the second it has gone on after the first, which came late enough
            assert look.acquire(timeout=240)
        assert not any(one.done() for one in meeting)
        monkeypatch.setattr(host_watch, "APPEAR_WITHIN_S", 240.0)  # so long the store may take to answer
        stores = [watches[2].meet(), *[one.result(timeout=240) for one in meeting]]
    stores[0].set("name", "value")
    assert stores[1].get("name") == b"value"


def test_the_first_host_stays_until_the_others_know_why_another_fails(watching, monkeypatch):
    """Else they would find its store gone, and name it."""
    monkeypatch.setattr(host_watch, "GRACE_S", 240.0)
    watches = connected(watching(0, 1, 2))
    with ThreadPoolExecutor() as pool:
        meeting = pool.submit(refusals, watches[:1])
        watches[1].tell("ClientError: row 3 is empty")
        assert meeting.result(timeout=240) == ["Host algo-2 failed: ClientError: row 3 is empty"]
        assert watches[0]._beats.all_left()


def test_nobody_waits_until_a_host_that_is_gone_has_read_the_verdict(watching, monkeypatch):
    watches = connected(watching(0, 1, 2))
    monkeypatch.setattr(host_watch, "LOST_AFTER_S", 2.0)
    monkeypatch.setattr(host_watch, "GRACE_S", 1000.0)  # so long the first would stay
    watches[2]._over.set()  # as if it were killed
    assert watches[0]._over.wait(240)


def test_a_host_that_has_read_that_another_failed_does_not_leave_as_if_all_were_well(watching):
    watches = connected(watching(0, 1, 2))
    watches[1].tell("ClientError: row 3 is empty")
    for one in (watches[0], watches[2]):
        assert one._over.wait(240)
        with pytest.raises(PlatformError, match="Host algo-2 failed: ClientError: row 3 is empty"):
            one.leave()


def test_a_host_that_waits_for_the_port_of_the_first_hears_that_this_fails(watching, monkeypatch):
    watches = connected(watching(0, 1, 2))
    monkeypatch.setattr(host_watch, "GRACE_S", 240.0)
    connection = watches[1]._connection
    monkeypatch.setattr(host_watch, "LOST_AFTER_S", 240.0)
    monkeypatch.setattr(watches[1], "_connection", lambda timeout_s: connection(1.0))  # so long it waits for the port
    with ThreadPoolExecutor() as pool:
        meeting = [pool.submit(one.meet) for one in (watches[0], watches[2])]
        waiting = pool.submit(watches[1].free_port, lambda *_: None)
        for one in meeting:
            one.result(timeout=240)
        telling = pool.submit(watches[0].tell, "ClientError: row 3 is empty")
        with pytest.raises(PlatformError, match="Host algo-1 failed: ClientError: row 3 is empty"):
            waiting.result(timeout=240)
        telling.result(timeout=240)


def test_the_first_host_leaves_last_and_the_others_at_once(watching, monkeypatch):
    first, *others = connected(watching(0, 1, 2))
    looked, all_left = threading.Event(), first._beats.all_left
    monkeypatch.setattr(first._beats, "all_left", lambda: looked.set() or all_left())
    with ThreadPoolExecutor() as pool:
        leaving = pool.submit(first.leave)
        others[0].leave()
        for _ in range(2):  # with the second it has gone on after the first
            looked.clear()
            assert looked.wait(240)
        assert not leaving.done()
        others[1].leave()
        leaving.result(timeout=240)
    assert not any(one._thread.is_alive() for one in (first, *others))
    for one in (first, *others):
        one.leave()
        assert one.verdict() == ""


def test_a_host_that_ends_before_the_others_have_left_is_named_by_the_first(watching, monkeypatch):
    first, second, third = connected(watching(0, 1, 2))
    second.leave()
    monkeypatch.setattr(host_watch, "LOST_AFTER_S", 0.5)
    third._over.set()  # as if it were killed
    with pytest.raises(PlatformError, match=GONE.format(3)):
        first.leave()


def test_a_process_that_does_not_notice_is_ended_after_a_while_and_another_is_not(watching, monkeypatch, ended):
    first, second, third = connected(watching(0, 1, 2))
    monkeypatch.setattr(host_watch, "LOST_AFTER_S", 2.0)
    monkeypatch.setattr(host_watch, "GRACE_S", 0.5)
    third._over.set()
    second.verdict()  # it will take the verdict, however long that takes here
    assert second._over.wait(240) and second.verdict() == GONE.format(3)
    first._thread.join(240)
    assert ended == [(0, GONE.format(3))], "the second has taken it"


def broken(*_: object) -> None:
    """In place of what a store does."""
    raise RuntimeError("connection closed")


def test_where_the_store_is_gone_the_first_host_is(watching, monkeypatch):
    _, second, third = connected(watching(0, 1, 2))
    monkeypatch.setattr(second._beats, "send", broken)
    assert second.verdict() == GONE.format(1)
    monkeypatch.setattr(third._beats, "leave", broken)
    with pytest.raises(PlatformError, match=GONE.format(1)):
        third.leave()


@pytest.mark.parametrize("verdict", ["", "Host algo-3 failed: its disk is full"])
def test_a_host_that_cannot_meet_says_what_it_knows(watching, monkeypatch, verdict):
    _, second = connected(watching(0, 1))
    monkeypatch.setattr(second._beats, "all_ready", broken)
    monkeypatch.setattr(second, "verdict", lambda: verdict)
    with pytest.raises(PlatformError) as caught:
        second.meet()
    assert str(caught.value) == (verdict or GONE.format(1))


def test_a_store_that_is_gone_when_a_host_has_left_is_no_matter(watching, monkeypatch, ended):
    _, second = connected(watching(0, 1))
    second._beats.left = True
    monkeypatch.setattr(second._beats, "send", broken)
    second._thread.join(240)
    assert not second._thread.is_alive() and not ended and second._verdict is None


def test_a_store_that_does_not_answer_is_a_first_host_that_is_gone(watching, monkeypatch):
    _, second = connected(watching(0, 1))
    sending, stuck = threading.Event(), threading.Event()
    monkeypatch.setattr(second._beats, "send", lambda: sending.set() or stuck.wait(1000))
    assert sending.wait(240)  # it reads no verdict of the first any more
    monkeypatch.setattr(host_watch, "LOST_AFTER_S", 0.5)
    assert second._over.wait(240) and second._verdict == GONE.format(1)
    stuck.set()


def test_the_first_host_listens_on_its_own_machine_whatever_the_others_call_it(free_port):
    first = HostWatch("nowhere.invalid", free_port, 0, HOSTS, end=lambda reason: None)
    assert first.address == "nowhere.invalid" and first._connected.is_set()


def test_a_host_waits_less_long_for_one_that_is_suspected(free_port):
    one = HostWatch("localhost", free_port, 1, HOSTS, end=lambda reason: None)
    assert one._patience_s == host_watch.LOST_AFTER_S
    one._taken.set()
    assert one._patience_s == host_watch.SUSPECTED_AFTER_S


def test_what_a_host_tells_first_stays(watching, monkeypatch):
    monkeypatch.setattr(host_watch, "GRACE_S", 0.1)
    first, second, third = connected(watching(0, 1, 2))
    monkeypatch.setattr(second, "_end", (its_end := []).append)
    second.tell("its disk is full")
    second._thread.join(240)
    assert not its_end, "it ends by itself"
    second.tell("something else")
    assert refusals([first, third]) == ["Host algo-2 failed: its disk is full"] * 2
    third.tell("the second is gone")
    assert first._beats.verdict() == "Host algo-2 failed: its disk is full"


def test_all_hosts_are_told_one_free_port_of_the_first_when_it_listens_there(watching):
    """It alone is asked to listen."""
    watches, listening = watching(0, 1, 2), []

    def listen(address: str, port: int) -> None:
        assert not watches[0]._connection(240.0).check([host_watch.FREE_PORT]), "the others know it already"
        listening.append((address, socket.create_server(("", port))))

    with ThreadPoolExecutor() as pool:
        told = [pool.submit(one.free_port, listen) for one in watches]
        found = [one.result(timeout=240) for one in told]
    [(address, server)] = listening
    with server:
        assert found == [("localhost", server.getsockname()[1])] * 3 and address == "localhost"


def test_who_has_left_does_not_beat_any_more(watching, monkeypatch):
    """The last round ends first, even if it takes long."""
    _, second = connected(watching(0, 1))
    judging = threading.Event()

    def judge() -> str:
        judging.set()
        time.sleep(0.3)
        return ""

    monkeypatch.setattr(second._beats, "verdict", judge)
    assert judging.wait(240)
    second.leave()
    assert not second._thread.is_alive()


def test_the_first_host_has_told_when_all_have_read_it(watching, monkeypatch):
    monkeypatch.setattr(host_watch, "TOLD_WITHIN_S", 240.0)
    first, *_ = connected(watching(0, 1, 2))
    first.tell("its disk is full")
    assert first._beats.all_left()


def test_the_first_host_does_not_wait_for_ever_until_it_is_read(watching, monkeypatch):
    first, second = connected(watching(0, 1))
    second._over.set()
    second._thread.join(240)  # it reads nothing any more
    monkeypatch.setattr(host_watch, "TOLD_WITHIN_S", 0.3)
    first.tell("its disk is full")
    first._telling.join(240)
    assert not first._telling.is_alive() and not first._beats.all_left()


def test_a_verdict_is_waited_for_as_long_as_it_may_take(free_port, monkeypatch):
    monkeypatch.setattr(host_watch, "LOST_AFTER_S", 0.2)
    monkeypatch.setattr(host_watch, "GRACE_S", 240.0)
    one = HostWatch("localhost", free_port, 1, HOSTS, end=lambda reason: None)
    threading.Timer(0.6, one._conclude, ["Host algo-1 is gone."]).start()
    assert one.verdict() == "Host algo-1 is gone."
    monkeypatch.setattr(host_watch, "GRACE_S", 0.1)
    assert HostWatch("localhost", free_port, 1, HOSTS, end=lambda reason: None).verdict() == ""


def test_a_watch_holds_no_process_up(watching):
    before = set(threading.enumerate())
    _, second = connected(watching(0, 1))
    telling = threading.Thread(target=second.tell, args=("why",), daemon=True)
    telling.start()
    while second._telling is None:
        time.sleep(0.01)
    assert all(thread.daemon for thread in {*threading.enumerate(), second._telling} - before)
    telling.join(240)
