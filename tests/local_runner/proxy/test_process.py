"""The proxy as a child process: it starts, says where it is, and ends with its parent."""

from __future__ import annotations

import os
import socket
import sys
import time

import psutil
import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.processes import python
from wildsage.local_runner.proxy import process


def test_a_proxy_answers_until_its_block_ends(tmp_path):
    with process.run_proxy(tmp_path, "http://127.0.0.1:1", 0, tunnel=False) as address:
        port = int(address.removeprefix("http://127.0.0.1:"))
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"Start the proxy with --tunnel" in client.makefile("rb").read()
        assert (tmp_path / "authority" / "ca.pem").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_proxy_that_does_not_start_says_why(tmp_path, capfd):
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "key.pem").write_text("damaged")
    with (
        pytest.raises(PlatformError, match="did not start"),
        process.run_proxy(tmp_path, "http://127.0.0.1:1", 0, tunnel=False),
    ):
        pass
    assert "is damaged" in capfd.readouterr().err


def test_a_port_that_is_taken_is_named(tmp_path, capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(PlatformError, match="did not start"),
            process.run_proxy(tmp_path, "http://127.0.0.1:1", port, tunnel=False),
        ):
            pass
    assert f"Port {port} of 127.0.0.1 cannot be used (" in capfd.readouterr().err


def test_a_proxy_takes_any_free_port_unless_it_is_told_one(start_proxy):
    with start_proxy("http://127.0.0.1:1") as proxy:
        assert proxy.port > 1023


@pytest.fixture
def instead(monkeypatch):
    """Replaces the program of the proxy."""

    def replace(program: str) -> None:
        monkeypatch.setattr(python, "command", lambda module, *given: (sys.executable, "-c", program, *given))

    return replace


def test_a_proxy_gets_its_options_and_a_session_of_its_own(tmp_path, instead):
    instead("import os, sys; print(*sys.argv[2:], os.getsid(0) == os.getpid(), flush=True); sys.stdin.read()")
    for tunnel, last in ((False, ""), (True, " --tunnel")):
        with process.run_proxy(tmp_path, "http://h", 7, tunnel) as said:
            assert said == f"--endpoint http://h --port 7{last} True"


def test_a_proxy_may_end_by_itself(tmp_path, instead, monkeypatch):
    monkeypatch.setattr(process, "STOP_LIMIT_S", 240)
    end = tmp_path / "end"
    instead(f"import sys; print('there', flush=True); sys.stdin.read(); open({str(end)!r}, 'w')")
    with process.run_proxy(tmp_path, "http://h", 0, tunnel=False):
        assert not end.exists()
    assert end.exists()


def test_a_proxy_that_does_not_end_is_killed(tmp_path, instead, monkeypatch):
    monkeypatch.setattr(process, "STOP_LIMIT_S", 0.1)
    end = tmp_path / "end"
    instead(f"import os, time; print(os.getpid(), flush=True); time.sleep(60); open({str(end)!r}, 'w')")
    with process.run_proxy(tmp_path, "http://h", 0, tunnel=False) as said:
        pass
    assert not end.exists()
    until = time.monotonic() + 240
    while psutil.pid_exists(int(said)):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_proxy_ends_when_its_block_raises(tmp_path, instead):
    instead("import os, sys; print(os.getpid(), flush=True); sys.stdin.read()")
    with pytest.raises(KeyError), process.run_proxy(tmp_path, "http://h", 0, tunnel=False) as said:
        raise KeyError
    with pytest.raises(ProcessLookupError):
        os.kill(int(said), 0)
