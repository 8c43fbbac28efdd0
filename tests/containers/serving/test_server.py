"""The routes of an endpoint, asked without a socket; tests/containers/test_running_server.py asks the running server."""

from __future__ import annotations

import io
import os
import pwd
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from types import SimpleNamespace

import pytest
import torch
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers.contract.patient_worker import ClientTooSlow
from wildsage.containers.serving import server
from wildsage.containers.serving.handler import Handler
from wildsage.containers.serving.server import (
    CUSTOM_ATTRIBUTES,
    INVOCATIONS_PER_WORKER,
    MAX_BODY_BYTES,
    THREADS_PER_WORKER,
    EndpointServer,
    application,
    multi_model_application,
)

CSV = {"Content-Type": "text/csv", "Accept": "text/csv"}
ATTRIBUTES = {CUSTOM_ATTRIBUTES: "trace=7"}


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(application(Handler(KMeansModel(torch.tensor([[0.0, 0.0], [3.0, 4.0]])), KMeans.spec)))


def test_every_answer_of_the_model_carries_the_callers_attributes(client):
    for body, status in ((b"3,0\n", 200), (b"x", 400)):
        answer = client.post("/invocations", data=body, headers=CSV | ATTRIBUTES)
        assert (answer.status_code, answer.headers[CUSTOM_ATTRIBUTES]) == (status, "trace=7")
    assert CUSTOM_ATTRIBUTES not in client.post("/invocations", data=b"3,0\n", headers=CSV).headers


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("HEAD", "/ping", HTTPStatus.OK, None),
        ("OPTIONS", "/ping", HTTPStatus.METHOD_NOT_ALLOWED, {"GET", "HEAD"}),
        ("GET", "/invocations", HTTPStatus.METHOD_NOT_ALLOWED, {"POST"}),
        ("OPTIONS", "/invocations", HTTPStatus.METHOD_NOT_ALLOWED, {"POST"}),
        ("POST", "/invocations/", HTTPStatus.NOT_FOUND, None),
        ("GET", "/static/anything", HTTPStatus.NOT_FOUND, None),
        ("GET", "/models", HTTPStatus.NOT_FOUND, None),
    ],
)
def test_other_paths_and_methods_are_rejected(client, method, path, status, allowed):
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert (set(answer.headers["Allow"].split(", ")) if "Allow" in answer.headers else None) == allowed


def test_a_body_without_a_length_is_read_to_its_end(client):
    chunked = EnvironBuilder("/invocations", method="POST", input_stream=io.BytesIO(b"3,0\n"), headers=CSV)
    environ = {**chunked.get_environ(), "wsgi.input_terminated": True}
    environ.pop("CONTENT_LENGTH", None)
    assert client.open(environ).data == b"0.0,3.0\n"


