"""A server for as long as a script needs one."""

from __future__ import annotations

import os
import signal
import socket
import sys

import psutil
import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.processes import python
from wildsage.local_runner.server import background, lock, private_files
from wildsage.local_runner.server.background import ScriptServer


@pytest.fixture
def instead(monkeypatch):
    """Replaces the program of the server."""

    def replace(program: str) -> None:
        monkeypatch.setattr(python, "command", lambda *given: (sys.executable, "-c", program, *given))

    return replace


SERVER = """
import json, os, socket, sys
data = sys.argv[sys.argv.index("--data") + 1]
listener = socket.create_server(("127.0.0.1", 0))
print(*sys.argv[1:], os.getsid(0) == os.getpid(), flush=True)
text = json.dumps({"endpoint": "http://127.0.0.1:%d" % listener.getsockname()[1], "pid": os.getpid()})
open(data + "/partial", "w").write(text)
os.replace(data + "/partial", data + "/server.json")
while sys.stdin.read():
    pass
open(data + "/ended", "w")
"""


def test_a_server_is_started_with_its_options_and_ends_with_the_block(tmp_path, instead, monkeypatch):
    monkeypatch.setattr(background, "STOP_LIMIT_S", 240)
    instead(SERVER)
    data = tmp_path / "data"
    with background.server(data, ["--keep"]) as found:
        pid = lock.address(data).pid
        assert found == ScriptServer(lock.address(data).endpoint, reused=False) and psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid) and (data / "ended").exists(), "it ends by itself"
    own = f"wildsage.local_runner up --port 0 --data {data} --until-stdin-closes"
    assert (data / "server.log").read_text() == f"{own} --keep True\n"
    assert (data / "server.log").stat().st_mode & 0o077 == 0


def test_the_server_that_runs_already_is_used_and_stays(tmp_path, instead):
    instead("raise SystemExit('not needed')")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        lock.write_address(tmp_path, lock.RunningServer(endpoint, os.getpid()))
        with background.server(tmp_path) as found:
            assert found == ScriptServer(endpoint, reused=True)
    assert not (tmp_path / "server.log").exists()


def test_a_server_that_ends_at_once_is_told_with_the_end_of_its_log(tmp_path, instead, monkeypatch):
    monkeypatch.setattr(background, "START_LIMIT_S", 3600)  # it is not waited for
    instead("import sys; [print('line', number) for number in range(20)]; sys.exit(5)")
    with pytest.raises(PlatformError) as caught, background.server(tmp_path):
        pass
    first, *rest = str(caught.value).splitlines()
    assert first == f"The local server ended with status 5. The end of {tmp_path / 'server.log'}:"
    assert rest == [f"line {number}" for number in range(8, 20)]


def test_a_server_that_does_not_come_up_is_ended(tmp_path, instead, monkeypatch):
    monkeypatch.setattr(background, "START_LIMIT_S", 0.2)
    instead("import sys; sys.stdin.read()")
    with pytest.raises(PlatformError, match="did not answer in time"), background.server(tmp_path):
        pass


def test_a_server_that_does_not_end_is_killed(tmp_path, instead, monkeypatch):
    monkeypatch.setattr(background, "STOP_LIMIT_S", 0.1)
    instead(f"{SERVER}\nimport time; time.sleep(60); open(data + '/late', 'w')")
    with background.server(tmp_path):
        pid = lock.address(tmp_path).pid
    assert not psutil.pid_exists(pid) and not (tmp_path / "late").exists()


def test_a_server_ends_when_its_block_raises(tmp_path, instead):
    instead(SERVER)
    with pytest.raises(KeyError), background.server(tmp_path):
        pid = lock.address(tmp_path).pid
        raise KeyError
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path, monkeypatch):
    def reject(data: object) -> None:
        raise private_files.CannotUse("full of holes")

    monkeypatch.setattr(private_files, "prepare", reject)
    with pytest.raises(PlatformError, match="full of holes"), background.server(tmp_path):
        pass
