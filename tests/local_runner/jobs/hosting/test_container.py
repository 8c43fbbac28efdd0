"""A serving container is started again for as long as it is wanted."""

from __future__ import annotations

import socket
import threading
import time
import weakref
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from urllib3.exceptions import ProtocolError

from tests.local_runner.jobs.hosting.serving import NOBODY, Backend, Healthy, Serving, healthy_server
from wildsage.local_runner.backends import CannotRun, Launch
from wildsage.local_runner.jobs.hosting import container
from wildsage.local_runner.jobs.hosting.container import Connections, Container, NoAnswer

WITHIN_S = 240


@pytest.fixture
def healthy() -> Iterator[str]:
    with healthy_server() as url:
        yield url


def test_the_limits_are_those_of_the_container_contract():
    assert (container.HEALTHY_WITHIN_S, container.PING_TIMEOUT_S, container.STOP_GRACE_S) == (240, 2, 30)
    assert container.INVOCATION_TIMEOUT_S == 60


def test_what_cannot_run_here_is_said_in_its_own_words():
    class Lacking(Backend):
        def serve(self, launch: Launch) -> Serving:
            raise CannotRun("An engine is missing.")

    lines: list[str] = []
    assert not Container(
        Lacking(NOBODY), Launch("image", Path(), {}, {}, lines.append), "c", lambda: None, WITHIN_S
    ).is_healthy()
    assert lines == ["Wildsage: An engine is missing."]


def test_what_keeps_it_from_starting_stands_in_its_log(caplog):
    class Broken(Backend):
        def serve(self, launch: Launch) -> Serving:
            raise OSError(24, "Too many open files")

    lines: list[str] = []
    launch = Launch("image", Path(), {}, {}, lines.append)
    assert not Container(Broken(NOBODY), launch, "c", lambda: None, WITHIN_S).is_healthy()
    assert "Too many open files" in lines[0] and "container c" in caplog.text


def test_one_that_has_served_gets_its_time_anew_at_every_start(healthy, monkeypatch):
    now, left_s, served = [0.0], [], threading.Semaphore(0)

    class Watched(Container):
        def _run_once(self, deadline: float) -> tuple[int | None, bool]:
            left_s.append(deadline - now[0])
            return super()._run_once(deadline)

        def _answers_ping(self) -> bool:
            if answers := super()._answers_ping():
                served.release()
            return answers

    monkeypatch.setattr(container, "PAUSES_S", (0.01,))
    monkeypatch.setattr(container, "time", SimpleNamespace(monotonic=lambda: now[0]))
    backend = Backend(healthy, NOBODY, healthy)
    kept = Watched(backend, Launch("image", Path(), {}, {}, lambda line: None), "c", lambda: None, 1.0)
    assert kept.is_healthy() and served.acquire(timeout=WITHIN_S)
    backend.started[0].terminate()
    until_started(backend, 2)
    now[0] += 2  # which is too much for the second, and was for the first
    assert served.acquire(timeout=WITHIN_S)
    assert kept.request("GET", "/ping").status == 200 and left_s == [1.0, 1.0, 1.0]
    kept.stop()


def test_one_that_is_not_healthy_in_its_time_is_ended_and_its_log_says_so():
    lines: list[str] = []
    launch = Launch("image", Path(), {}, {}, lines.append)
    backend = Backend(NOBODY)
    begun_s = time.monotonic()
    sick = Container(backend, launch, "c", lambda: None, 0.5)
    assert not sick.is_healthy()
    assert time.monotonic() - begun_s < container.HEALTHY_WITHIN_S
    assert lines[0] == "Wildsage: the container did not answer /ping with 200 within 0.5 s of its start and is killed."
    sick.stop()


def test_a_request_to_one_that_lacked_memory_says_so(healthy):
    lines: list[str] = []
    backend = Backend(healthy, NOBODY)
    kept = Container(backend, Launch("image", Path(), {}, {}, lines.append), "c", lambda: None, WITHIN_S)
    assert kept.is_healthy()
    backend.started[0].terminate()
    with backend.changed:
        assert backend.changed.wait_for(lambda: len(backend.started) == 2, WITHIN_S)
    assert "being restarted" in (said := rejection(kept)) and said.endswith(
        " The container reached its limit of 64 MiB."
    )
    assert "is started again. The container reached its limit of 64 MiB." in lines[0]
    kept.stop()


