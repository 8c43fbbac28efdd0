"""Slow and stalled clients of a real gunicorn, with limits of fractions of a second."""

from __future__ import annotations

import errno
import inspect
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from gunicorn.workers.gthread import ThreadWorker

from wildsage.containers.contract import patient_worker
from wildsage.containers.contract.patient_worker import SHORT_OF_FILES, ClientTooSlow, PatientSocket, PatientWorker

THREADS = 8
SERVER = f"""
from functools import partial
from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.workers import gthread
from wildsage.containers.contract import gunicorn_options, patient_worker

LIMITS

def app(environ, start_response):
    try:
        answer = b"unread" if environ["PATH_INFO"] == "/unread" else str(len(environ["wsgi.input"].read())).encode()
        start_response("200 OK", [])
    except patient_worker.ClientTooSlow as error:
        answer = str(error).encode()
        start_response("408 Request Timeout", [])
    return [answer]

class Server(BaseApplication):
    def load_config(self):
        announce = lambda arbiter: print(arbiter.LISTENERS[0].sock.getsockname()[1], flush=True)
        gunicorn_options.apply({{"bind": "127.0.0.1:0", "threads": {THREADS}, "keepalive": 60, "when_ready": announce}}, self.cfg)

    def load(self):
        return app

Server().run()
"""


SHORT_LIMITS = """
util.close_graceful = partial(util.close_graceful, timeout=0.5)
patient_worker.HEAD_WITHIN_S = patient_worker.IDLE_S = gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.5
"""
WAITS_FOR_CLIENTS = """
util.close_graceful = partial(util.close_graceful, timeout=600)
patient_worker.HEAD_WITHIN_S = patient_worker.IDLE_S = 600.0
"""
"""gunicorn waits ten minutes for a client to close, and so does what has a limit of this project: longer than anybody waits for an
answer here."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    yield from served(SHORT_LIMITS)


@pytest.fixture(scope="module")
def port_that_waits_for_clients() -> Iterator[int]:
    yield from served(WAITS_FOR_CLIENTS)


def served(limits: str) -> Iterator[int]:
    program = SERVER.replace("LIMITS", limits)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True) as server:
        yield int(server.stdout.readline())
        os.killpg(server.pid, signal.SIGKILL)


def connect(port: int, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=240)
    client.sendall(sent)
    return client


def answer(client: socket.socket) -> bytes:
    """What comes until the server closes."""
    pieces = b""
    while piece := client.recv(4096):
        pieces += piece
    return pieces


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


def test_a_request_is_answered(port):
    assert answer(connect(port, HEAD + b"Content-Length: 5\r\n\r\nhello")).endswith(b"\r\n5\r\n0\r\n\r\n")


def test_a_head_that_stops_is_closed(port):
    assert answer(connect(port, HEAD)) == b""


def test_a_head_that_trickles_is_closed(port):
    client = connect(port, b"GET / HTTP/1.1\r\nX-Slow: ")
    client.settimeout(0.05)
    with pytest.raises((ConnectionResetError, BrokenPipeError, EOFError)):
        while True:
            client.sendall(b"x")
            try:
                if not client.recv(1):
                    raise EOFError
            except TimeoutError:
                pass


def test_a_body_that_stops_reaches_the_application_as_an_error(port):
    text = answer(connect(port, HEAD + b"Content-Length: 5\r\n\r\nhel"))
    assert text.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive in time" in text


@pytest.mark.parametrize("path", [b"/", b"/unread"])
def test_a_body_that_stops_gets_one_answer(port, path):
    client = connect(port, b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhel")
    assert answer(client).count(b"HTTP/1.1 ") == 1


def test_the_answer_to_a_body_that_stops_says_that_the_connection_ends(port):
    text = answer(connect(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhel"))
    assert text.startswith(b"HTTP/1.1 408 ") and b"\r\nConnection: close\r\n" in text


def test_stalled_clients_on_all_threads_end_and_the_next_is_answered(port):
    stalled = [connect(port, HEAD + b"Content-Length: 5\r\n\r\n") for _ in range(2 * THREADS)]
    stalled += [connect(port, HEAD) for _ in range(2 * THREADS)]
    assert answer(connect(port, HEAD + b"Content-Length: 2\r\n\r\nhi")).endswith(b"\r\n2\r\n0\r\n\r\n")
    for client in stalled:
        client.close()


@pytest.mark.parametrize(
    "request_", [HEAD + b"Content-Length: 1\r\n\r\nx", b"not HTTP\r\n\r\n"], ids=["last", "garbage"]
)
def test_a_client_that_does_not_close_holds_up_nobody_else(port_that_waits_for_clients, request_):
    port = port_that_waits_for_clients
    with connect(port, request_) as kept_open:
        assert kept_open.recv(4096).startswith(b"HTTP/1.1 ")
        assert answer(connect(port, HEAD + b"Content-Length: 2\r\n\r\nhi")).endswith(b"\r\n2\r\n0\r\n\r\n")


def test_a_client_may_take_an_answer_slowly_and_keep_its_connection(port):
    keep = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"
    client = connect(port, keep)
    received = b""
    while not received.endswith(b"\r\n0\r\n\r\n"):
        received += client.recv(1)
    client.settimeout(1)
    with pytest.raises(TimeoutError):  # an idle connection is kept longer than a head may take
        client.recv(1)
    client.settimeout(240)
    client.sendall(keep)
    assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


ENDING = """
import os, sys, time
from gunicorn.app.base import BaseApplication
from wildsage.containers.contract import gunicorn_options