def test_a_form_is_a_body_like_any_other(client):
    answer = client.post("/invocations", data=b"3,0\n", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 415 and "'application/x-www-form-urlencoded'" in answer.text


def test_the_server_has_the_shared_options_and_its_own(client):
    config: Config = EndpointServer(lambda: client.application, "127.0.0.1:0", workers=3).cfg
    assert (config.workers, config.threads, config.preload_app) == (3, THREADS_PER_WORKER, True)
    assert (THREADS_PER_WORKER, INVOCATIONS_PER_WORKER) == (64, 4)
    assert (config.timeout, config.worker_class.__name__, config.forwarded_allow_ips) == (0, "PatientWorker", [])


def test_no_more_invocations_compute_at_a_time_than_have_a_slot():
    computing: set[int] = set()
    seen: list[int] = []
    together = threading.Barrier(INVOCATIONS_PER_WORKER, timeout=240)

    class Slow:
        def invocations(self, request: HttpRequest) -> HttpResponse:
            computing.add(threading.get_ident())
            together.wait()
            seen.append(len(computing))
            together.wait()
            computing.discard(threading.get_ident())
            return HttpResponse(200, request.body)

    app = application(Slow())
    with ThreadPoolExecutor(3 * INVOCATIONS_PER_WORKER) as pool:
        answers = pool.map(lambda n: app.test_client().post("/invocations", data=str(n)).text, range(12))
        assert list(answers) == [str(n) for n in range(12)]
    assert max(seen) == INVOCATIONS_PER_WORKER


def test_a_body_that_stops_is_answered_with_408(client):
    class Stopped(io.RawIOBase):
        def read(self, _size: int = -1) -> bytes:
            raise ClientTooSlow

        def readinto(self, _buffer: object) -> int:
            raise ClientTooSlow

    environ = EnvironBuilder("/invocations", method="POST", data=b"123456789").get_environ()
    body, status, _ = run_wsgi_app(client.application, {**environ, "wsgi.input": Stopped()})
    assert (status, b"".join(body)) == ("408 REQUEST TIMEOUT", b"The body of the request did not arrive in time.")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:8080"}, 200),
        ({"Host": "localhost", "Origin": "http://localhost:8888"}, 200),
        ({"Host": "rebound.example:8080"}, 403),
        ({"Host": "me@localhost"}, 403),
        ({"Host": "localhost", "Origin": "https://evil.example"}, 403),
        ({"Host": "localhost", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/ping", "/invocations"])
def test_where_only_this_machine_may_ask_web_pages_may_not(path, headers, status):
    model = Handler(KMeansModel(torch.tensor([[0.0, 0.0], [3.0, 4.0]])), KMeans.spec)
    local, anywhere = (
        Client(EndpointServer(lambda: application(model), "127.0.0.1:0", 1, local=local).load())
        for local in (True, False)
    )
    method, data = ("GET", None) if path == "/ping" else ("POST", b"3,0\n")
    for client, expected in ((local, status), (anywhere, 200)):
        assert client.open(path, method=method, data=data, headers=CSV | headers).status_code == expected


ENDING = """
import atexit, sys, time
import flask
from wildsage.containers.serving.server import EndpointServer

class Server(EndpointServer):
    shares_model = {shares}

    def load_config(self):
        super().load_config()
        self.cfg.set("when_ready", lambda arbiter: print("ready", flush=True))

def load():
    atexit.register({at_exit})
    print("loaded", flush=True)
    return flask.Flask("app")

Server(load, "127.0.0.1:0", 1).run()
"""


@pytest.mark.parametrize(
    ("shares", "at_exit", "said"), [(True, "time.sleep, 600", ""), (False, "print, 'bye', flush=True", "bye\n")]
)
def test_the_end_takes_no_interpreter_apart_but_calls_what_a_script_registered(shares, at_exit, said):
    """Taking apart an interpreter with torch in it takes seconds; here it would take ten minutes."""
    command = [sys.executable, "-c", ENDING.format(shares=shares, at_exit=at_exit)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert {server.stdout.readline() for _ in range(2)} == {"ready\n", "loaded\n"}
        server.terminate()
        out, _ = server.communicate(timeout=300)
    assert (server.returncode, out) == (0, said)


class Models:
    """A multi-model container that answers with what it is asked."""

    def __getattr__(self, name: str):
        def answer(*arguments: object) -> HttpResponse:
            shown = [one.body if isinstance(one, HttpRequest) else one for one in arguments]
            return HttpResponse(200, f"{name} {shown}".encode(), "text/plain")

        return answer


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "/models", "list [None]"),
        ("GET", "/models?next_page_token=a", "list ['a']"),
        ("POST", "/models", "load [b'body']"),
        ("GET", "/models/one", "describe ['one']"),
        ("DELETE", "/models/one", "unload ['one']"),
        ("POST", "/models/one/invoke", "invoke ['one', b'body']"),
    ],
)
def test_a_multi_model_container_has_the_routes_of_the_contract(method, path, said):
    client = Client(multi_model_application(Models()))
    answer = client.open(path, method=method, data=b"body", headers=ATTRIBUTES)
    assert (answer.status_code, answer.text, answer.headers[CUSTOM_ATTRIBUTES]) == (200, said, "trace=7")
    assert client.open("/invocations", method="POST").status_code == 404
    assert client.get("/ping").status_code == 200


@pytest.mark.parametrize(("length", "fits"), [(MAX_BODY_BYTES, True), (MAX_BODY_BYTES + 1, False)])
def test_a_body_may_have_the_largest_length_and_no_more(length, fits):
    """The model does not read it."""

    class Lazy:
        def invocations(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, b"")

    environ = EnvironBuilder("/invocations", method="POST", data=b"1").get_environ()
    body, status, _ = run_wsgi_app(application(Lazy()), {**environ, "CONTENT_LENGTH": str(length)})
    assert (status[:3] == "413") is not fits
    assert fits or b"".join(body) == b"The body is larger than 104857600 bytes."


def test_several_models_share_the_slots():
    computing: list[int] = []
    together = threading.Barrier(INVOCATIONS_PER_WORKER, timeout=240)

    class Slow(Models):
        def invoke(self, name: str, request: HttpRequest) -> HttpResponse:
            computing.append(1)
            together.wait()
            seen = len(computing)
            together.wait()
            computing.pop()
            return HttpResponse(200, str(seen).encode())

    app = multi_model_application(Slow())
    with ThreadPoolExecutor(3 * INVOCATIONS_PER_WORKER) as pool:
        answers = pool.map(lambda n: app.test_client().post(f"/models/{n}/invoke").text, range(12))
        assert max(map(int, answers)) == INVOCATIONS_PER_WORKER


def options(shares: bool = True, **given: object) -> Config:
    kind = type("Server", (EndpointServer,), {"shares_model": shares})
    return kind(lambda: None, "127.0.0.1:0", 2, **given).cfg


def test_a_server_stops_in_time_and_keeps_connections():
    assert (options().graceful_timeout, options().keepalive) == (25, 75)


def test_workers_share_the_model_or_load_it_themselves(monkeypatch):
    threads: list[int] = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=threads.append))
    for shares in (True, False):
        found = options(shares)
        assert found.preload_app is shares
        found.post_fork(None, None)
    assert threads == [1], "a script's threads are its own"
    monkeypatch.delitem(sys.modules, "torch")
    options().post_fork(None, None)