def test_a_request_ends_with_its_container_even_if_somebody_else_holds_the_port_and_never_answers(healthy):
    """As a program may that was given the port which a container left, or was about to open."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        backend = Backend(healthy, f"http://127.0.0.1:{stranger.getsockname()[1]}")
        kept = Container(backend, Launch("image", Path(), {}, {}, lambda line: None), "c", lambda: None, WITHIN_S)
        assert kept.is_healthy()
        backend.started[0].terminate()
        with backend.changed:
            assert backend.changed.wait_for(lambda: len(backend.started) == 2, WITHIN_S)
        told: list[str] = []
        asking = threading.Thread(target=lambda: told.append(rejection(kept, "POST")), daemon=True)
        asking.start()
        held = [stranger.accept()[0]]
        while b"POST" not in held[-1].recv(100):  # pings come too
            held.append(stranger.accept()[0])
        backend.started[1].terminate()
        asking.join(WITHIN_S)
        assert told and told[0].startswith("The container closed the connection or is being restarted")
        kept.stop()
        for connection in held:
            connection.close()


def test_a_connection_that_is_made_while_its_container_ends_is_of_no_use():
    """What opens the port next may never answer."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        connections = Connections("127.0.0.1", stranger.getsockname()[1])
        connection = connections._new_conn()
        connections.end()  # it sees no socket yet
        with pytest.raises(ProtocolError, match="The container has ended"):
            connection.request("GET", "/ping")
        assert connection.sock is None, "it is closed"
        with pytest.raises(ProtocolError, match="The container has ended"):
            connections.request("GET", "/ping", timeout=600, retries=False)


def test_connections_may_be_made_while_their_container_ends():
    """The set of them grows while it is read; the thread that keeps the container would end with a RuntimeError."""
    connections = Connections("127.0.0.1", 1)
    kept = [connections._new_conn() for _ in range(3)]

    class Growing(weakref.WeakSet):
        def __iter__(self):
            adding = threading.Thread(target=lambda: kept.append(connections._new_conn()))
            for number, one in enumerate(super().__iter__()):
                if number == 0:
                    adding.start()
                    adding.join(0.2)
                yield one

    connections._made = Growing(kept)
    connections.end()
    assert not connections.container_runs


def rejection(kept: Container, method: str = "GET") -> str:
    """What a request is told once the container that ended is not asked any more."""
    while True:
        try:
            kept.request(method, "/ping", timeout_s=600)
        except NoAnswer as error:
            return str(error)


def kept_at(
    *urls: str, healthy_within_s: float = WITHIN_S, lines: list[str] | None = None, ended=lambda: None
) -> tuple[Container, Backend]:
    backend = Backend(*urls)
    launch = Launch("image", Path(), {}, {}, (lines if lines is not None else []).append)
    return Container(backend, launch, "c", ended, healthy_within_s), backend


def until_started(backend: Backend, count: int) -> None:
    with backend.changed:
        assert backend.changed.wait_for(lambda: len(backend.started) >= count, WITHIN_S)


def test_a_container_that_never_serves_is_given_up_after_three_starts(monkeypatch):
    monkeypatch.setattr(container, "PAUSES_S", (0.0,))
    monkeypatch.setattr(container, "PING_EVERY_S", 0.001)
    ended = threading.Event()

    class Ends(Serving):
        def __init__(self, url: str) -> None:
            super().__init__(url)
            self.terminate()

    monkeypatch.setattr("tests.local_runner.jobs.hosting.serving.Serving", Ends)
    lines: list[str] = []
    kept, backend = kept_at(NOBODY, lines=lines, ended=ended.set)
    assert not kept.is_healthy() and ended.wait(WITHIN_S)
    assert len(backend.started) == container.STARTS_BEFORE_GIVING_UP == 3
    assert [line.partition(".")[0] for line in lines] == [
        "Wildsage: the container ended with exit code 1 and is started again"
    ] * 2


