"""Ports at which a program of a job will listen."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from wildsage.algorithms.base import ports
from wildsage.algorithms.base.errors import PlatformError

GIVEN_BY_LINUX = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_program_can_listen_there():
    with socket.create_server(("127.0.0.1", ports.free_port())) as listener:
        assert listener.getsockname()[1] != ports.free_port()


@pytest.mark.skipif(not GIVEN_BY_LINUX.exists(), reason=f"needs {GIVEN_BY_LINUX}")
def test_a_program_that_asks_for_any_port_gets_none_of_them():
    first = int(GIVEN_BY_LINUX.read_text().split()[0])
    assert max(ports.FREE_PORTS) < first


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_at_which_something_listens_is_passed_over(monkeypatch, address):
    with socket.create_server((address, ports.free_port())) as listener:
        port = listener.getsockname()[1]
        free = ports.free_port()
        monkeypatch.setattr(ports, "FREE_PORTS", [*[port] * (ports.TRIES - 1), free])
        assert ports.free_port() == free


def test_a_machine_without_a_free_port_is_told(monkeypatch):
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        taken = [listener.getsockname()[1] for listener in listeners]
        monkeypatch.setattr(ports, "FREE_PORTS", taken)
        monkeypatch.setattr(ports, "TRIES", 3)
        with pytest.raises(PlatformError, match=f": 3 of {taken[0]} to {taken[-1]} were tried, the last: .*in use"):
            ports.free_port()
