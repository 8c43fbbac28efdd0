"""A local AWS in this process, for requests to its console without a socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from wildsage.local_runner.console import PATH
from wildsage.local_runner.server.app import App
from wildsage.local_runner.server.services import Regions
from wildsage.local_runner.settings import ServerSettings

HOST = "localhost:4577"
ORIGIN = f"http://{HOST}"
BROWSER = {"Host": HOST, "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
TOKEN = re.compile(r'name="form-token" content="([^"]+)"')


@dataclass
class Visitor:
    """A browser without scripts: it keeps cookies and the token of the last page."""

    regions: Regions
    client: Client

    def get(self, path: str, **headers: str) -> TestResponse:
        """The response to a visit of a page; `path` is what follows the path of the console."""
        return self.client.get(f"{PATH}{path}", headers={**BROWSER, **headers})

    def text(self, path: str) -> str:
        """The HTML of a page that has to be there."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        return response.text

    def token(self) -> str:
        """The token that the forms of this visitor send."""
        return TOKEN.search(self.get("/").text)[1]

    def post(self, path: str, data: dict[str, Any] | None = None, origin: str = ORIGIN) -> TestResponse:
        """The response to a form that a page of the console sent."""
        fields = {"form_token": self.token(), **(data or {})}
        return self.client.post(f"{PATH}{path}", data=fields, headers={**BROWSER, "Origin": origin})


@pytest.fixture
def open_console(tmp_path: Path) -> Iterator[Callable[..., Visitor]]:
    """Opens the console of a server with any settings."""
    apps: list[App] = []

    def start(**settings: Any) -> Visitor:
        regions = Regions(ServerSettings(tmp_path / "aws", **settings))
        apps.append(App(regions))
        return Visitor(regions, Client(apps[-1]))

    (tmp_path / "aws").mkdir()
    yield start
    for app in apps:
        app.close()


@pytest.fixture
def visitor(open_console: Callable[..., Visitor]) -> Visitor:
    """A visitor of the console of an empty server."""
    return open_console()


@pytest.fixture(scope="session")
def browser(aws: Any) -> Iterator[Any]:
    """Chromium at the console of the server that all tests share. Skips where there is none."""
    from tests.local_runner.console.browser import Browser  # Selenium

    found = Browser.start(aws.endpoint)
    yield found
    found.close()
