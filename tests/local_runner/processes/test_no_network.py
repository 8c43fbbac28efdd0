"""A command has no network but its own loopback, and answers on a socket that it inherits."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests import namespaces
from wildsage.local_runner.processes import no_network

pytestmark = pytest.mark.skipif(not namespaces.allowed("net"), reason="this machine has no network namespaces")

REACHES = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"
ANSWERS = """
import socket, sys
with socket.socket(fileno=int(sys.argv[1])) as listener:
    listener.accept()[0].sendall(b"from inside")
"""
TALKS_TO_ITSELF = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"


def run(*command: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a command without a network, by a program that stands before it."""
    whole = [*before, *no_network.without_network(command)]
    return subprocess.run(whole, capture_output=True, text=True, timeout=240)


def test_this_machine_can_do_without():
    assert no_network.problem.__wrapped__() is None


def test_a_server_of_this_machine_is_not_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = [str(part) for part in server.getsockname()]
        assert subprocess.run([sys.executable, "-c", REACHES, *address]).returncode == 0
        assert "Connection refused" in run(sys.executable, "-c", REACHES, *address).stderr


@pytest.mark.parametrize("before", [(), namespaces.AS_A_USER], ids=["as we are", "as a user"])
def test_a_command_reaches_itself(before):
    assert run(sys.executable, "-c", TALKS_TO_ITSELF, before=before).returncode == 0


def test_a_socket_that_it_inherits_is_asked_from_outside():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = no_network.without_network([sys.executable, "-c", ANSWERS, str(listener.fileno())])
        with subprocess.Popen(command, pass_fds=[listener.fileno()]) as process:
            with socket.create_connection(listener.getsockname(), timeout=240) as client:
                assert client.recv(100) == b"from inside"
            assert process.wait(240) == 0


def test_status_and_signals_are_the_commands_own():
    assert run("/bin/sh", "-c", "exit 7").returncode == 7
    assert run("/bin/sh", "-c", "kill -TERM $$").returncode == -15


@pytest.mark.parametrize(
    ("returncode", "stderr", "said"),
    [
        (0, "a warning", None),
        (1, "first\nnetwork namespaces are not permitted: no\n", "network namespaces are not permitted: no"),
        (1, "", "the attempt failed"),
        (-9, "  \n", "the attempt failed"),
    ],
)
def test_what_an_attempt_says_is_the_problem(monkeypatch, returncode, stderr, said):
    done = subprocess.CompletedProcess([], returncode, "", stderr)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    assert no_network.problem.__wrapped__() == said


def test_the_attempt_is_that_of_a_process(monkeypatch):
    for script, said in (("echo first >&2; echo why >&2; exit 1", "why"), ("echo warning >&2", None)):
        monkeypatch.setattr(no_network, "without_network", lambda _, script=script: ["/bin/sh", "-c", script])
        assert no_network.problem.__wrapped__() == said


def test_an_attempt_that_does_not_end_is_a_problem(monkeypatch):
    def slow(*_: object, **given: float) -> None:
        raise subprocess.TimeoutExpired([], given["timeout"])

    monkeypatch.setattr(subprocess, "run", slow)
    assert no_network.problem.__wrapped__() == "the attempt took more than 10 s"


def test_other_systems_have_no_network_namespaces(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert no_network.problem.__wrapped__() == "darwin has no network namespaces"


@pytest.mark.parametrize("before", [(), namespaces.AS_A_USER], ids=["as we are", "as a user"])
def test_the_user_stays_the_same_and_has_no_interface_but_the_loopback(before):
    found = run("/bin/sh", "-c", "id -u; id -g; grep : /proc/net/dev | cut -d: -f1", before=before).stdout.split()
    assert found == [str(os.getuid()), str(os.getgid()), "lo"]