@pytest.mark.parametrize(
    ("root", "missing", "changes"), [(True, [], True), (True, ["SETUID", "KILL"], False), (False, [], False)]
)
def test_workers_run_as_another_user_where_root_may_change_it(monkeypatch, capfd, root, missing, changes):
    monkeypatch.setattr(server.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(server.capabilities, "missing", lambda names: missing)
    found = options(user="daemon")
    assert found.settings["user"].get() == (pwd.getpwnam("daemon").pw_uid if changes else os.getuid())
    said = capfd.readouterr().err
    assert ("Workers run as root, not as daemon: the container lacks the capabilities SETUID, KILL." in said) is bool(
        missing
    )


@pytest.mark.parametrize(("end", "left"), [(SystemExit(0), True), (SystemExit(None), True), (SystemExit(3), False)])
@pytest.mark.parametrize("shares", [True, False])
def test_a_process_that_succeeds_is_left_as_it_is(monkeypatch, end, left, shares):
    ended: list[int] = []
    monkeypatch.setattr(server.os, "_exit", ended.append)

    def run(self) -> None:
        raise end

    monkeypatch.setattr(BaseApplication, "run", run)
    kind = type("Server", (EndpointServer,), {"shares_model": shares})
    with pytest.raises(SystemExit):
        kind(lambda: None, "127.0.0.1:0", 1).run()
    assert ended == ([0] if left and shares else [])
