"""The pipeline of S3 objects through one instance of a batch transform: read, split, send, join the answers, store.

At most `concurrency` requests of one instance are in flight or wait to be written, for objects of any size, and answers
are written in the order of their records. If one record of an object fails, that object gets no output; the others
continue. Sources: those of `job.py`; "Speed up a batch transform job" for the limits.
"""

from __future__ import annotations

import gzip
import itertools
import re
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import urllib3

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.launchers.pipes import DAMAGED_GZIP
from wildsage.local_runner.inputs.channels import InputFile, Objects, split_uri
from wildsage.local_runner.jobs.hosting.instance import Instance, NoAnswer
from wildsage.local_runner.jobs.transform import records
from wildsage.local_runner.jobs.transform.data_processing import DataProcessing
from wildsage.local_runner.jobs.transform.records import ObjectRecord
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

MB = 1 << 20
MAX_CONCURRENT_MB = 100
UNLIMITED = 1_000_000_000_000_000_000  # mutants: equivalent: more bytes than an object has
DEFAULTS = {"MaxConcurrentTransforms": 1, "MaxPayloadInMB": 6}
DEFAULT_STRATEGY = "MULTI_RECORD"
STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}
DEFAULT_TIMEOUT_S = 600
DEFAULT_RETRIES = 3
FIRST_PAUSE_S = 1.0
MAX_SHOWN_CHARACTERS = 512
ROW = re.compile(r"\brow #?(\d+): ", re.IGNORECASE)
HEADER_ADVICE = re.compile(r"(; is this|[.] Is it) .*", re.DOTALL)
"""What containers add to an error in the first row of a request, where only the first record of an object can be a header."""

Job = Mapping[str, Any]
Chunks = Iterable[bytes]
Pieces = Iterator[tuple[InputFile, "Future[Chunks]"]]


class JobStopping(Exception):
    """The job was asked to stop, or the server is closing."""


class RequestFailed(Exception):
    """The container answered a request with the error `status`, or not at all: then it is 0."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the container answered {status}: {text}" if status else text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class RequestPlan:
    """How requests are made: at most `concurrency` at a time for each instance, of at most `limit` bytes; 0 means that each
    object is one request, sent in chunks."""

    concurrency: int
    strategy: str
    limit: int

    @classmethod
    def from_job(cls, job: Job, proposed: Mapping[str, Any]) -> RequestPlan:
        """Values of the job come first, then those that its container proposes, then SageMaker's defaults."""
        payload_mb = min(_number("MaxPayloadInMB", job, proposed, low=0), MAX_CONCURRENT_MB)
        most = MAX_CONCURRENT_MB // max(payload_mb, 1)
        concurrency = min(_number("MaxConcurrentTransforms", job, proposed, low=1), most)
        asked = [place["BatchStrategy"] for place in (job, proposed) if "BatchStrategy" in place]
        named = [STRATEGIES.get(name, name) for name in asked]
        strategy = next((name for name in named if name in STRATEGIES.values()), DEFAULT_STRATEGY)
        return cls(concurrency, strategy, payload_mb * MB)

    @property
    def single(self) -> bool:
        """Whether each record is a request of its own."""
        return self.strategy == "SINGLE_RECORD"

    def __str__(self) -> str:
        payload_mb = self.limit // MB
        return f"MaxConcurrentTransforms={self.concurrency}, MaxPayloadInMB={payload_mb}, BatchStrategy={self.strategy}"


def _number(field: str, job: Job, proposed: Mapping[str, Any], low: int) -> int:
    """The first value that is a number of at least `low`; a container may propose anything."""
    given = (place.get(field) for place in (job, proposed))
    return next((value for value in given if isinstance(value, int) and value >= low), DEFAULTS[field])


@dataclass(frozen=True)
class RequestBatch:
    """The records of one request: the first is number `first` of the object, and each begins at one of the `offsets` there.

    `sent` is what is sent. `sources` are the records as the object holds them, where a filter or a join needs them.
    """

    offsets: Sequence[int]
    sent: Sequence[bytes | memoryview]
    first: int
    sources: Sequence[ObjectRecord] = ()

    def placed(self, text: str) -> str:
        """What a container says of a row of its request, said of the record of the object instead."""
        found = ROW.search(text)
        if not found or not 1 <= (row := int(found[1])) <= len(self.offsets):
            return f"{text.rstrip()} ({self._place()})"
        number, offset = self.first + row - 1, self.offsets[row - 1]
        located = f"{text[: found.start()]}record {number} (at byte {offset} of the object): {text[found.end() :]}"
        return located if number == 1 else HEADER_ADVICE.sub(".", located)

    def _place(self) -> str:
        last = self.first + len(self.offsets) - 1
        numbers = f"record {last}" if last == self.first else f"records {self.first} to {last}"
        return f"{numbers}, from byte {self.offsets[0]} of the object"


