"""Asynchronous invocations without a server: they end with their endpoint, and so do the threads that answered them."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import urllib3

from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.jobs.hosting import async_inference
from wildsage.local_runner.jobs.hosting.async_inference import KIND, AsyncInferences
from wildsage.local_runner.jobs.hosting.container import NoAnswer
from wildsage.local_runner.jobs.hosting.endpoint import Endpoints
from wildsage.local_runner.jobs.hosting.instance import Answer
from wildsage.local_runner.jobs.hosting.invocations import InvocationTimes
from wildsage.local_runner.jobs.logs import ENDPOINTS, Logs
from wildsage.local_runner.jobs.store import Document, Store
from wildsage.local_runner.s3.store import ObjectStore

WITHIN_S = 60
CHECK_EVERY_S = async_inference.CHECK_EVERY_S


def until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def invocation(endpoint: str) -> Document:
    return {
        "Id": endpoint,
        "EndpointName": endpoint,
        "InputLocation": "s3://bucket/in",
        "Headers": {},
        "OutputLocation": f"s3://bucket/{endpoint}.out",
        "FailureLocation": f"s3://bucket/{endpoint}.failed",
        "ExpiresAt": time.time() + 3_600,
        "TimeoutInSeconds": 60,
    }


def pools() -> set[str]:
    """The pools that have threads."""
    names = (thread.name.rpartition("_")[0] for thread in threading.enumerate())
    return {name for name in names if name.startswith("async gone")}


def test_the_invocations_and_threads_of_deleted_endpoints_end(tmp_path):
    store, logs, objects = Store(tmp_path / "state"), Logs(tmp_path / "logs"), ObjectStore(tmp_path / "s3")
    objects.create_bucket("bucket")
    endpoints = Endpoints(store, logs, objects, ProcessBackend([sys.executable]), tmp_path / "endpoints", "us-east-1")
    inferences = AsyncInferences(store, logs, endpoints, objects, objects)
    for number in range(4):
        inferences.submit(invocation(f"gone-{number}"))
    assert until(lambda: store.all(KIND) == [])
    assert b"was deleted" in objects.get("bucket", "gone-0.failed").path.read_bytes()
    assert until(lambda: pools() <= {"async gone-3"}), pools()
    inferences.close()


class Endpoint:
    """Stands in for endpoints: an instance that gives `answers` in turn, once it `serves`, and what it was asked."""

    variant = "one"

    def __init__(self) -> None:
        self.invocations = InvocationTimes()
        self.config: Document | None = None
        self.serves, self.may_answer = True, threading.Event()
        self.may_answer.set()
        self.answers: list[tuple[int, bytes, dict] | Exception] = [(200, b"answer", {"Content-Type": "text/csv"})]
        self.asked: list[tuple[bytes, dict, float]] = []
        self.given: list[urllib3.HTTPResponse] = []
        self.at_once = self.most_at_once = self.leases = 0
        self._lock = threading.Lock()

    @contextmanager
    def lease(self, name: str, variant: str | None = None) -> Iterator[object | None]:
        self.leases += 1
        yield self if self.serves else None

    def asynchronous(self, name: str) -> Document | None:
        return self.config

    def invoke(self, body, headers, timeout_s, whole):
        assert not whole, "an answer of any size is stored in pieces"
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked.append((b"".join(body), headers, timeout_s))
        self.may_answer.wait(WITHIN_S)
        with self._lock:
            self.at_once -= 1
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, content, fields = answer
        self.given.append(urllib3.HTTPResponse(io.BytesIO(content), fields, status, preload_content=whole))
        return Answer("primary", self.given[-1])


@pytest.fixture
def served(tmp_path, monkeypatch):
    """An endpoint, the store, the objects, the logs, and how its invocations are made."""
    monkeypatch.setattr(async_inference, "CHECK_EVERY_S", 0.005)
    store, logs, objects = Store(tmp_path / "state"), Logs(tmp_path / "logs"), ObjectStore(tmp_path / "s3")
    objects.create_bucket("bucket")
    objects.put("bucket", "in", [b"1,2"])
    found = SimpleNamespace(endpoint=Endpoint(), store=store, logs=logs, objects=objects)
    variants = [{"VariantName": "one", "InstanceCount": 2}, {"VariantName": "two", "InstanceCount": 1}]
    store.insert("endpoint", "e", {"EndpointName": "e", "Deployment": {"Variants": variants}})
    found.make = lambda: AsyncInferences(store, logs, found.endpoint, objects, objects)
    found.inferences = found.make()
    yield found
    found.endpoint.may_answer.set()
    found.inferences.close()


def submit(served, name: str = "e", **fields: object) -> None:
    served.inferences.submit({**invocation("e"), "Id": name, **fields})


def finished(served) -> bool:
    return until(lambda: served.store.all(KIND) == [])


def text(served, key: str) -> bytes | None:
    found = served.objects.find("bucket", key)
    return found.path.read_bytes() if found else None


def test_an_answer_becomes_an_object_of_its_type(served):
    submit(served, Headers={"Content-Type": "text/csv"})
    assert finished(served)
    assert text(served, "e.out") == b"answer" and text(served, "e.failed") is None
    assert served.objects.get("bucket", "e.out").attributes.content_type == "text/csv"
    assert served.endpoint.asked == [(b"1,2", {"Content-Type": "text/csv", "Content-Length": "3"}, 60)]
    assert served.endpoint.invocations.summary("e", "one", 1e9).count == 1
    served.endpoint.answers = [(200, b"x", {})]
    submit(served)
    assert finished(served)
    assert served.objects.get("bucket", "e.out").attributes.content_type == "application/octet-stream"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, b"no good", {}), b'Received error (500) from primary with message "no good".'),
        ((199, b"no good", {}), b'Received error (199) from primary with message "no good".'),
        (NoAnswer("primary", "it is gone"), b"it is gone"),
    ],
)
def test_a_failure_is_written_to_its_place_and_counted(served, answer, said):
    served.endpoint.answers = [answer]
    submit(served)
    assert finished(served)
    assert text(served, "e.failed") == said and text(served, "e.out") is None
    assert served.endpoint.invocations.summary("e", "one", 1e9).errors == 1


def test_a_failure_without_a_place_or_in_a_bucket_that_is_gone_ends_the_invocation(served, caplog):
    served.endpoint.answers = [(500, b"no good", {})]
    submit(served, FailureLocation=None)
    assert finished(served)
    submit(served, FailureLocation="s3://gone/x")
    assert finished(served) and until(lambda: "no good" in caplog.text)


def test_an_error_of_ours_is_logged_and_an_input_that_is_missing_is_not(served, caplog):
    submit(served, InputLocation="s3://bucket/none")
    assert finished(served)
    assert b"does not exist" in text(served, "e.failed") and "asynchronous invocation" not in caplog.text
    served.endpoint.answers = [RuntimeError("a mistake")]
    submit(served)
    assert finished(served)
    assert text(served, "e.failed") == b"a mistake" and "asynchronous invocation e" in caplog.text


@pytest.mark.parametrize(("most", "fits"), [(3, True), (2, False)])
def test_an_input_may_have_exactly_the_limit(served, monkeypatch, most, fits):
    monkeypatch.setattr(async_inference, "MAX_INPUT_BYTES", most)
    submit(served)
    assert finished(served)
    assert text(served, "e.failed") == (None if fits else b"s3://bucket/in has 3 bytes, expected at most 2.")


def test_an_invocation_waits_for_an_instance_until_it_expires(served):
    served.endpoint.serves = False
    submit(served)
    assert until(lambda: served.endpoint.leases > 2) and served.endpoint.asked == []
    served.endpoint.serves = True
    assert finished(served) and text(served, "e.out") == b"answer"
    submit(served, ExpiresAt=time.time() - 1)
    assert finished(served)
    assert text(served, "e.failed").startswith(b"The invocation expired before an instance could take it")


@pytest.mark.parametrize(("client", "most"), [({}, 12), ({"MaxConcurrentInvocationsPerInstance": 1}, 3)])
def test_as_many_run_at_a_time_as_the_instances_take(served, client, most):
    deployment = served.store.get("endpoint", "e")["Deployment"]
    served.store.update("endpoint", "e", Deployment={**deployment, "AsyncInferenceConfig": {"ClientConfig": client}})
    served.endpoint.may_answer.clear()
    for number in range(14):
        submit(served, str(number))
    assert until(lambda: served.endpoint.at_once == most)
    time.sleep(0.02)
    assert served.endpoint.at_once == most
    served.endpoint.may_answer.set()
    assert finished(served) and served.endpoint.most_at_once == most and len(served.endpoint.asked) == 14


def test_a_pool_changes_with_its_endpoint_and_finishes_what_it_has(served):
    served.endpoint.may_answer.clear()
    submit(served, "first")
    assert until(lambda: served.endpoint.at_once == 1)
    first = served.inferences._pools["e"]
    submit(served, "second")
    assert served.inferences._pools["e"] is first
    served.store.update("endpoint", "e", Deployment={"Variants": [{"VariantName": "one", "InstanceCount": 5}]})
    submit(served, "third")
    assert served.inferences._pools["e"][0] == 20 and first[0] == 12
    with pytest.raises(RuntimeError, match="after shutdown"):
        first[1].submit(print)
    served.endpoint.may_answer.set()
    assert finished(served) and len(served.endpoint.asked) == 3


def test_an_input_that_was_sent_is_closed(served, monkeypatch):
    opened, open_object = [], served.objects.open
    monkeypatch.setattr(served.objects, "open", lambda *place: opened.append(open_object(*place)) or opened[-1])
    submit(served)
    assert finished(served) and [file.closed for _, file in opened] == [True]


def test_an_answer_that_cannot_be_stored_is_closed_unread(served):
    submit(served, OutputLocation="s3://gone/x")
    assert finished(served) and b"bucket does not exist" in text(served, "e.failed")
    assert [answer.closed for answer in served.endpoint.given] == [True]


def test_an_input_may_have_a_gigabyte():
    assert async_inference.MAX_INPUT_BYTES == 2**30


def test_an_instance_is_looked_for_within_a_second_and_not_all_the_time(served, monkeypatch):
    class Closing(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses_s.append(timeout)
            served.endpoint.serves = True
            return False

    pauses_s: list[float | None] = []
    monkeypatch.setattr(async_inference, "CHECK_EVERY_S", CHECK_EVERY_S)
    served.inferences._closing, served.endpoint.serves = Closing(), False
    submit(served)
    assert finished(served) and len(pauses_s) == 1 and 0 < pauses_s[0] < 1


def test_a_server_that_closes_waits_for_no_answer(served):
    served.endpoint.may_answer.clear()
    submit(served)
    assert until(lambda: served.endpoint.at_once == 1)
    served.inferences.close()
    assert served.endpoint.at_once == 1


def test_a_server_that_closes_leaves_invocations_to_the_next_one(served):
    served.endpoint.serves = False
    for name in ("a", "b"):
        submit(served, name, OutputLocation=f"s3://bucket/{name}.out")
    assert until(lambda: served.endpoint.leases >= 2)
    served.inferences.close()
    submit(served, "c", OutputLocation="s3://bucket/c.out")
    assert until(lambda: not [one for one in threading.enumerate() if one.name.startswith("async e")])
    assert {one["Id"] for one in served.store.all(KIND)} == {"a", "b", "c"} and text(served, "e.failed") is None
    served.endpoint.serves, served.inferences = True, served.make()
    served.inferences.restore()
    assert finished(served) and [text(served, f"{name}.out") for name in "abc"] == [b"answer"] * 3


def test_topics_that_aws_would_notify_are_in_the_log(served):
    topics = {"SuccessTopic": "arn:good", "ErrorTopic": "arn:bad"}
    served.endpoint.config = {"OutputConfig": {"NotificationConfig": topics}}
    submit(served)
    assert until(lambda: f"{ENDPOINTS}/e" in served.logs.groups())
    assert until(lambda: "async" in served.logs.stream_names(f"{ENDPOINTS}/e"))
    assert until(lambda: list(served.logs.events(f"{ENDPOINTS}/e", "async")))
    (event,) = served.logs.events(f"{ENDPOINTS}/e", "async")
    assert event.message == "Wildsage: inference e has ended. Wildsage does not notify SNS topics (arn:good, arn:bad)."


def test_without_topics_there_is_no_log(served):
    for config in (None, {}, {"OutputConfig": {"NotificationConfig": {}}}):
        served.endpoint.config = config
        submit(served)
        assert finished(served)
    served.inferences.close()
    assert served.logs.groups() == []
