"""The site builds without a warning, its links and anchors lead somewhere, and it needs no other site."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer

import wildsage
from wildsage import algorithms
from wildsage.local_runner.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
SPHINX = ("-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--conf-dir", "docs/site")


class Page(HTMLParser):
    """Links, anchors, and what a browser would load of a page of HTML."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loaded: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img", "iframe", "source", "video") and "src" in given:
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") == "stylesheet":
            self.loaded.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder of the built site."""
    pytest.importorskip("sphinx", reason="needs wildsage[docs]")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, *SPHINX, "--doctree-dir", str(folder / "doctrees"), str(ROOT), str(folder / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def broken_links(pages: dict[Path, Page]) -> Iterator[str]:
    """The links to files and anchors that are not there. Those to other sites are left alone: they need a network."""
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in pages[target].anchors):
                yield f"{path.name} links to {link}"


def test_every_link_and_anchor_leads_somewhere(pages):
    assert len(pages) > 40
    assert not list(broken_links(pages))


def test_a_broken_link_and_a_broken_anchor_are_found(tmp_path):
    page = tmp_path / "a.html"
    page.write_text(
        '<a href="#here" id="here">1</a> <a href="#there">2</a> <a href="b.html">3</a> <a href="https://x">4</a>'
    )
    assert list(broken_links({page: Page(page)})) == ["a.html links to #there", "a.html links to b.html"]


def test_nothing_is_loaded_from_another_site(pages):
    loaded = [
        (path.name, address) for path, page in pages.items() for address in page.loaded if urlsplit(address).netloc
    ]
    assert not loaded


def test_every_algorithm_has_a_page(site):
    for name in algorithms.names():
        assert (site / "algorithms" / name / "README.html").exists()


def test_every_command_is_on_the_page_of_the_command_line(site):
    anchors = Page(site / "docs" / "command_line.html").anchors
    commands = typer.main.get_command(app).commands
    assert {f"wildsage-{name}" for name in commands} <= anchors


def test_every_public_name_is_on_the_page_of_python(site):
    anchors = Page(site / "docs" / "python.html").anchors
    names = {name.lower().replace("_", "-") for name in wildsage.__all__ if name != "__version__"}
    assert names <= {anchor.replace("_", "-") for anchor in anchors}