class Pipeline:
    """Sends objects to `instance`. `note` writes a line of the data log; `folder` holds the answers to streamed objects."""

    def __init__(
        self,
        job: Job,
        plan: RequestPlan,
        instance: Instance,
        inputs: Objects,
        outputs: ObjectStore,
        stopping: threading.Event,
        note: Callable[[str], None],
        folder: Path,
    ) -> None:
        self._source: Mapping[str, Any] = job["TransformInput"]
        self._target: Mapping[str, Any] = job["TransformOutput"]
        self._client: Mapping[str, Any] = job.get("ModelClientConfig", {})
        self._processing = DataProcessing.from_request(job)
        self._plan = plan
        self._instance = instance
        self._inputs = inputs
        self._outputs = outputs
        self._stopping = stopping
        self._note = note
        self._folder = folder
        self._split = self._source.get("SplitType", "None")
        self._streams = plan.limit == 0 and (self._split == "None" or not plan.single)
        self._failures: dict[str, str] = {}

    def run(self, files: Sequence[InputFile]) -> list[str]:
        """Store the output of every object. Returns a reason for each object that has no output. Raises JobStopping."""
        if self._streams and self._processing.changes_records:
            return [
                "ClientError: MaxPayloadInMB 0 sends each object as a whole, which can neither be filtered nor joined. "
                "Set MaxPayloadInMB to 1 or more."
            ]
        with ThreadPoolExecutor(self._plan.concurrency, "transform") as pool:
            in_order = self._window(self._pieces(pool, files))
            for _, pieces in itertools.groupby(in_order, key=lambda piece: piece[0].name):
                self._store(pieces)
        return list(self._failures.values())

    # Output: answers in order

    def _window(self, pieces: Pieces) -> Pieces:
        """The same pieces, read ahead as far as requests may be in flight."""
        waiting: deque[tuple[InputFile, Future[Chunks]]] = deque()
        for piece in pieces:
            waiting.append(piece)
            if len(waiting) == self._plan.concurrency:
                yield waiting.popleft()
        yield from waiting

    def _store(self, pieces: Pieces) -> None:
        """Join the answers to one object and store them, all or nothing."""
        first = next(pieces)
        file = first[0]
        bucket, prefix = split_uri(self._target["S3OutputPath"])
        key = f"{prefix.rstrip('/')}/{file.name}.out".lstrip("/")
        answers = (chunk for _, answer in itertools.chain([first], pieces) for chunk in answer.result())
        try:
            self._outputs.put(bucket, key, answers, self._target.get("Accept", "binary/octet-stream"))
        except (RequestFailed, UserError, S3Error) as error:
            self._fail(file, error)

    def _fail(self, file: InputFile, error: RequestFailed | UserError | S3Error) -> None:
        """Write the error to the data log, in SageMaker's words."""
        place = f"{file.stored.bucket}/{file.stored.key}"
        status = error.status if isinstance(error, RequestFailed) else 400
        blame = "ClientError" if 400 <= status < 500 else "AlgorithmError"
        text = error.text if isinstance(error, RequestFailed) else str(error)
        for line in (f"{blame}: {status}", "", "Message:", *text.splitlines()):
            self._note(f"{datetime.now(UTC).isoformat(timespec='milliseconds')[:-6]}:[sagemaker logs]: {place}: {line}")
        self._failures[file.name] = f"{blame}: {place}: {str(error)[:MAX_SHOWN_CHARACTERS]}"

    # Input: objects, records, requests

    def _pieces(self, pool: ThreadPoolExecutor, files: Sequence[InputFile]) -> Pieces:
        """The pending answers, one or more for every object."""
        for file in files:
            asked = False
            try:
                for ask in self._requests(file):
                    if file.name in self._failures:
                        break
                    asked = True  # mutants: equivalent: one more empty answer adds nothing to the output
                    yield file, pool.submit(ask)
            except (UserError, S3Error) as error:
                yield file, _failed(error)
                continue
            except DAMAGED_GZIP as error:
                yield file, _failed(UserError(f"the object is not a valid gzip file: {error}"))
                continue
            if not asked:
                yield file, pool.submit(tuple)

    def _requests(self, file: InputFile) -> Iterator[Callable[[], Chunks]]:
        if self._streams:
            yield partial(self._ask_in_chunks, file)
            return
        for batch in self._batches(file):
            yield partial(self._ask, batch)

    def _batches(self, file: InputFile) -> Iterator[RequestBatch]:
        limit = self._plan.limit or UNLIMITED
        whole = self._split == "RecordIO" and not self._plan.single and not self._processing.changes_records
        cut = self._whole_requests if whole else self._record_by_record
        with self._opened(file) as content:
            for batch in cut(content, limit):
                if self._stopping.is_set():
                    raise JobStopping
                yield batch

    def _whole_requests(self, content: BinaryIO, limit: int) -> Iterator[RequestBatch]:
        done = 0
        for request in records.framed_requests(content, limit):
            yield RequestBatch(request.offsets, request.pieces, done + 1)
            done += len(request.offsets)

    def _record_by_record(self, content: BinaryIO, limit: int) -> Iterator[RequestBatch]:
        found = records.SPLITTERS[self._split](content, limit, not self._plan.single)
        separator = records.SEPARATORS.get(self._split, b"")
        done = 0
        for sources in records.batches(found, separator, limit, self._plan.single or self._split == "None"):
            offsets = [source.offset for source in sources]
            yield RequestBatch(offsets, self._sent(sources, done + 1), done + 1, sources)
            done += len(sources)

    def _sent(self, sources: Sequence[ObjectRecord], first: int) -> Sequence[bytes]:
        """What is sent for records of which the first is number `first` of its object."""
        if not self._processing.filters_records:
            return sources
        return [self._filtered(record, number) for number, record in enumerate(sources, first)]

    def _filtered(self, record: ObjectRecord, number: int) -> bytes:
        try:
            return self._processing.request(record)
        except UserError as error:
            raise UserError(f"record {number} (at byte {record.offset} of the object): {error}") from None

    @contextmanager
    def _opened(self, file: InputFile) -> Iterator[BinaryIO]:
        _, raw = self._inputs.open(file.stored.bucket, file.stored.key)
        with raw:
            if self._source.get("CompressionType") == "Gzip":
                with gzip.open(raw) as content:
                    yield cast(BinaryIO, content)
            else:
                with open(raw.fileno(), "rb", closefd=False) as buffered:
                    yield buffered

    # Requests

    def _ask(self, batch: RequestBatch) -> Chunks:
        body = records.SEPARATORS.get(self._split, b"").join(batch.sent)
        try:
            answer = self._answered(lambda: self._instance.invoke(body, self._headers(), self._timeout_s).http)
            stored = self._processing.output(batch.sources, answer.data, answer.headers.get("Content-Type"))
        except RequestFailed as failed:
            text = failed.text if self._split == "None" else batch.placed(failed.text)
            raise RequestFailed(failed.status, text) from None
        except UserError as error:
            raise UserError(batch.placed(str(error))) from None
        by_line = self._target.get("AssembleWith") == "Line"
        return (stored, b"\n") if by_line and not stored.endswith(b"\n") else (stored,)

    def _ask_in_chunks(self, file: InputFile) -> Chunks:
        """Stream the object to the container, and buffer its answer in a file."""

        def invoke() -> urllib3.BaseHTTPResponse:
            with self._opened(file) as content:
                return self._instance.invoke(
                    records.chunks(content), self._headers(), self._timeout_s, whole=False
                ).http

        answer = self._answered(invoke)
        spool = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115, `_read_and_close` closes it
        try:
            spool.writelines(answer.stream(records.CHUNK_BYTES))
        except urllib3.exceptions.HTTPError as error:
            raise RequestFailed(0, f"The container broke off its answer: {error}.") from None
        spool.seek(0)
        return _read_and_close(cast(BinaryIO, spool))

    def _answered(self, invoke: Callable[[], urllib3.BaseHTTPResponse]) -> urllib3.BaseHTTPResponse:
        """Send a request, again after a failure of the container. Raises RequestFailed, JobStopping."""
        attempts = 1 + self._client.get("InvocationsMaxRetries", DEFAULT_RETRIES)
        problem: RequestFailed
        for attempt in range(attempts):
            if attempt:
                self._stopping.wait(FIRST_PAUSE_S * 2 ** (attempt - 1))
            if self._stopping.is_set():
                raise JobStopping
            try:
                answer = invoke()
            except NoAnswer as error:
                problem = RequestFailed(0, str(error))
                continue
            if 200 <= answer.status < 300:
                return answer
            problem = RequestFailed(answer.status, answer.data.decode(errors="replace"))
            if answer.status < 500:
                break
        if self._stopping.is_set():
            raise JobStopping
        raise problem

    def _headers(self) -> dict[str, str]:
        wanted = {"Content-Type": self._source.get("ContentType"), "Accept": self._target.get("Accept")}
        return {name: value for name, value in wanted.items() if value}

    @property
    def _timeout_s(self) -> float:
        return self._client.get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT_S)


def _read_and_close(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from records.chunks(file)


def _failed(error: Exception) -> Future[Chunks]:
    future: Future[Chunks] = Future()
    future.set_exception(error)
    return future
