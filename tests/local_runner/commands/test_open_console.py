"""`wildsage open` finds the server, prints the address of its console and gives it to a browser."""

from __future__ import annotations

import webbrowser

import pytest

from wildsage.algorithms.base.ports import free_port
from wildsage.local_runner.commands import open_console as command
from wildsage.local_runner.server.lock import RunningServer

ENDPOINT = "http://127.0.0.1:4577"


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The addresses that a browser was given."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) is None)
    return addresses


def test_the_console_of_the_server_of_a_folder_is_opened(cli, opened, tmp_path, monkeypatch):
    folders = []
    monkeypatch.setattr(command.lock, "running", lambda data: folders.append(data) or RunningServer(ENDPOINT, 1))
    said = cli("open", "--data", tmp_path)
    assert (said.status, said.out, said.err) == (0, f"{ENDPOINT}/_wildsage/console/\n", "")
    assert opened == [f"{ENDPOINT}/_wildsage/console/"] and folders == [tmp_path]


@pytest.mark.parametrize("port", [1, 65_535])
def test_a_server_is_found_by_its_port(cli, opened, monkeypatch, port):
    asked = []
    monkeypatch.setattr(command, "answers", lambda *arguments, timeout_s: asked.append((*arguments, timeout_s)) is None)
    assert cli("open", "--port", port).status == 0
    assert opened == [f"http://127.0.0.1:{port}/_wildsage/console/"]
    assert asked == [(port, "/_wildsage/health", 5)]


@pytest.mark.parametrize("port", [0, 65_536])
def test_what_is_not_a_port_is_wrong_usage(cli, opened, port):
    assert cli("open", "--port", port).status == 2
    assert opened == []


def test_where_no_browser_is_the_address_is_still_printed(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(command.lock, "running", lambda data: RunningServer(ENDPOINT, 1))
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    said = cli("open", "--data", tmp_path)
    assert said.status == 0 and ENDPOINT in said.out and "Open the address in one yourself." in said.err


def test_without_a_server_the_command_that_starts_one_is_named(cli, opened, tmp_path):
    said = cli("open", "--data", tmp_path)
    assert said.status == 1 and f"`wildsage up -d --data {tmp_path}` starts one." in said.err
    port = free_port()
    said = cli("open", "--port", port)
    assert said.status == 1 and f"`wildsage up -d --port {port}` starts one there." in said.err
    assert opened == []
