"""The form of `wildsage serve`: a page of its own files, and nothing that a container's callers notice."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.algorithms.kmeans.spec import SPEC
from wildsage.containers.serving import try_form
from wildsage.containers.serving.handler import Handler
from wildsage.containers.serving.server import application

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Echo:
    """Answers with what it gets."""

    def invocations(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, request.body)

    def execution_parameters(self) -> HttpResponse:
        return HttpResponse(200, b"{}")


def client(endpoint, name="model.tar.gz"):
    app = application(endpoint)
    try_form.add_to(app, endpoint, name)
    return app.test_client()


@pytest.fixture
def kmeans() -> Handler:
    return Handler(KMeansModel(torch.zeros(2, 3)), SPEC)


def test_a_browser_gets_a_form_with_a_row_as_wide_as_the_model(kmeans):
    page = client(kmeans, "<b>.tar.gz").get("/", headers=BROWSER)
    assert page.status_code == 200
    assert 'spellcheck="false">0,0,0</textarea>' in page.text and "<h1>&lt;b&gt;.tar.gz</h1>" in page.text
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "<style" not in page.text


def test_a_model_that_does_not_say_how_wide_it_is_gets_an_empty_form():
    assert 'spellcheck="false"></textarea>' in client(Echo()).get("/", headers=BROWSER).text


@pytest.mark.parametrize("file", ["page.js", "page.css"])
def test_the_files_of_the_page_are_served(file):
    assert client(Echo()).get(f"/form/{file}").status_code == 200


@pytest.mark.parametrize("path", ["/form/page.html", "/form/../try_form.py", "/form/", "/nowhere"])
def test_nothing_else_is_served(path):
    assert client(Echo()).get(path, headers=BROWSER).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/ping"), ("POST", "/invocations"), ("GET", "/execution-parameters")]
)
def test_other_callers_see_what_they_saw_without_the_form(method, path):
    with_form, without = (
        server.open(path, method=method, data=b"1,2", headers={"Content-Type": "text/csv"})
        for server in (client(Echo()), application(Echo()).test_client())
    )
    assert (with_form.status_code, with_form.data) == (without.status_code, without.data)


def test_a_container_has_no_page():
    assert application(Echo()).test_client().get("/", headers=BROWSER).status_code == 404


@pytest.mark.parametrize(("width", "example"), [(1, "0"), (100, ",".join("0" * 100)), (101, "")])
def test_a_row_of_zeros_is_offered_where_it_is_not_too_wide(width, example):
    assert try_form.example_for(Handler(KMeansModel(torch.zeros(2, width)), SPEC)) == ("text/csv", example)


def test_a_model_of_images_begins_with_their_type(kmeans):
    images = replace(kmeans, spec=replace(SPEC, data="images"))
    assert try_form.example_for(images) == ("application/x-image", "")


@pytest.mark.parametrize("path", ["/", "/form/page.js"])
def test_browsers_guard_the_page(path):
    headers = client(Echo()).get(path, headers=BROWSER).headers
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert (
        headers["X-Content-Type-Options"] == "nosniff"
        and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    )


def test_the_form_offers_the_types_that_containers_read_and_write():
    page = client(Echo()).get("/", headers=BROWSER).text
    assert all(name in page for name in ("text/csv", "application/jsonlines", "text/libsvm", "application/x-image"))
