"""What is captured of invocations, how often, and where it lies."""

from __future__ import annotations

import base64
import json
import random
import threading
from contextlib import closing

import pytest

from wildsage.local_runner.jobs.hosting import data_capture
from wildsage.local_runner.jobs.hosting.data_capture import CapturedMessage, Captures
from wildsage.local_runner.s3.store import ObjectStore

REQUEST, ANSWER = CapturedMessage("text/csv; label_size=0", b"1,2\n"), CapturedMessage("application/json", b'{"a": 1}')


@pytest.fixture
def objects(tmp_path):
    with closing(ObjectStore(tmp_path / "s3")) as objects:
        objects.create_bucket("bucket")
        yield objects


def config(*modes: str, percentage: float = 100, **fields: object) -> dict:
    return {
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": "s3://bucket/captured/",
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes or ("Input", "Output")],
        **fields,
    }


def captured(objects, *calls: tuple) -> list[dict]:
    captures = Captures(objects)
    for given, *message in calls:
        captures.record(given, "endpoint", "one", *(message or (REQUEST, ANSWER)), "")
    captures.write()
    return [
        json.loads(line) for found in objects.list("bucket") for line in objects.get("bucket", found.key).path.open()
    ]


def test_a_line_has_both_sides_and_lies_below_endpoint_variant_and_hour(objects):
    (line,) = captured(objects, (config(),))
    assert line["captureData"] == {
        "endpointInput": {
            "observedContentType": "text/csv; label_size=0",
            "mode": "INPUT",
            "data": "1,2\n",
            "encoding": "CSV",
        },
        "endpointOutput": {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": '{"a": 1}',
            "encoding": "JSON",
        },
    }
    assert line["eventVersion"] == "0" and set(line["eventMetadata"]) == {"eventId", "inferenceTime"}
    (found,) = objects.list("bucket")
    place = line["eventMetadata"]["inferenceTime"].replace("-", "/").replace("T", "/").partition(":")[0]
    assert found.key.startswith(f"captured/endpoint/one/{place}/") and found.key.endswith(".jsonl")


@pytest.mark.parametrize(
    ("mode", "sides"),
    [
        ("Input", {"endpointInput"}),
        ("Output", {"endpointOutput"}),
        ("InputAndOutput", {"endpointInput", "endpointOutput"}),
    ],
)
def test_only_the_sides_that_are_asked_for_are_captured(objects, mode, sides):
    (line,) = captured(objects, (config(mode),))
    assert set(line["captureData"]) == sides


@pytest.mark.parametrize(
    ("kind", "body", "encoding"),
    [
        ("text/csv", b"1", "CSV"),
        ("TEXT/CSV", b"1", "CSV"),
        ("application/json", b"1", "JSON"),
        ("application/x-recordio-protobuf", b"1", "BASE64"),
        ("", b"1", "BASE64"),
        ("text/csv", b"\xff", "BASE64"),
        ("text/tab", b"1", "CSV"),
        ("text/lines", b"1", "JSON"),
    ],
)
def test_text_stays_text_and_all_else_is_encoded(objects, kind, body, encoding):
    declared = {"CsvContentTypes": ["text/tab"], "JsonContentTypes": ["text/lines"]}
    asked = config("Input", CaptureContentTypeHeader=declared)
    (line,) = captured(objects, (asked, CapturedMessage(kind, body), ANSWER))
    side = line["captureData"]["endpointInput"]
    assert side["encoding"] == encoding
    assert side["data"].encode() == (base64.b64encode(body) if encoding == "BASE64" else body)


def test_an_inference_that_has_an_id_keeps_it(objects):
    captures = Captures(objects)
    captures.record(config(), "endpoint", "one", REQUEST, ANSWER, "mine")
    captures.write()
    (found,) = objects.list("bucket")
    assert json.loads(objects.get("bucket", found.key).path.read_text())["eventMetadata"]["inferenceId"] == "mine"


@pytest.mark.parametrize(("percentage", "low", "high"), [(0, 0, 0), (1, 0.25, 3), (25, 20, 30), (100, 100, 100)])
def test_so_many_of_a_hundred_are_captured_as_the_percentage_says(objects, percentage, low, high):
    random.seed(1)
    found = captured(objects, *[(config(percentage=percentage),)] * 400)
    assert low <= len(found) / 4 <= high


def test_invocations_share_an_object_and_are_written_after_a_while(objects, monkeypatch):
    due = threading.Semaphore(0)

    class Timer(threading.Timer):
        """Is due when the test says so."""

        def run(self) -> None:
            due.acquire()
            self.function()

    monkeypatch.setattr(data_capture.threading, "Timer", Timer)
    captures = Captures(objects)
    for _ in range(2):
        for _ in range(3):
            captures.record(config(), "endpoint", "one", REQUEST, ANSWER, "")
        timer = captures._timer
        assert timer is not None and timer.daemon and timer.interval == data_capture.WRITE_EVERY_S
        due.release()
        timer.join(240)
    lines = [objects.get("bucket", found.key).path.read_text().count("\n") for found in objects.list("bucket")]
    assert sum(lines) == 6 and len(lines) <= 4  # each time one object, and one more when an hour ends


def test_a_bucket_that_is_not_there_costs_the_captures_of_no_other(objects, caplog):
    captures = Captures(objects)
    captures.record(config(DestinationS3Uri="s3://gone/x"), "endpoint", "one", REQUEST, ANSWER, "")
    captures.record(config(), "endpoint", "one", REQUEST, ANSWER, "")
    captures.write()
    assert "data capture: 1 invocations could not be written" in caplog.text
    assert len(list(objects.list("bucket"))) == 1
    captures.write()  # with nothing to write
    assert len(list(objects.list("bucket"))) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda captures: captures.record(config(), "endpoint", "one", REQUEST, ANSWER, ""),
        lambda captures: captures.write(),
    ],
)
def test_threads_wait_for_each_other(objects, act):
    """A line that is captured while another thread writes would be lost."""
    captures = Captures(objects)
    thread = threading.Thread(target=act, args=(captures,))
    with captures._lock:
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
    thread.join()
    captures.write()
