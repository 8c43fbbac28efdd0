"""Browsers that visit the address of the server see the console; clients of S3 notice nothing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from werkzeug import Request
from werkzeug.test import Client, EnvironBuilder

from wildsage.local_runner.console import PATH
from wildsage.local_runner.console.entrance import Entrance, below, is_visit

BROWSER = {"Host": "localhost:4577", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_browser_is_sent_to_the_console(visitor):
    response = visitor.client.get("/", headers=BROWSER)
    assert response.status_code == 302 and response.location == f"{PATH}/"
    assert "Accept" in response.headers["Vary"]
    assert "<h1>Overview</h1>" in visitor.text("/")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "*/*"},
        {**BROWSER, "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request"},
        {**BROWSER, "Host": "bucket.localhost:4577"},
    ],
    ids=["no header", "curl", "signed", "a bucket's own host"],
)
def test_a_client_of_s3_gets_s3s_answer(visitor, headers):
    response = visitor.client.get("/", headers={"Host": "localhost:4577", **headers})
    assert response.mimetype == "application/xml"


def test_boto3_lists_buckets_at_the_address_that_a_browser_visits(aws):
    aws.s3.create_bucket(Bucket="console-bucket")
    assert "console-bucket" in [bucket["Name"] for bucket in aws.s3.list_buckets()["Buckets"]]


def test_without_the_extra_a_browser_is_told_how_to_install_it(visitor, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "plotly" else find_spec(name))
    response = visitor.client.get("/", headers=BROWSER)
    assert response.status_code == 501
    assert 'pip install "wildsage[console]"' in response.text


def test_a_server_that_nobody_visits_does_not_import_flask():
    program = (
        "import sys, json, wildsage.local_runner.server.app\n"
        "print(json.dumps([name for name in ('flask', 'plotly', 'jinja2') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_a_page_that_does_not_exist_is_404_and_a_page(visitor):
    response = visitor.get("/nowhere")
    assert response.status_code == 404 and "<h1>Not Found</h1>" in response.text


def test_an_object_that_a_browser_opens_runs_no_script(visitor):
    objects = visitor.regions.objects
    objects.create_bucket("bucket")
    objects.put("bucket", "page.html", [b"<script>alert(1)</script>"], "text/html")
    by_browser = visitor.client.get("/bucket/page.html", headers=BROWSER)
    assert by_browser.headers["Content-Security-Policy"] == "sandbox"
    by_client = visitor.client.get("/bucket/page.html", headers={"Host": "localhost:4577"})
    assert "Content-Security-Policy" not in by_client.headers and by_client.data == by_browser.data


def test_another_host_does_not_reach_the_console(visitor):
    response: Client = visitor.client.get(f"{PATH}/", headers={**BROWSER, "Host": "evil.example"})
    assert response.status_code == 403


@pytest.mark.parametrize(
    ("changes", "visits"),
    [
        ({}, True),
        ({"method": "HEAD"}, True),
        ({"method": "POST"}, False),
        ({"path": "/bucket"}, False),
        ({"query_string": "list-type=2"}, False),
        ({"headers": {"Accept": "application/xml"}}, False),
        ({"headers": {}}, False),
        ({"headers": {"Accept": "text/html", "Authorization": "AWS4-HMAC-SHA256 x"}}, False),
        ({"headers": {"Accept": "text/html", "Host": "Bucket.LOCALHOST:4577"}}, False),
        ({"headers": {"Accept": "text/html", "Host": "127.0.0.1:4577"}}, True),
    ],
)
def test_a_visit_is_an_unsigned_request_for_html_at_the_root(changes, visits):
    given = {"path": "/", "headers": {"Accept": "text/html"}, "base_url": "http://localhost:4577", **changes}
    assert is_visit(Request(EnvironBuilder(**given).get_environ())) == visits


@pytest.mark.parametrize(
    ("path", "location"),
    [(PATH, f"{PATH}/"), ("/", f"{PATH}/"), (f"{PATH}x", None), (f"/x{PATH}/", None), ("/bucket/key", None)],
)
def test_paths_below_the_console_are_its_own(path, location):
    entrance = Entrance(SimpleNamespace())  # the pages are not opened
    found = entrance.respond(Request(EnvironBuilder(path, headers={"Accept": "text/html"}).get_environ()))
    assert (found and (found.status_code, found.location, found.headers["Vary"])) == (
        location and (302, location, "Accept")
    )


def test_pages_are_opened_once_and_find_themselves_below_their_path(visitor):
    entrance = Entrance(visitor.regions)
    assert entrance._opened() is entrance._opened()
    assert below("/a", {"PATH_INFO": "/a/b/a", "X": "1"}) == {"PATH_INFO": "/b/a", "SCRIPT_NAME": "/a", "X": "1"}
