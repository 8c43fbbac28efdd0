"""The parts of the plugin: the process that forks servers, and the clients of one; whole sessions have a file of their own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from wildsage.local_runner.client.shim import sitecustomize as shim
from wildsage.local_runner.testing import pytest_plugin as plugin
from wildsage.local_runner.testing.pytest_plugin import ForkServer

ENDPOINT = "http://127.0.0.1:40123"
PROGRAM = """
import json, os, sys
for line in sys.stdin:
    order = json.loads(line)
    with open(sys.argv[1], "a") as orders:
        print(json.dumps(order | {"path": os.environ["PYTHONPATH"]}), file=orders)
    folder = order.get("start", "")
    if folder.endswith("ends"):
        sys.exit(3)
    answer = {"error": "why not"} if folder.endswith("bad") else {"endpoint": "http://127.0.0.1:40123"}
    print(json.dumps(answer if folder else {}), flush=True)
with open(sys.argv[1], "a") as orders:
    print('"the end"', file=orders)
"""


class Orders:
    """What a program in place of the real one was told."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> list:
        return [json.loads(line) for line in self._file.read_text().splitlines()]


@pytest.fixture
def orders(tmp_path, monkeypatch) -> Orders:
    """Processes that fork servers run a program that forks none."""
    modules = []

    def command(module: str) -> list[str]:
        modules.append(module)
        assert modules == ["wildsage.local_runner.testing.fork_server"]
        return [sys.executable, "-I", "-S", "-c", PROGRAM, str(tmp_path / "orders")]

    monkeypatch.setattr(plugin.python, "command", command)
    return Orders(tmp_path / "orders")


def test_servers_are_started_and_ended_by_one_process_and_end_with_it(orders, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/of/the/user")
    fork_server = ForkServer()
    assert fork_server.start(tmp_path / "a") == fork_server.start(tmp_path / "b", token=True) == ENDPOINT
    fork_server.end(tmp_path / "a")
    fork_server.close()
    path = plugin.python.environment(os.environ)["PYTHONPATH"]
    assert path.endswith(":/of/the/user")
    assert orders.read() == [
        {"start": str(tmp_path / "a"), "path": path},
        {"start": str(tmp_path / "b"), "token": "yes", "path": path},
        {"end": str(tmp_path / "a"), "path": path},
        "the end",
    ]


def test_why_a_server_does_not_start_is_told(orders, tmp_path):
    fork_server = ForkServer()
    with pytest.raises(RuntimeError, match=r"^The local AWS for this test did not start: why not$"):
        fork_server.start(tmp_path / "bad")
    with pytest.raises(RuntimeError, match=r"^The process that starts servers for tests has ended \(status 3\); "):
        fork_server.start(tmp_path / "ends")
    with pytest.raises(RuntimeError, match=r"has ended \(status 3\)"):  # and also where it cannot be asked any more
        fork_server.end(tmp_path / "ends")


def test_signatures_are_a_setting_that_is_off():
    options = {}
    plugin.pytest_addoption(SimpleNamespace(addini=lambda name, help, **given: options.update({name: given})))
    assert options == {"wildsage_token": {"type": "bool", "default": False}}


class Servers:
    """Remembers what was started and ended, and where clients went then."""

    def __init__(self) -> None:
        self.happened: list[tuple] = []

    def start(self, data: Path, token: bool) -> str:
        self.happened.append(("start", data, token))
        return ENDPOINT

    def end(self, data: Path) -> None:
        self.happened.append(("end", data, os.environ.get("AWS_ENDPOINT_URL")))


@pytest.mark.parametrize("token", [False, True])
def test_a_server_ends_with_its_test_also_where_that_fails(tmp_path, monkeypatch, token):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    servers, config = Servers(), SimpleNamespace(getini={"wildsage_token": token}.__getitem__)
    with pytest.raises(ZeroDivisionError), plugin._local_aws(servers, tmp_path, config) as aws:
        assert (aws.endpoint, aws.data, os.environ["AWS_ENDPOINT_URL"]) == (ENDPOINT, tmp_path, ENDPOINT)
        assert aws.role == "arn:aws:iam::000000000000:role/WildsageRole"
        raise ZeroDivisionError
    assert servers.happened == [("start", tmp_path, token), ("end", tmp_path, None)]


def test_clients_of_a_test_are_those_of_its_server_and_wait_briefly(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of a real account")
    monkeypatch.setenv("WILDSAGE_SDK_POLLING", "1")
    before = dict(os.environ)
    with plugin._clients_of(ENDPOINT, tmp_path):
        assert "AWS_SESSION_TOKEN" not in os.environ and "WILDSAGE_SDK_POLLING" not in os.environ
        assert os.environ["AWS_ENDPOINT_URL"] == os.environ["WILDSAGE_ENDPOINT"] == ENDPOINT
    assert dict(os.environ) == before


def test_a_session_of_before_is_not_that_of_the_test_and_comes_back(tmp_path, monkeypatch):
    boto3 = SimpleNamespace(DEFAULT_SESSION="theirs")
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    with pytest.raises(ZeroDivisionError), plugin._clients_of(ENDPOINT, tmp_path):
        assert boto3.DEFAULT_SESSION is None
        boto3.DEFAULT_SESSION = "ours"
        raise ZeroDivisionError
    assert boto3.DEFAULT_SESSION == "theirs"
    monkeypatch.delitem(sys.modules, "boto3")
    with plugin._clients_of(ENDPOINT, tmp_path):
        boto3.DEFAULT_SESSION = "imported meanwhile"
        monkeypatch.setitem(sys.modules, "boto3", boto3)
    assert boto3.DEFAULT_SESSION is None


def test_libraries_are_patched_by_the_outermost_test_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if not isinstance(one, shim.ImportPatcher)])
    monkeypatch.setattr(shim, "replaced", [])
    with plugin._shim():
        patchers = [one for one in sys.meta_path if isinstance(one, shim.ImportPatcher)]
        assert [one.patches for one in patchers] == [shim.LOCAL_CLIENTS | shim.SHORT_POLLING]
        with plugin._shim():
            assert [one for one in sys.meta_path if isinstance(one, shim.ImportPatcher)] == patchers
        assert shim.installed()
    assert not shim.installed()
    with pytest.raises(ZeroDivisionError), plugin._shim():
        raise ZeroDivisionError
    assert not shim.installed()
