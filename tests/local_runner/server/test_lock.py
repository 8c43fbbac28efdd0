"""Which server uses a data folder."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest

from wildsage.local_runner.server import lock
from wildsage.local_runner.server.lock import InUse, RunningServer


@pytest.fixture
def listening():
    """The endpoint of a process that accepts connections: this one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_an_address_is_read_as_it_was_written(tmp_path):
    assert lock.address(tmp_path) is None
    server = RunningServer("http://127.0.0.1:1", 7)
    lock.write_address(tmp_path, server)
    assert lock.address(tmp_path) == server
    assert [path.name for path in tmp_path.iterdir()] == ["server.json"]


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', '{"endpoint": "x"}'])
def test_a_file_that_holds_no_address_is_as_none(tmp_path, content):
    (tmp_path / "server.json").write_text(content)
    assert lock.address(tmp_path) is None and lock.running(tmp_path) is None
    lock.remove_address(tmp_path)


def test_only_who_wrote_the_address_removes_it(tmp_path, ended):
    for pid, left in ((ended, True), (os.getpid(), False)):
        lock.write_address(tmp_path, RunningServer("http://127.0.0.1:1", pid))
        lock.remove_address(tmp_path)
        assert (tmp_path / "server.json").exists() is left
    lock.remove_address(tmp_path)


def test_a_server_runs_that_lives_and_accepts_connections(tmp_path, listening, ended):
    for endpoint, pid, runs in [
        (listening, os.getpid(), True),
        (listening, ended, False),
        ("http://127.0.0.1:1", os.getpid(), False),
        ("nothing", os.getpid(), False),
    ]:
        lock.write_address(tmp_path, RunningServer(endpoint, pid))
        assert bool(lock.running(tmp_path)) is runs
    assert RunningServer(listening, os.getpid()).started_s == psutil.Process().create_time()


def test_the_lock_is_held_for_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "LEFTOVERS_GONE_WITHIN_S", 0.1)
    with (
        lock.exclusive_use(tmp_path),
        pytest.raises(InUse, match="a server that is starting or stopping"),
        lock.exclusive_use(tmp_path),
    ):
        pass
    with lock.exclusive_use(tmp_path):
        pass


def test_who_holds_the_lock_is_named(tmp_path, listening):
    lock.write_address(tmp_path, RunningServer(listening, os.getpid()))
    with (
        lock.exclusive_use(tmp_path),
        pytest.raises(
            InUse, match=f"{tmp_path} is in use by the server with process id {os.getpid()} at {listening}. Stop it"
        ),
        lock.exclusive_use(tmp_path),
    ):
        pass


@pytest.mark.parametrize("alive", [True, False])
def test_what_is_left_of_a_killed_server_is_waited_for(tmp_path, monkeypatch, ended, alive):
    lock.write_address(tmp_path, RunningServer("http://127.0.0.1:1", os.getpid() if alive else ended))
    held = (tmp_path / "lock").open("a")
    fcntl.flock(held, fcntl.LOCK_EX)
    monkeypatch.setattr(lock, "LEFTOVERS_GONE_WITHIN_S", 0.1)
    with pytest.raises(InUse, match="what is left of a killed server"), lock.exclusive_use(tmp_path):
        pass
    monkeypatch.setattr(lock, "LEFTOVERS_GONE_WITHIN_S", 60)
    threading.Timer(0.2, held.close).start()
    with lock.exclusive_use(tmp_path):
        assert held.closed


HOLDER = """
import fcntl, signal, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("held", flush=True)
time.sleep(1000)
"""


def holder(tmp_path, how: str = "") -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "lock"), how], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_server_is_asked_to_end_and_waited_for(tmp_path):
    with holder(tmp_path) as process:
        assert lock.stop(tmp_path, RunningServer("", process.pid)) is True
        assert process.wait(240) == -signal.SIGTERM


def test_a_server_that_does_not_end_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "STOP_LIMIT_S", 0.2)
    with holder(tmp_path, "deaf") as process:
        assert lock.stop(tmp_path, RunningServer("", process.pid)) is False
        process.kill()


def test_a_process_that_got_the_id_of_an_ended_server_gets_no_signal(tmp_path):
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        assert lock.stop(tmp_path, RunningServer("", stranger.pid)) is True
        time.sleep(0.05)
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_ends_by_itself_meanwhile_has_ended(tmp_path, ended):
    held = (tmp_path / "lock").open("a")
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(0.2, held.close).start()
    assert lock.stop(tmp_path, RunningServer("", ended)) is True


def test_the_file_is_json(tmp_path):
    lock.write_address(tmp_path, RunningServer("http://127.0.0.1:1", 7))
    assert json.loads((tmp_path / "server.json").read_text()) == {"endpoint": "http://127.0.0.1:1", "pid": 7}
