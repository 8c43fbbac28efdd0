"""`wildsage open` finds the server, prints the address of its console and gives it to a browser."""

from __future__ import annotations

import socket
import webbrowser
from contextlib import closing

import pytest
import urllib3


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The addresses that a browser was given."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) is None)
    return addresses


def test_the_console_of_the_running_server_is_opened(aws, cli, opened):
    said = cli("open", "--data", aws.data)
    assert (said.status, said.out.strip(), said.err) == (0, f"{aws.endpoint}/_wildsage/console/", "")
    assert opened == [said.out.strip()]
    page = urllib3.request("GET", opened[0], headers={"Accept": "text/html"}, timeout=240)
    assert page.status == 200 and b"<h1>Overview</h1>" in page.data


def test_a_server_of_another_folder_is_found_by_its_port(aws, cli, opened):
    port = aws.endpoint.rpartition(":")[2]
    assert cli("open", "--port", port).status == 0
    assert opened == [f"http://127.0.0.1:{port}/_wildsage/console/"]


def test_where_no_browser_is_the_address_is_still_printed(aws, cli, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    said = cli("open", "--data", aws.data)
    assert said.status == 0 and aws.endpoint in said.out and "Open the address in one yourself." in said.err


def test_without_a_server_the_command_that_starts_one_is_named(cli, opened, tmp_path):
    said = cli("open", "--data", tmp_path)
    assert said.status == 1 and f"`wildsage up -d --data {tmp_path}` starts one." in said.err
    with closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        port = deaf.getsockname()[1]
    said = cli("open", "--port", port)
    assert said.status == 1 and f"`wildsage up -d --port {port}` starts one there." in said.err
    assert opened == []