class Pauses(threading.Event):
    """Notes how long it is waited for, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.noted.append(timeout)
        return self.is_set()


def test_pauses_grow_with_failures_in_a_row_to_half_a_minute_and_begin_anew_after_health():
    pauses, runs = Pauses(), iter([True, *[False] * 9, True, False])

    class Scripted(Container):
        def _run_once(self, deadline: float) -> tuple[int | None, bool]:
            self._stopping = pauses
            if (healthy := next(runs, None)) is None:
                pauses.set()
            self._healthy = self._healthy or bool(healthy)
            return 1, bool(healthy)

    scripted = Scripted(
        Backend(NOBODY), Launch("image", Path(), {}, {}, lambda line: None), "c", lambda: None, WITHIN_S
    )
    scripted._keeper.join(WITHIN_S)
    assert pauses.noted == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 0.25, 0.5]


def test_a_container_that_is_stopped_is_not_started_again_and_says_when_it_has_ended(healthy):
    ended = []
    kept, backend = kept_at(healthy, ended=lambda: ended.append(True))
    assert kept.is_healthy() and kept.out_of_memory is None and not ended and kept._keeper.daemon
    backend.started[0].kill = lambda: ended.append("killed")
    kept.stop()
    assert ended == [True] and len(backend.started) == 1 and backend.started[0].wait(0) == 1
    assert kept._http.pool is None, "its connections are closed"


def test_a_container_that_is_stopped_while_it_starts_is_ended_without_a_word(healthy):
    """It is not waited for until it is healthy, which it would be."""

    class Stopped(Backend):
        def serve(self, launch: Launch) -> Serving:
            stopped.wait(WITHIN_S)
            return super().serve(launch)

    stopped, lines = threading.Event(), []
    backend = Stopped(healthy)
    kept = Container(backend, Launch("image", Path(), {}, {}, lines.append), "c", lambda: None, WITHIN_S)
    kept.ask_to_stop()
    stopped.set()
    assert not kept.is_healthy() and backend.started[0].wait(0) == 1 and lines == []


def test_pings_are_sent_within_a_second_and_not_all_the_time(healthy):
    class Noted(Serving):
        def wait(self, timeout_s: float | None = None) -> int | None:
            waited_s.append(timeout_s)
            return super().wait(timeout_s)

    class Noting(Backend):
        def serve(self, launch: Launch) -> Serving:
            return Noted(healthy)

    waited_s: list[float | None] = []
    kept = Container(Noting(healthy), Launch("image", Path(), {}, {}, lambda line: None), "c", lambda: None, WITHIN_S)
    assert kept.is_healthy() and waited_s[0] is not None and 0 < waited_s[0] < 1
    kept._container.terminate()
    kept.stop()


class Breaking(Healthy):
    """Answers pings, and breaks off what else it is asked."""

    def do_POST(self) -> None:
        self.server.requests += 1
        self.close_connection = True


@pytest.fixture
def breaking() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Breaking) as server:
        server.requests = 0
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_request_that_breaks_off_is_not_sent_again_and_says_what_its_container_lacks(breaking):
    kept, _ = kept_at(f"http://127.0.0.1:{breaking.server_port}")
    assert kept.is_healthy()
    with pytest.raises(NoAnswer, match=r"The container closed the connection .* The container reached its limit"):
        kept.request("POST", "/invocations", b"x")
    assert breaking.requests == 1 and kept.out_of_memory is None
    kept.stop()


def test_the_end_of_a_container_that_breaks_off_is_waited_for_to_learn_why(breaking, monkeypatch):
    assert 0 < container.ENDS_WITHIN_S <= 1
    monkeypatch.setattr(container, "ENDS_WITHIN_S", 3 * WITHIN_S)
    kept, backend = kept_at(f"http://127.0.0.1:{breaking.server_port}")
    assert kept.is_healthy()
    backend.started[0].out_of_memory = None
    asked, told = threading.Event(), []

    def ask() -> None:
        asked.set()
        try:
            kept.request("POST", "/invocations", b"x")
        except NoAnswer as error:
            told.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    assert asked.wait(WITHIN_S)
    asking.join(0.1)
    assert not told, "it waits for the end"
    backend.started[0].out_of_memory = "It lacked memory."
    backend.started[0].terminate()
    asking.join(WITHIN_S)
    assert told and told[0].endswith(" It lacked memory.")
    kept.stop()


def test_one_that_ignores_sigterm_is_killed_after_the_grace(healthy, monkeypatch):
    kept, backend = kept_at(healthy)
    assert kept.is_healthy()
    monkeypatch.setattr(backend.started[0], "terminate", lambda: None)
    waits, join = [], kept._keeper.join
    monkeypatch.setattr(kept._keeper, "join", lambda *limit_s: (waits.append(limit_s), join(*limit_s)))
    kept.stop(0.1)
    assert waits == [(0.1,), ()]
    assert backend.started[0].wait(0) == 1


def test_an_answer_that_does_not_come_in_time_is_said_with_the_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kept, backend = kept_at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        until_started(backend, 1)
        silent.accept()  # of a ping, which goes to the address that requests go to
        with pytest.raises(NoAnswer, match=r"waiting for a response from container c: no answer within 0 s") as caught:
            kept.request("POST", "/invocations", b"", timeout_s=0.05)
        assert caught.value.container == "c"
        kept.stop(0.0)
