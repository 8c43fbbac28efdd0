"""What is said of a port that cannot be listened on."""

from __future__ import annotations

import socket

import pytest

from wildsage.algorithms.base.ports import free_port
from wildsage.local_runner.processes import ports


def test_a_port_in_use_is_told_from_an_address_of_another_machine():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ports.problem("127.0.0.1", port) == (
            f"Port {port} of 127.0.0.1 cannot be used (Address already in use). Choose another with --port."
        )


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_this_machine_does_not_have_is_named(host):
    said = ports.problem(host, 0)
    assert said.startswith(f"{host} is not an address of this machine (")
    assert said.endswith("Choose another with --bind.")


def test_a_free_port_can_be_listened_on_also_right_after_a_server():
    address = ("127.0.0.1", free_port())
    with socket.create_server(address) as server, socket.create_connection(address) as client:
        server.accept()[0].close()  # this end waits for a while then
        client.recv(1)
    assert ports.problem(*address) is None
