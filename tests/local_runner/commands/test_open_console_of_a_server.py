"""`wildsage open` with a server that runs."""

from __future__ import annotations

import webbrowser

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
