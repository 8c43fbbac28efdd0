"""One instance of a batch transform without a server: what it holds, and when it stops."""

import threading
import tracemalloc
from collections.abc import Callable

import pytest
import urllib3

from wildsage.local_runner.inputs.channels import InputFile
from wildsage.local_runner.jobs.hosting.instance import Answer
from wildsage.local_runner.jobs.transform.pipeline import JobStopping, Pipeline, RequestPlan
from wildsage.local_runner.s3.store import ObjectStore

MB = 1 << 20


class Echo:
    """An instance that answers with what it is sent, after `before` was called."""

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self._before = before
        self.requests = 0

    def invoke(self, body, headers, timeout_s, whole=True):
        self._before()
        self.requests += 1
        return Answer("primary", urllib3.HTTPResponse(body, {"Content-Type": "text/csv"}, 200))


@pytest.fixture
def store(tmp_path) -> ObjectStore:
    found = ObjectStore(tmp_path / "s3")
    found.create_bucket("bucket")
    return found


@pytest.fixture
def flow(store, tmp_path):
    """Makes the flow of a job by lines."""

    def make(instance, plan: RequestPlan, stopping: threading.Event | None = None) -> Pipeline:
        job = {
            "TransformInput": {"SplitType": "Line", "ContentType": "text/csv"},
            "TransformOutput": {"S3OutputPath": "s3://bucket/out", "AssembleWith": "Line"},
        }
        return Pipeline(job, plan, instance, store, store, stopping or threading.Event(), print, tmp_path)

    return make


def test_memory_does_not_grow_with_the_object(store, flow):
    """40 MB in requests of at most 1 MB, two at once: what is held are those, their answers, and one being read."""
    line = b"x" * 99_999 + b"\n"
    stored = store.put("bucket", "big.csv", (line for _ in range(400)))
    tracemalloc.start()
    failures = flow(Echo(), RequestPlan(2, "MULTI_RECORD", MB)).run([InputFile("big.csv", stored)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert failures == [] and store.get("bucket", "out/big.csv.out").size == 40_000_000
    assert peak < 12 * MB, f"{peak / MB:.0f} MB"


def test_a_stop_ends_it_between_two_requests_and_leaves_no_half_output(store, flow):
    stored = store.put("bucket", "a.csv", [b"1\n" * 1000])
    stopping = threading.Event()
    instance = Echo()
    instance._before = lambda: stopping.set() if instance.requests == 5 else None
    with pytest.raises(JobStopping):
        flow(instance, RequestPlan(1, "SINGLE_RECORD", MB), stopping).run([InputFile("a.csv", stored)])
    assert instance.requests < 10
    assert list(store.list("bucket", "out/")) == []
    assert list(store.temp.iterdir()) == []


@pytest.mark.parametrize(
    ("job", "proposed", "plan"),
    [
        ({}, {}, RequestPlan(1, "MULTI_RECORD", 6 * MB)),
        ({"BatchStrategy": "SingleRecord"}, {"BatchStrategy": "MULTI_RECORD"}, RequestPlan(1, "SINGLE_RECORD", 6 * MB)),
        ({"MaxConcurrentTransforms": 0}, {"MaxConcurrentTransforms": 4}, RequestPlan(4, "MULTI_RECORD", 6 * MB)),
        ({"MaxPayloadInMB": 20}, {"MaxConcurrentTransforms": 64}, RequestPlan(5, "MULTI_RECORD", 20 * MB)),
        ({"MaxPayloadInMB": 0}, {}, RequestPlan(1, "MULTI_RECORD", 0)),
        ({}, {"MaxPayloadInMB": "six", "BatchStrategy": "MultiRecord"}, RequestPlan(1, "MULTI_RECORD", 6 * MB)),
    ],
)
def test_the_job_decides_then_the_container_then_sagemaker(job, proposed, plan):
    assert RequestPlan.from_job(job, proposed) == plan


class Picky(Echo):
    """An instance that rejects a row of a request as Wildsage's containers do, or in words of its own."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words

    def invoke(self, body, headers, timeout_s, whole=True):
        rows = body.split(b"\n")
        if b"x" not in rows:
            return super().invoke(body, headers, timeout_s, whole)
        text = self.words.format(row=rows.index(b"x") + 1)
        return Answer("primary", urllib3.HTTPResponse(text.encode(), {}, 400))


OURS = (
    "unable to evaluate payload provided: row {row}: column 1: got 'x'; is this a header row? CSV channels have none."
)


@pytest.mark.parametrize("plan", [RequestPlan(1, "SINGLE_RECORD", MB), RequestPlan(2, "MULTI_RECORD", 6)])
def test_a_rejected_row_is_named_by_its_record_and_byte_in_the_object(store, flow, plan):
    stored = store.put("bucket", "a.csv", [b"10\n11\r\n\n12\n13\nx\n14\n"])
    (failure,) = flow(Picky(OURS), plan).run([InputFile("a.csv", stored)])
    assert failure == (
        "ClientError: bucket/a.csv: the container answered 400: unable to evaluate payload provided: "
        "record 5 (at byte 14 of the object): column 1: got 'x'."
    )


def test_only_the_first_record_of_an_object_may_be_a_header(store, flow):
    stored = store.put("bucket", "a.csv", [b"x\n1\n"])
    (failure,) = flow(Picky(OURS), RequestPlan(1, "SINGLE_RECORD", MB)).run([InputFile("a.csv", stored)])
    assert "record 1 (at byte 0 of the object): column 1: got 'x'; is this a header row?" in failure


@pytest.mark.parametrize(
    ("plan", "place"),
    [
        (RequestPlan(1, "SINGLE_RECORD", MB), "(record 3, from byte 4 of the object)"),
        (RequestPlan(1, "MULTI_RECORD", 4), "(records 3 to 4, from byte 4 of the object)"),
    ],
)
def test_an_answer_that_names_no_row_is_placed_by_its_request(store, flow, plan, place):
    stored = store.put("bucket", "a.csv", [b"1\n2\nx\n3\n"])
    (failure,) = flow(Picky("no good"), plan).run([InputFile("a.csv", stored)])
    assert failure.endswith(f"no good {place}")
