"""How errors look in the console, what of other packages it gives, and the regions that an address may name."""

from __future__ import annotations

import errno
import logging
import re

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException, ImATeapot, NotFound

from wildsage.local_runner.console.app import make_app, show_error
from wildsage.local_runner.console.cloud import operation_context, services_of, used_regions
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.wire.errors import AwsError


@pytest.fixture
def app(visitor) -> Flask:
    return make_app(visitor.regions)


def shown(app: Flask, error: Exception) -> tuple[int, str, str]:
    """Status, title and message of an error's page."""
    with app.test_request_context("/"):
        html, status = show_error(error)
    title = re.search("<h1>(.*)</h1>", html)[1]
    return status, title, re.search('class="notice bad">(.*?)</p>', html, re.DOTALL)[1]


def test_blocks_of_templates_leave_no_blank_lines(app):
    template = app.jinja_env.from_string("one\n  {% if true %}\ntwo\n  {% endif %}\nthree")
    assert template.render() == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (NotFound("Not here."), (404, "Not Found", "Not here.")),
        (ImATeapot("Short."), (418, "I&#39;m a teapot", "Short.")),
        (HTTPException("No code."), (500, "Unknown Error", "No code.")),
        (AwsError("ValidationException", "Wrong.", 409), (409, "ValidationException", "Wrong.")),
        (S3Error("NoSuchKey", "Gone."), (404, "NoSuchKey", "Gone.")),
    ],
)
def test_an_error_that_is_expected_says_what_it_is(app, error, wanted):
    assert shown(app, error) == wanted


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (NotFound(), 404, "Not Found"),
        (AwsError("ValidationException", "Wrong."), 400, "ValidationException"),
        (S3Error("NoSuchKey", "Gone."), 404, "NoSuchKey"),
        (ZeroDivisionError(), 500, "Internal error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_of_a_page_is_a_page(app, error, status, title):
    def fails() -> None:
        raise error

    app.add_url_rule("/fails", view_func=fails)
    found = app.test_client().get("/fails", headers={"Host": "localhost:4577"})
    assert found.status_code == status and f"<h1>{title}</h1>" in found.text


def test_one_that_is_not_stays_in_the_log_under_a_reference(app, caplog):
    with caplog.at_level(logging.ERROR):
        status, title, message = shown(app, ZeroDivisionError("secret"))
    assert (status, title) == (500, "Internal error")
    reference = re.search("the reason under ([0-9a-f]{8})", message)[1]
    assert reference in caplog.text and "secret" not in message


def test_a_full_disk_is_named(app, caplog):
    status, title, message = shown(app, OSError(errno.ENOSPC, "No space left on device"))
    assert (status, title) == (507, "The disk is full")
    assert "No space left on device" in message and re.search("Reference: [0-9a-f]{8}", message)


def test_a_script_of_another_package_may_be_kept_for_an_hour(visitor):
    found = visitor.get("/vendor/plotly.min.js")
    assert found.status_code == 200 and "max-age=3600" in found.headers["Cache-Control"]
    assert visitor.get("/vendor/plotly").status_code == 404


def test_only_regions_that_were_used_are_shown_and_any_of_awss_may_be_asked(app, visitor):
    visitor.regions.services("eu-west-1")
    visitor.regions.services("us-east-1")
    with app.test_request_context("/"):
        assert [services.folder.name for services in used_regions()] == ["eu-west-1", "us-east-1"]
        assert services_of("eu-west-1").folder.name == "eu-west-1"
        with pytest.raises(NotFound, match="Nothing has been used in region eu-central-1"):
            services_of("eu-central-1")
        view = operation_context("eu-central-1")
        assert (view.region, view.user_agent, view.services.folder.name) == (
            "eu-central-1",
            "wildsage-console",
            "eu-central-1",
        )
        with pytest.raises(NotFound, match="AWS has no region mars-north-1"):
            operation_context("mars-north-1")
