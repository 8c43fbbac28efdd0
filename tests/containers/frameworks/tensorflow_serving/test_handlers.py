"""Handlers of a script around the REST API; the models behind the API are a stand-in, which needs no TensorFlow."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import requests

from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks.tensorflow_serving import handlers
from wildsage.containers.frameworks.tensorflow_serving.handlers import RestServer


class Models:
    """Answers with what it is asked."""

    def call(self, name: str, version: str | None, method: str, body: bytes) -> HttpResponse:
        return HttpResponse(201, f"{name} {version} {method} {body!r}".encode(), "text/plain")

    def status(self, name: str, version: str | None) -> HttpResponse:
        return HttpResponse(202, f"{name} {version}".encode(), "text/csv")


@pytest.fixture(scope="module")
def server() -> RestServer:
    return RestServer(Models())


@pytest.fixture(scope="module")
def client():
    return handlers._application(Models()).test_client()


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("POST", "/v1/models/a:predict", 201, "a None predict b'body'"),
        ("POST", "/v1/models/a/versions/12:classify", 201, "a 12 classify b'body'"),
        ("GET", "/v1/models/a", 202, "a None"),
        ("GET", "/v1/models/a/versions/12", 202, "a 12"),
        ("GET", "/v1/models/a:predict", 400, '{ "error": "Malformed request: GET /v1/models/a:predict" }'),
        ("POST", "/v1/models/a", 400, '{ "error": "Malformed request: POST /v1/models/a" }'),
        (
            "POST",
            "/v1/models/a/versions/b:predict",
            400,
            '{ "error": "Malformed request: POST /v1/models/a/versions/b:predict" }',
        ),
        ("GET", "/v2/models/a", 400, '{ "error": "Malformed request: GET /v2/models/a" }'),
    ],
)
def test_the_paths_of_the_api(client, method, path, status, said):
    answer = client.open(path, method=method, data=b"body")
    assert (answer.status_code, answer.text) == (status, said)
    kinds = {201: "text/plain", 202: "text/csv", 400: "application/json"}
    assert answer.content_type.startswith(kinds[status])


def test_a_handler_learns_what_was_asked(server):
    request = HttpRequest(
        b"body", "text/csv", "text/plain", "tfs-model-name=one,tfs-model-version=3,tfs-method=regress"
    )
    found = server.context(request, "first")
    assert (found.model_name, found.model_version, found.method) == ("one", "3", "regress")
    assert found.rest_uri.endswith("/v1/models/one/versions/3:regress")
    assert (found.request_content_type, found.accept_header, found.content_length) == ("text/csv", "text/plain", 4)
    assert found.custom_attributes == request.custom_attributes and found.grpc_port is found.channel is None


def test_a_request_that_names_nothing_is_one_for_the_first_model(server):
    found = server.context(HttpRequest(b""), "first")
    assert (found.model_name, found.model_version, found.method) == (None, None, None)
    assert found.rest_uri.endswith("/v1/models/first:predict")
    assert found.request_content_type == found.accept_header == "application/json"
    assert requests.post(found.rest_uri, data=b"1", timeout=240).text == "first None predict b'1'"


def test_one_handler_does_it_all_and_two_do_it_around_the_api(server):
    context = server.context(HttpRequest(b"body"), "first")
    own = SimpleNamespace(handler=lambda data, about: (data.read(), about.rest_uri), input_handler=print)
    assert handlers.of_module(own) is own.handler
    both = SimpleNamespace(
        input_handler=lambda data, about: data.read().upper(),
        output_handler=lambda answer, about: (answer.content, about.accept_header),
    )
    answered = handlers.of_module(both)(handlers.data_of(HttpRequest(b"body")), context)
    assert answered == (b"first None predict b'BODY'", "application/json")


@pytest.mark.parametrize("names", [(), ("input_handler",), ("output_handler",)])
def test_a_module_without_handlers_says_what_is_expected(names):
    with pytest.raises(UserError, match=r"^Handlers are not implemented correctly in user script"):
        handlers.of_module(SimpleNamespace(**dict.fromkeys(names, print)))


def test_the_api_answers_several_requests_at_a_time_in_threads_that_do_not_outlive_the_process(server):
    """Each of two requests waits until the other one has come, too."""
    meeting = threading.Barrier(2, timeout=240)

    class Meeting(Models):
        def call(self, *asked: object) -> HttpResponse:
            meeting.wait()
            return super().call(*asked)

    before = set(threading.enumerate())
    second = RestServer(Meeting())
    assert all(thread.daemon for thread in set(threading.enumerate()) - before)
    uri = second.context(HttpRequest(b""), "a").rest_uri
    assert uri != server.context(HttpRequest(b""), "a").rest_uri, "each server has a port of its own"
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: requests.post(uri, data=b"1", timeout=240), range(2)))
    assert [answer.text for answer in answers] == ["a None predict b'1'"] * 2


def test_requests_to_the_api_are_not_logged(caplog):
    logging.getLogger("werkzeug").setLevel(logging.NOTSET)
    caplog.set_level(logging.INFO)
    uri = RestServer(Models()).context(HttpRequest(b""), "a").rest_uri
    assert requests.post(uri, data=b"1", timeout=240).ok
    assert not [record for record in caplog.records if record.name == "werkzeug"]
