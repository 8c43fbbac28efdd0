"""The watch of a process over the hosts of its job; where it ends the process, that is a fork of this one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import pytest

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.containers.contract.paths import OptML
from wildsage.containers.training import host_watch, watch

HOSTS = ("algo-1", "algo-2")


@pytest.fixture(autouse=True)
def own(monkeypatch) -> Iterator[None]:
    """This process watches nobody, before and afterwards."""
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(watch, "_current", None)
    monkeypatch.setattr(watch, "_before_forced_end", [])
    yield
    if watch._current:
        watch._current._over.set()


def test_a_host_alone_watches_nobody():
    watch.begin(("algo-1",), "algo-1")
    assert watch._current is None and watch.verdict() == ""
    watch.leave()
    watch.tell_others("it fails")


@pytest.mark.parametrize("port", ["65536", "many", "-1", ""])
def test_what_is_not_a_port_is_named(monkeypatch, port):
    monkeypatch.setenv("MASTER_PORT", port)
    with pytest.raises(UserError, match=f"^Environment variable MASTER_PORT: got '{port}', expected a whole number"):
        watch.begin(HOSTS, "algo-1")


class Noted:
    """In place of a watch: what it was made from, and what it was asked."""

    def __init__(self, *given: object, end: object) -> None:
        self.given, self.asked = (*given, end), []

    def __getattr__(self, name: str):
        return lambda *arguments: self.asked.append((name, *arguments)) or f"of {name}"


@pytest.mark.parametrize(
    ("variables", "meet_at"),
    [({}, ("algo-1", 9000)), ({"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "65535"}, ("10.0.0.1", 65535))],
)
def test_the_hosts_meet_at_the_first_or_where_the_variables_say(monkeypatch, variables, meet_at):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(watch, "HostWatch", Noted)
    watch.begin(HOSTS, "algo-2")
    first = watch._current
    assert first.given == (*meet_at, 1, HOSTS, watch._end_process) and first.asked == [("start",)]
    watch.begin(HOSTS, "algo-2")
    assert watch._current is first, "a process watches once"
    assert (watch.meet(), watch.free_port(print), watch.verdict()) == ("of meet", "of free_port", "of verdict")
    watch.leave()
    watch.tell_others("why")
    assert first.asked[-2:] == [("leave",), ("tell", "why")]
    monkeypatch.setattr(watch, "_current", None)  # it is not a watch


def test_a_process_that_is_ended_leaves_the_reason_everywhere(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("SAGEMAKER_DATA_PATH", str(tmp_path))
    watch.before_forced_end(lambda reason: print("first:", reason, flush=True))
    watch.before_forced_end(lambda reason: print("second:", reason, flush=True))
    process = multiprocessing.get_context("fork").Process(target=watch._end_process, args=("Host algo-2 is gone.",))
    process.start()
    process.join(240)
    reason = "InternalServerError: Host algo-2 is gone."
    assert process.exitcode == 3 and OptML(tmp_path).failure.read_text() == reason
    assert capfd.readouterr().out == f"{reason}\nfirst: {reason}\nsecond: {reason}\n"


def test_two_hosts_meet_and_leave(free_port, monkeypatch):
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", str(free_port))
    monkeypatch.setattr(host_watch, "INTERVAL_S", 0.05)
    monkeypatch.setattr(host_watch, "GRACE_S", 1000.0)  # afterwards it would end this process
    watch.begin(HOSTS, "algo-1")
    other = host_watch.HostWatch("localhost", free_port, 1, HOSTS, end=lambda verdict: None)
    other.start()
    assert other._connected.wait(240)
    other.tell("its disk is full")
    with pytest.raises(PlatformError, match=r"^Host algo-2 failed: its disk is full$"):
        watch.meet()
    assert watch.verdict() == "Host algo-2 failed: its disk is full"
