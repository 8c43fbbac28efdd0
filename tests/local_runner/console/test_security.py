"""A page of the console loads its own files alone, and a change comes from a form of the console alone."""

from __future__ import annotations

import io
import re

import pytest

from wildsage.local_runner.console import PATH
from wildsage.local_runner.signatures import keys


def test_the_policy_lets_a_page_load_the_consoles_files_alone(visitor):
    policy = dict(part.split(" ", 1) for part in visitor.get("/").headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    own = f"http://localhost:4577{PATH}"
    assert policy["script-src"].split() == [f"{own}/static/", f"{own}/vendor/"]
    assert "unsafe" not in str(policy)


@pytest.mark.parametrize("path", ["/", "/static/console.css", "/vendor/plotly.min.js", "/nowhere"])
def test_every_response_forbids_guessing_its_type(visitor, path):
    assert visitor.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_only_listed_files_of_other_packages_are_served(visitor):
    for name in ("plotly.py", "../__init__.py", "package_data/plotly.min.js"):
        assert visitor.get(f"/vendor/{name}").status_code == 404


def test_the_cookie_is_for_the_console_alone(visitor):
    cookie = visitor.get("/").headers["Set-Cookie"]
    assert f"Path={PATH}" in cookie and "SameSite=Strict" in cookie and "HttpOnly" in cookie


def test_a_form_needs_the_token_and_the_origin_of_the_page(visitor):
    assert visitor.post("/logout").status_code == 302
    assert visitor.post("/logout", {"form_token": "guessed"}).status_code == 403
    assert visitor.post("/logout", {"form_token": ""}).status_code == 403
    assert visitor.post("/logout", origin="http://localhost:8888").status_code == 403
    assert visitor.post("/logout", origin="null").status_code == 403


def test_sessions_of_two_servers_on_one_host_are_apart(visitor):
    name = visitor.get("/").headers["Set-Cookie"].partition("=")[0]
    assert re.fullmatch(r"wildsage_[0-9a-f]{8}", name)
    assert len(visitor.token()) == 43, "256 random bits"


def test_a_change_needs_a_session(visitor):
    headers = {"Host": "localhost:4577", "Origin": "http://localhost:4577", "X-Form-Token": ""}
    assert visitor.client.post(f"{PATH}/logout", headers=headers, data={"form_token": ""}).status_code == 403
    assert visitor.client.options(f"{PATH}/logout", headers={"Host": "localhost:4577"}).status_code == 200


def test_pages_are_not_stored_and_files_of_the_console_are(visitor):
    assert visitor.get("/").headers["Cache-Control"] == "no-store"
    assert visitor.get("/static/console.css").headers.get("Cache-Control") != "no-store"
    headers = visitor.get("/").headers
    names = ("Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy")
    assert {headers[name] for name in names} == {"same-origin"}


def test_a_script_sends_the_token_in_a_header(visitor):
    headers = {"Host": "localhost:4577", "Origin": "http://localhost:4577"}
    assert visitor.client.post(f"{PATH}/logout", headers=headers).status_code == 403
    headers["X-Form-Token"] = visitor.token()
    assert visitor.client.post(f"{PATH}/logout", headers=headers).status_code == 302


def test_where_requests_are_signed_the_console_asks_for_the_key(open_console, tmp_path):
    visitor = open_console(keys=keys.ensure(tmp_path / "aws"))
    assert visitor.get("/").location == f"{PATH}/login"
    assert visitor.get("/now", **{"Sec-Fetch-Mode": "cors"}).status_code == 401
    assert 'type="password"' in visitor.text("/login")


def test_nothing_is_read_from_who_has_not_signed_in(open_console, tmp_path):
    visitor = open_console(keys=keys.ensure(tmp_path / "aws"))
    visitor.get("/login")  # gives a token, as everybody gets one
    headers = {"Host": "localhost:4577", "Origin": "http://localhost:4577"}

    class Unread(io.BytesIO):
        def read(self, *_):
            raise AssertionError("The body was read.")

    body = {"input_stream": Unread(), "content_type": "multipart/form-data; boundary=x", "content_length": 100}
    assert visitor.client.post(f"{PATH}/s3/buckets/b", headers=headers, **body).status_code == 401
    for length, status in ((10_000, 403), (10_001, 413)):
        form = b"form_token=x&secret=".ljust(length, b"x")
        kind = "application/x-www-form-urlencoded"
        assert visitor.client.post(f"{PATH}/login", headers=headers, data=form, content_type=kind).status_code == status


def test_who_shows_the_key_is_let_in_until_signing_out(open_console, tmp_path):
    secret = keys.ensure(tmp_path / "aws").secret
    visitor = open_console(keys=keys.ensure(tmp_path / "aws"))

    def send(path, **fields):
        token = visitor.get("/login").text.split('form-token" content="')[1].split('"')[0]
        headers = {"Host": "localhost:4577", "Origin": "http://localhost:4577"}
        return visitor.client.post(f"{PATH}{path}", data={"form_token": token, **fields}, headers=headers)

    assert send("/login", secret="wrong").status_code == 403
    assert visitor.get("/").status_code == 302
    assert send("/login", secret=secret).location == f"{PATH}/"
    assert secret in visitor.text("/")
    assert send("/logout").status_code == 302
    assert visitor.get("/").status_code == 302
