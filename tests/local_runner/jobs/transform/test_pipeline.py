"""One instance of a batch transform without a server: what it holds, and when it stops."""

import gzip
import re
import threading
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import ClassVar

import pytest
import urllib3

from wildsage.containers.codecs.records import recordio
from wildsage.local_runner.inputs.channels import InputFile
from wildsage.local_runner.jobs.hosting.instance import Answer, NoAnswer
from wildsage.local_runner.jobs.transform import pipeline
from wildsage.local_runner.jobs.transform.pipeline import JobStopping, Pipeline, RequestBatch, RequestPlan
from wildsage.local_runner.s3.store import ObjectStore

MB = 1 << 20
SINGLE, MULTI = "SINGLE_RECORD", "MULTI_RECORD"


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
    """Makes the flow of a job by lines; keywords are what its client of the container may do."""

    def make(instance, plan: RequestPlan, stopping: threading.Event | None = None, **client: int) -> Pipeline:
        job = {
            "TransformInput": {"SplitType": "Line", "ContentType": "text/csv"},
            "TransformOutput": {"S3OutputPath": "s3://bucket/out", "AssembleWith": "Line"},
            "ModelClientConfig": client,
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
        ({"MaxPayloadInMB": 0}, {"MaxConcurrentTransforms": 200}, RequestPlan(100, "MULTI_RECORD", 0)),
        ({"MaxPayloadInMB": 1}, {"MaxConcurrentTransforms": 101}, RequestPlan(100, "MULTI_RECORD", MB)),
        ({"MaxPayloadInMB": 200, "MaxConcurrentTransforms": 9}, {}, RequestPlan(1, "MULTI_RECORD", 100 * MB)),
        ({"MaxConcurrentTransforms": 1}, {"MaxConcurrentTransforms": 4}, RequestPlan(1, "MULTI_RECORD", 6 * MB)),
        ({}, {"MaxPayloadInMB": -1, "MaxConcurrentTransforms": 2}, RequestPlan(2, "MULTI_RECORD", 6 * MB)),
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


class Answering(Echo):
    """An instance that gives these answers in turn, the last of them for ever: a status, or an error that is raised."""

    def __init__(self, *answers: int | Exception, end: bytes = b"") -> None:
        super().__init__()
        self.answers = list(answers)
        self.end = end

    def invoke(self, body, headers, timeout_s, whole=True):
        self.requests += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        content = body + self.end if answer == 200 else b"refused"
        return Answer("primary", urllib3.HTTPResponse(content, {"Content-Type": "text/csv"}, answer))


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize(
    "plan",
    [RequestPlan(1, "SINGLE_RECORD", MB), RequestPlan(2, "SINGLE_RECORD", MB), RequestPlan(1, "MULTI_RECORD", 3)],
)
def test_the_output_has_one_line_a_record_whether_answers_end_with_a_newline_or_not(store, flow, plan, end):
    stored = store.put("bucket", "a.csv", [b"1\n2\n3"])
    assert flow(Answering(200, end=end), plan).run([InputFile("a.csv", stored)]) == []
    assert store.get("bucket", "out/a.csv.out").path.read_bytes() == b"1\n2\n3\n"


@pytest.mark.parametrize(
    ("answers", "client", "requests", "outcome"),
    [
        ((400,), {}, 1, "the container answered 400: refused"),
        ((499,), {}, 1, "the container answered 499: refused"),
        ((500,), {}, 4, "the container answered 500: refused"),  # InvocationsMaxRetries is 3 by default (API reference)
        ((503,), {"InvocationsMaxRetries": 0}, 1, "the container answered 503: refused"),
        ((503,), {"InvocationsMaxRetries": 1}, 2, "the container answered 503: refused"),
        ((NoAnswer("primary", "it is gone"),), {"InvocationsMaxRetries": 2}, 3, "it is gone"),
        ((500, 400), {}, 2, "the container answered 400: refused"),
        ((NoAnswer("primary", "it is gone"), 500, 500, 200), {}, 4, None),
        ((300,), {}, 1, "the container answered 300: refused"),
    ],
)
def test_a_refused_record_is_asked_once_and_a_failure_again(
    store, flow, monkeypatch, answers, client, requests, outcome
):
    monkeypatch.setattr(pipeline, "FIRST_PAUSE_S", 0.0)
    stored = store.put("bucket", "a.csv", [b"1\n"])
    instance = Answering(*answers)
    failures = flow(instance, RequestPlan(1, "SINGLE_RECORD", MB), **client).run([InputFile("a.csv", stored)])
    assert instance.requests == requests
    assert [outcome in failure for failure in failures] == ([True] if outcome else [])
    assert (store.find("bucket", "out/a.csv.out") is None) == bool(outcome)


def test_pauses_between_attempts_double_and_end_when_the_job_stops(store, flow):
    class Waits(threading.Event):
        pauses: ClassVar[list[float]] = []

        def wait(self, timeout=None):
            self.pauses.append(timeout)
            if len(self.pauses) == 3:
                self.set()

    stored = store.put("bucket", "a.csv", [b"1\n"])
    instance = Answering(500)
    with pytest.raises(JobStopping):
        flow(instance, RequestPlan(1, "SINGLE_RECORD", MB), Waits(), InvocationsMaxRetries=9).run(
            [InputFile("a.csv", stored)]
        )
    assert Waits.pauses == [1.0, 2.0, 4.0] and instance.requests == 3


def test_an_object_without_records_has_an_empty_output_and_a_failure_costs_no_other_object(store, flow):
    files = [
        InputFile(name, store.put("bucket", name, [body])) for name, body in (("a", b"\n"), ("b", b"x"), ("c", b"1"))
    ]
    failures = flow(Picky("no good"), RequestPlan(2, "SINGLE_RECORD", MB)).run(files)
    assert len(failures) == 1
    assert {one.key: one.size for one in store.list("bucket", "out/")} == {"out/a.out": 0, "out/c.out": 2}


@pytest.mark.parametrize(
    ("status", "blame"), [(399, "AlgorithmError"), (400, "ClientError"), (499, "ClientError"), (500, "AlgorithmError")]
)
def test_the_client_is_to_blame_for_400_to_499_and_the_log_has_the_answer(store, tmp_path, status, blame):
    lines: list[str] = []
    job = {"TransformInput": {"SplitType": "Line"}, "TransformOutput": {"S3OutputPath": "s3://bucket/out"}}
    job["ModelClientConfig"] = {"InvocationsMaxRetries": 0}
    plan = RequestPlan(1, "SINGLE_RECORD", MB)
    one = Pipeline(job, plan, Answering(status), store, store, threading.Event(), lines.append, tmp_path)
    (failure,) = one.run([InputFile("a.csv", store.put("bucket", "a.csv", [b"1\n"]))])
    assert failure.startswith(f"{blame}: bucket/a.csv: the container answered {status}: refused")
    times, _, said = zip(*(line.partition(":[sagemaker logs]: bucket/a.csv: ") for line in lines), strict=True)
    now = datetime.now(UTC).replace(tzinfo=None)
    assert all(re.fullmatch(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}", time) for time in times)
    assert all(now - timedelta(minutes=9) < datetime.fromisoformat(time) <= now for time in times)
    assert list(said) == [f"{blame}: {status}", "", "Message:", "refused (record 1, from byte 0 of the object)"]


class Streams(Echo):
    """An instance that takes an object in chunks, and gives its answer in pieces; it may break off."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        super().__init__()
        self.pieces = pieces
        self.taken = b""

    def invoke(self, body, headers, timeout_s, whole=True):
        assert not whole
        self.taken += b"".join(body)
        return Answer("primary", SimpleNamespace(status=200, stream=self.stream, headers={}))

    def stream(self, chunk_bytes):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


WHOLE = RequestPlan(1, "MULTI_RECORD", 0)


def test_an_object_without_a_limit_is_streamed_both_ways(store, flow):
    instance = Streams(b"an", b"swer")
    stored = store.put("bucket", "a.csv", [b"1\n2\n"])
    assert flow(instance, WHOLE).run([InputFile("a.csv", stored)]) == []
    assert instance.taken == b"1\n2\n" and store.get("bucket", "out/a.csv.out").path.read_bytes() == b"answer"


def test_an_answer_that_breaks_off_is_no_output(store, flow, tmp_path):
    instance = Streams(b"an", urllib3.exceptions.ProtocolError("Connection broken"))
    stored = store.put("bucket", "a.csv", [b"1\n"])
    (failure,) = flow(instance, WHOLE).run([InputFile("a.csv", stored)])
    assert failure.startswith("AlgorithmError: bucket/a.csv: The container broke off its answer: Connection broken")
    assert list(store.list("bucket", "out/")) == []


def test_a_reason_shows_the_beginning_of_a_long_answer(store, flow):
    stored = store.put("bucket", "a.csv", [b"x\n"])
    (failure,) = flow(Picky("y" * 2_000), RequestPlan(1, "SINGLE_RECORD", MB)).run([InputFile("a.csv", stored)])
    assert failure.count("y") == 512 - len("the container answered 400: ") - "the container answered".count("y")


def test_an_object_has_not_failed_if_its_job_is_being_stopped(store, flow):
    stopping, instance = threading.Event(), Answering(400)
    one = flow(instance, RequestPlan(1, "SINGLE_RECORD", MB), stopping)
    invoke = instance.invoke
    instance.invoke = lambda *arguments: (stopping.set(), invoke(*arguments))[1]
    with pytest.raises(JobStopping):
        one.run([InputFile("a.csv", store.put("bucket", "a.csv", [b"1\n"]))])


def test_a_whole_object_can_be_neither_filtered_nor_joined(store, tmp_path):
    job = {
        "TransformInput": {"ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "DataProcessing": {"OutputFilter": "$[0]"},
    }
    one = Pipeline(job, WHOLE, Streams(), store, store, threading.Event(), print, tmp_path)
    (failure,) = one.run([InputFile("a", store.put("bucket", "a", [b"1"]))])
    assert failure.startswith("ClientError: MaxPayloadInMB 0 sends each object as a whole")


@pytest.mark.parametrize(("config", "timeout_s"), [({}, 600), ({"InvocationsTimeoutInSeconds": 7}, 7)])
def test_a_request_has_the_types_and_the_time_of_the_job(store, tmp_path, config, timeout_s):
    seen = []

    class Noting(Echo):
        def invoke(self, body, headers, timeout_s, whole=True):
            seen.append((headers, timeout_s))
            return super().invoke(body, headers, timeout_s, whole)

    target = {"S3OutputPath": "s3://bucket/out/", "Accept": "text/csv"}
    job = {"TransformInput": {"ContentType": "text/csv"}, "TransformOutput": target, "ModelClientConfig": config}
    plan = RequestPlan(1, "MULTI_RECORD", MB)
    Pipeline(job, plan, Noting(), store, store, threading.Event(), print, tmp_path).run(
        [InputFile("a", store.put("bucket", "a", [b"1"]))]
    )
    assert seen == [({"Content-Type": "text/csv", "Accept": "text/csv"}, timeout_s)]
    assert store.get("bucket", "out/a.out").path.read_bytes() == b"1"


def test_compressed_objects_are_read_and_damaged_ones_are_named(store, tmp_path):
    job = {
        "TransformInput": {"SplitType": "Line", "CompressionType": "Gzip"},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out", "AssembleWith": "Line"},
    }
    packed = gzip.compress(b"1\n2\n")
    files = [InputFile(name, store.put("bucket", name, [body])) for name, body in (("b", packed[:-9]), ("a", packed))]
    plan = RequestPlan(1, "SINGLE_RECORD", MB)
    failures = Pipeline(job, plan, Echo(), store, store, threading.Event(), print, tmp_path).run(files)
    assert len(failures) == 1 and "bucket/b: the object is not a valid gzip file" in failures[0]
    assert [(one.key, one.size) for one in store.list("bucket", "out/")] == [("out/a.out", 4)]


@pytest.mark.parametrize(
    ("said", "placed"),
    [
        ("row 1: bad", "record 5 (at byte 10 of the object): bad"),
        ("in Row #3: bad; is this a header?", "in record 7 (at byte 30 of the object): bad."),
        ("row 0: bad", "row 0: bad (records 5 to 7, from byte 10 of the object)"),
        ("row 4: bad\n", "row 4: bad (records 5 to 7, from byte 10 of the object)"),
        ("bad", "bad (records 5 to 7, from byte 10 of the object)"),
    ],
)
def test_a_row_of_a_request_is_a_record_of_its_object(said, placed):
    assert RequestBatch([10, 20, 30], [], 5).placed(said) == placed


def test_the_first_record_keeps_the_advice_about_headers():
    advice = "row {}: bad. Is it a header?"
    batch = RequestBatch([0, 7], [], 1)
    assert batch.placed(advice.format(1)) == "record 1 (at byte 0 of the object): bad. Is it a header?"
    assert batch.placed(advice.format(2)) == "record 2 (at byte 7 of the object): bad."
    assert RequestBatch([0], [], 1).placed("bad") == "bad (record 1, from byte 0 of the object)"


class Noting(Echo):
    """An instance that notes what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []

    def invoke(self, body, headers, timeout_s, whole=True):
        body = body if whole else b"".join(body)
        self.bodies.append(body)
        if whole:
            return super().invoke(body, headers, timeout_s)
        return Answer("primary", SimpleNamespace(status=200, stream=lambda chunk_bytes: [body], headers={}))


def transformed(store, folder, instance, plan: RequestPlan, content: bytes, split: str, **fields: str) -> list[str]:
    """What one object of this content fails with, if it does. The fields are those of DataProcessing."""
    job = {
        "TransformInput": {"SplitType": split, "ContentType": "text/csv"},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "DataProcessing": fields,
        "ModelClientConfig": {"InvocationsMaxRetries": 0},
    }
    one = Pipeline(job, plan, instance, store, store, threading.Event(), print, folder)
    return one.run([InputFile("a", store.put("bucket", "a", [content]))])


def test_a_record_that_is_rejected_before_it_is_sent_fails_its_object_alone(store, flow):
    plan = RequestPlan(1, "SINGLE_RECORD", 3)
    files = [InputFile(name, store.put("bucket", name, [body])) for name, body in (("a", b"1\n12345"), ("b", b"1"))]
    (failure,) = flow(Echo(), plan).run(files)
    assert failure.startswith("ClientError: bucket/a: ") and "line 2 has 5 bytes or more" in failure
    assert [one.key for one in store.list("bucket", "out/")] == ["out/b.out"]


@pytest.mark.parametrize("compression", ["None", "Gzip"])
def test_objects_that_were_sent_are_closed(store, tmp_path, monkeypatch, compression):
    opened, open_object = [], store.open
    monkeypatch.setattr(store, "open", lambda *place: opened.append(open_object(*place)) or opened[-1])
    job = {"TransformInput": {"CompressionType": compression}, "TransformOutput": {"S3OutputPath": "s3://bucket/out"}}
    one = Pipeline(job, RequestPlan(1, MULTI, MB), Echo(), store, store, threading.Event(), print, tmp_path)
    body = gzip.compress(b"1") if compression == "Gzip" else b"1"
    assert one.run([InputFile("a", store.put("bucket", "a", [body]))]) == []
    assert [file.closed for _, file in opened] == [True]


def test_an_object_that_was_deleted_fails_alone(store, flow):
    files = [InputFile(name, store.put("bucket", name, [b"1\n"])) for name in "ab"]
    store.delete("bucket", "a")
    (failure,) = flow(Echo(), RequestPlan(1, "SINGLE_RECORD", MB)).run(files)
    assert failure.startswith("ClientError: bucket/a: ") and store.find("bucket", "out/b.out")


def test_an_output_without_a_bucket_is_the_clients_failure(store, tmp_path):
    job = {"TransformInput": {}, "TransformOutput": {"S3OutputPath": "s3://gone/out"}}
    one = Pipeline(job, RequestPlan(1, MULTI, MB), Echo(), store, store, threading.Event(), print, tmp_path)
    (failure,) = one.run([InputFile("a", store.put("bucket", "a", [b"1"]))])
    assert failure.startswith("ClientError: bucket/a: ") and "bucket does not exist" in failure


@pytest.mark.parametrize(
    ("strategy", "fields", "place"),
    [
        (SINGLE, {"InputFilter": "$[1]"}, "record 3 (at byte 8 of the object): the filter $[1] selects nothing"),
        (MULTI, {"InputFilter": "$[1]"}, "record 3 (at byte 8 of the object): the filter $[1] selects nothing"),
        (SINGLE, {"OutputFilter": "$[1]"}, 'the filter $[1] selects nothing of ["5"] (record 3, from byte 8'),
    ],
)
def test_a_record_that_a_filter_rejects_is_named_and_the_log_says_that_the_client_is_to_blame(
    store, tmp_path, capsys, strategy, fields, place
):
    plan = RequestPlan(1, strategy, MB)
    (failure,) = transformed(store, tmp_path, Echo(), plan, b"1,2\n3,4\n5\n", "Line", **fields)
    assert failure.startswith("ClientError: bucket/a: ") and place in failure
    first, _, _, message = capsys.readouterr().out.splitlines()
    assert first.endswith(": bucket/a: ClientError: 400") and place in message


FRAMES = [recordio.frame(word) for word in (b"one,1", b"two,2", b"three,3")]


@pytest.mark.parametrize(
    ("split", "strategy", "limit", "bodies"),
    [
        ("None", SINGLE, MB, [b"1\n2\n"]),
        ("None", MULTI, MB, [b"1\n2\n"]),
        ("None", SINGLE, 0, [b"1\n2\n"]),
        ("None", MULTI, 0, [b"1\n2\n"]),
        ("Line", SINGLE, MB, [b"1", b"2"]),
        ("Line", MULTI, MB, [b"1\n2"]),
        ("Line", SINGLE, 0, [b"1", b"2"]),
        ("Line", MULTI, 0, [b"1\n2\n"]),
    ],
)
def test_the_strategy_and_the_split_say_what_a_request_holds(store, tmp_path, split, strategy, limit, bodies):
    instance = Noting()
    assert transformed(store, tmp_path, instance, RequestPlan(1, strategy, limit), b"1\n2\n", split) == []
    assert instance.bodies == bodies


def test_a_record_of_recordio_is_named_where_a_request_holds_several(store, tmp_path):
    class RejectsShort(Echo):
        def invoke(self, body, headers, timeout_s, whole=True):
            status = 200 if body == FRAMES[0] + FRAMES[1] else 400
            return Answer("primary", urllib3.HTTPResponse(b"row 1: bad", {}, status))

    plan = RequestPlan(1, MULTI, len(FRAMES[0] + FRAMES[1]))
    (failure,) = transformed(store, tmp_path, RejectsShort(), plan, b"".join(FRAMES), "RecordIO")
    offset = len(FRAMES[0] + FRAMES[1])
    assert failure.endswith(f"answered 400: record 3 (at byte {offset} of the object): bad")


@pytest.mark.parametrize(
    ("strategy", "fields", "bodies"),
    [
        (SINGLE, {}, [b"one,1", b"two,2", b"three,3"]),
        (MULTI, {}, [FRAMES[0] + FRAMES[1], FRAMES[2]]),
        (SINGLE, {"InputFilter": "$[1]"}, [b"1", b"2", b"3"]),
    ],
)
def test_records_of_recordio_keep_their_frames_where_a_request_holds_several(store, tmp_path, strategy, fields, bodies):
    instance, plan = Noting(), RequestPlan(1, strategy, len(FRAMES[0] + FRAMES[1]))
    assert transformed(store, tmp_path, instance, plan, b"".join(FRAMES), "RecordIO", **fields) == []
    assert instance.bodies == bodies


def test_a_refused_request_of_recordio_is_placed_in_its_object(store, tmp_path):
    plan = RequestPlan(1, MULTI, len(FRAMES[0] + FRAMES[1]))
    (failure,) = transformed(store, tmp_path, Answering(200, 500), plan, b"".join(FRAMES), "RecordIO")
    assert failure.endswith(f"refused (record 3, from byte {len(FRAMES[0] + FRAMES[1])} of the object)")


@pytest.mark.parametrize("limit", [3, MB])
def test_a_record_that_the_filter_cannot_read_is_placed_in_its_object(store, tmp_path, limit):
    content = b"1,2\n3,4\n5\n6,7\n"
    (failure,) = transformed(
        store, tmp_path, Noting(), RequestPlan(1, MULTI, limit), content, "Line", InputFilter="$[1]"
    )
    assert "bucket/a: record 3 (at byte 8 of the object): the filter $[1] selects nothing of" in failure


def test_so_many_requests_are_in_flight_as_the_plan_says(store, flow):
    meet = threading.Barrier(3)
    stored = store.put("bucket", "a.csv", [b"1\n" * 9])
    instance = Echo(lambda: meet.wait(240))
    assert flow(instance, RequestPlan(3, SINGLE, MB)).run([InputFile("a.csv", stored)]) == []
    assert instance.requests == 9


def test_objects_that_cannot_be_read_cost_no_later_object(store, tmp_path):
    job = {
        "TransformInput": {"SplitType": "Line", "CompressionType": "Gzip"},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
    }
    contents = {
        "damaged": b"no gzip",
        "deleted": b"",
        "large": gzip.compress(b"x" * 99),
        "good": gzip.compress(b"1"),
    }
    files = [InputFile(name, store.put("bucket", name, [content])) for name, content in contents.items()]
    store.delete("bucket", "deleted")
    one = Pipeline(job, RequestPlan(1, SINGLE, 9), Echo(), store, store, threading.Event(), print, tmp_path)
    failures = one.run(files)
    assert [failure.split(": ")[1] for failure in failures] == ["bucket/damaged", "bucket/deleted", "bucket/large"]
    assert [one.key for one in store.list("bucket", "out/")] == ["out/good.out"]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_records_of_an_object_are_sent_once_one_was_refused(store, flow, concurrency):
    """Those are sent that may be in flight with the first."""
    stored = store.put("bucket", "a.csv", [b"1\n" * 500])
    instance = Answering(400)
    assert len(flow(instance, RequestPlan(concurrency, SINGLE, MB)).run([InputFile("a.csv", stored)])) == 1
    assert instance.requests == concurrency