def app(environ, start_response):
    body = b""
    if environ["PATH_INFO"] == "/waits":
        print("asked", flush=True)
        sys.stdin.readline()
        body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(4 + len(body)))])
    return [b"done" + body]

class Server(BaseApplication):
    def load_config(self):
        announce = lambda arbiter: print(arbiter.LISTENERS[0].sock.getsockname()[1], flush=True)
        options = {"bind": "127.0.0.1:0", "threads": 8, "keepalive": 600, "graceful_timeout": 600, "when_ready": announce}
        gunicorn_options.apply(options, self.cfg)

    def load(self):
        return app

Server().run()
"""


@pytest.fixture
def ending() -> Iterator[subprocess.Popen]:
    """A server that waits ten minutes for what is under way when it is to end."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", ENDING], start_new_session=True, **pipes) as server:
        yield server
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)


def test_an_end_waits_for_nobody_who_asked_nothing(ending):
    port = int(ending.stdout.readline())
    silent, half = connect(port, b""), connect(port, b"GET / HTTP/1.1\r\nHost: local")
    kept = connect(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert kept.recv(4096).startswith(b"HTTP/1.1 200 ")
    ending.terminate()
    assert ending.wait(120) == 0  # and not 600
    assert {silent.recv(1), half.recv(1), kept.recv(1)} <= {b"", b"d"}


def test_an_end_waits_for_a_request_under_way(ending):
    port = int(ending.stdout.readline())
    client = connect(port, b"POST /waits HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\n and")
    assert ending.stdout.readline() == "asked\n"
    ending.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        ending.wait(1)
    ending.stdin.write("now\n")
    ending.stdin.flush()
    client.settimeout(0.5)
    with pytest.raises(TimeoutError):  # the rest of its body is waited for
        client.recv(1)
    client.settimeout(240)
    client.sendall(b" so")
    assert answer(client).endswith(b"done and so")
    assert ending.wait(120) == 0


def test_a_worker_that_its_server_left_behind_ends_as_one_that_is_told_to():
    worker = PatientWorker.__new__(PatientWorker)
    worker.alive, worker.ppid, worker.log = True, os.getppid(), logging.getLogger("gunicorn")
    assert worker.is_parent_alive()
    worker.ppid = -1
    assert not worker.is_parent_alive()
    assert not worker.alive  # so that it waits for nobody who asked nothing


class NotedSocket(PatientSocket):
    """Notes the limits that are set for its waits."""

    limits: tuple[float | None, ...] = ()

    def settimeout(self, limit_s: float | None) -> None:
        self.limits += (limit_s,)
        super().settimeout(limit_s)


class Request:
    """A request of gunicorn's, which may be told that it is the last of its connection."""

    closed = False

    def force_close(self) -> None:
        self.closed = True


class Clock:
    """A clock that moves only when it is told to, or by so much at each look."""

    def __init__(self) -> None:
        self.now_s, self.step_s = 1000.0, 0.0

    def monotonic(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def pair(monkeypatch) -> Iterator[tuple[NotedSocket, socket.socket, Clock]]:
    """A patient socket of which a head is awaited, its client, and the clock that it looks at."""
    clock = Clock()
    monkeypatch.setattr(patient_worker, "time", clock)
    mine, theirs = socket.socketpair()
    patient = NotedSocket(fileno=mine.detach())
    patient.setblocking(True)
    with patient, theirs:
        yield patient, theirs, clock


def test_a_head_has_twenty_seconds_in_all(pair):
    patient, client, clock = pair
    for waited_s, left_s in ((0.0, 20.0), (15.0, 5.0)):
        clock.now_s, patient.limits = 1000.0 + waited_s, ()
        client.sendall(b"x")
        assert patient.recv(10) == b"x" and patient.limits == (left_s, None)
    clock.now_s, patient.limits = 1020.0, ()
    with pytest.raises(ConnectionResetError, match="The head of a request did not arrive in time"):
        patient.recv(10)
    assert 0 < patient.limits[0] < 0.1  # 0 would be a socket that does not wait at all
    patient.setblocking(True)  # the next request has a time of its own
    client.sendall(b"y")
    patient.limits = ()
    assert patient.recv(10) == b"y" and patient.limits == (20.0, None)


def test_each_piece_of_a_body_has_thirty_seconds_and_a_body_that_stopped_is_given_up(pair, monkeypatch):
    patient, client, clock = pair
    patient.head_is_read(Request())
    clock.now_s += 100  # a handler may take its time before it reads
    for _ in range(2):
        client.sendall(b"x")
        patient.limits = ()
        assert patient.recv(10) == b"x" and patient.limits == (30.0, None)
    monkeypatch.setattr(patient_worker, "IDLE_S", 0.0)
    with pytest.raises(ClientTooSlow, match="The body of a request did not arrive in time: timed out"):
        patient.recv(10)
    client.sendall(b"late")
    with pytest.raises(ClientTooSlow, match="The body was given up"):
        patient.recv(10)


@pytest.mark.parametrize(
    ("pieces", "waited_s", "slow"),
    [
        ([1], 30.0, False),  # whatever its rate, thirty seconds are allowed
        ([1, 1], 20.0, True),
        ([1000, 3000], 20.0, False),  # 100 bytes/s
        ([1000, 2999], 20.0, True),
        ([4000, 1, 1999], 20.0, False),
        ([4000, 1, 1998], 20.0, True),
    ],
)
def test_a_body_that_takes_longer_arrives_at_a_hundred_bytes_a_second(pair, pieces, waited_s, slow):
    patient, client, clock = pair
    patient.head_is_read(Request())
    clock.step_s = waited_s
    for number, size in enumerate(pieces, 1):
        client.sendall(bytes(size))
        if slow and number == len(pieces):
            with pytest.raises(ClientTooSlow, match="did not arrive in time: below 100 bytes/s"):
                patient.recv(1 << 20)
        else:
            assert len(patient.recv(1 << 20)) == size


def test_the_next_request_of_a_connection_is_not_slow_because_of_the_one_before(pair):
    patient, client, clock = pair
    patient.head_is_read(Request())
    clock.step_s = 30.0
    for _ in range(2):
        client.sendall(b"x")
        assert patient.recv(10) == b"x"
        patient.setblocking(True)
        patient.head_is_read(Request())


def test_where_gunicorn_sets_a_time_of_its_own_it_counts(pair):
    patient, client, clock = pair
    patient.settimeout(0.01)
    with pytest.raises(TimeoutError):
        patient.recv(1)
    patient.setblocking(False)
    with pytest.raises(BlockingIOError):
        patient.recv(1)
    patient.settimeout(None)  # no head is awaited now
    client.sendall(b"x")
    clock.now_s += 1000
    assert patient.recv(1) == b"x"


def test_a_socket_that_is_closed_already_is_left_as_it_is():
    patient = PatientSocket()
    patient.close()
    patient.setblocking(True)


def test_a_client_may_have_the_lowest_number():
    """A server whose standard input is closed gives it to a connection."""

    class Lowest(PatientSocket):
        def fileno(self) -> int:
            return 0

    mine, theirs = socket.socketpair()
    with Lowest(fileno=mine.detach()) as patient, theirs:
        patient.setblocking(False)
        assert patient.gettimeout() == 0.0


def test_an_answer_may_be_the_last_on_its_connection(pair):
    request = Request()
    pair[0].head_is_read(request)
    assert not request.closed
    pair[0].close_after_answer()
    assert request.closed


class Listener:
    """Fails to accept as one of a process that has too many files open."""

    def __init__(self, number: int) -> None:
        self.number = number

    def accept(self) -> None:
        raise OSError(self.number, "cannot accept")


@pytest.mark.parametrize("number", SHORT_OF_FILES)
def test_a_worker_outlives_a_moment_in_which_it_may_open_no_more_files(number, monkeypatch):
    worker = PatientWorker.__new__(PatientWorker)
    arguments = [Listener(number)] * (len(inspect.signature(ThreadWorker.accept).parameters) - 1)
    pauses: list[float] = []
    monkeypatch.setattr(patient_worker.time, "sleep", pauses.append)
    worker.accept(*arguments)
    assert len(pauses) == 1 and 0 < pauses[0] < 1
    with pytest.raises(OSError, match="cannot accept"):
        worker.accept(*[Listener(errno.EBADF)] * len(arguments))


class Connection:
    """What gunicorn knows of a client."""

    timeout = 600.0

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def close(self) -> None:
        self.sock.close()


@pytest.fixture
def connections() -> Iterator[list[Connection]]:
    """Connections to clients that send nothing."""
    with ExitStack() as opened:
        pairs = [[opened.enter_context(end) for end in socket.socketpair()] for _ in range(3)]
        yield [Connection(mine) for mine, _ in pairs]


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_connection_that_ended_before_it_asked_anything_is_forgotten(monkeypatch, connections, goes_on):
    """Otherwise each would stay in memory as long as the worker."""
    monkeypatch.setattr(ThreadWorker, "handle", lambda *_: goes_on)
    monkeypatch.setattr(patient_worker.util, "close_graceful", lambda sock: sock.close())
    worker = PatientWorker.__new__(PatientWorker)
    worker._asked_nothing = set(connections[:2])
    assert worker.handle(connections[0]) is goes_on
    assert worker._asked_nothing == {connections[1]}
    assert (connections[0].sock.fileno() >= 0) is goes_on


def test_a_worker_that_ends_lets_go_of_who_asks_nothing_in_each_round(monkeypatch, connections):
    rounds = []
    monkeypatch.setattr(ThreadWorker, "murder_pending", lambda self: rounds.append(self.alive))
    worker = PatientWorker.__new__(PatientWorker)
    silent, pending, kept = connections
    silent.sock.setblocking(False)
    worker._asked_nothing, worker.pending_conns, worker.keepalived_conns = {silent}, [pending], [kept]
    worker.alive = True
    worker.murder_pending()
    assert (pending.timeout, kept.timeout) == (600, 600)
    with pytest.raises(BlockingIOError):
        silent.sock.recv(1)
    worker.alive = False
    worker.murder_pending()
    assert (pending.timeout, kept.timeout) == (0, 0) and silent.sock.recv(1) == b""
    silent.sock.close()
    worker.murder_pending()
    assert rounds == [True, False, False]


def test_a_connection_for_which_there_is_no_thread_is_closed_and_the_worker_goes_on():
    class NoThreads:
        def submit(self, *_: object) -> None:
            raise RuntimeError("can't start new thread")

    worker = PatientWorker.__new__(PatientWorker)
    worker.tpool, worker.nr_conns, worker._asked_nothing = NoThreads(), 1, set()
    mine, theirs = socket.socketpair()
    connection = Connection(mine)
    worker.enqueue_req(connection)
    theirs.setblocking(False)  # it is closed by now
    assert worker.nr_conns == 0 and worker._asked_nothing == set()
    assert theirs.recv(1) == b""
    theirs.close()


def test_a_connection_has_asked_nothing_until_the_head_of_a_request_has_arrived(monkeypatch, connections):
    monkeypatch.setattr(ThreadWorker, "enqueue_req", lambda self, conn: None)
    monkeypatch.setattr(ThreadWorker, "handle_request", lambda self, req, conn: (req, conn))
    worker, request = PatientWorker.__new__(PatientWorker), Request()
    worker._asked_nothing, (connection, other, _) = set(), connections
    worker.enqueue_req(other)
    worker.enqueue_req(connection)
    patient = connection.sock
    assert isinstance(patient, PatientSocket) and worker._asked_nothing == {connection, other}
    assert worker.handle_request(request, connection) == (request, connection)
    assert worker._asked_nothing == {other}
    patient.close_after_answer()
    assert request.closed
    worker.enqueue_req(connection)  # for its next request
    assert connection.sock is patient and worker._asked_nothing == {connection, other}
    for one in (connection, other):
        one.close()


def test_a_worker_lets_go_of_who_asks_nothing_before_it_waits_for_connections(monkeypatch, connections):
    given = []
    monkeypatch.setattr(ThreadWorker, "set_accept_enabled", lambda self, enabled: given.append(enabled))
    worker = PatientWorker.__new__(PatientWorker)
    worker.alive, worker._asked_nothing = False, set()
    worker.pending_conns, worker.keepalived_conns = connections[:1], connections[1:]
    worker.set_accept_enabled(False)
    assert given == [False] and {connection.timeout for connection in connections} == {0.0}
