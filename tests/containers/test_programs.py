"""The contract around an algorithm's own program; the program is a stand-in."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wildsage import algorithms
from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse
from wildsage.algorithms.base.errors import AlgorithmError, LostHost, PlatformError, UserError
from wildsage.algorithms.base.program import Job
from wildsage.containers import programs
from wildsage.containers.codecs.records import recordio
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.programs import RecordCodec, SafeEndpoint
from wildsage.containers.training import watch
from wildsage.containers.training.collective import TensorCollective
from wildsage.containers.training.stopping import StopSignal


@pytest.mark.parametrize(
    ("name", "found"),
    [("xgboost", "xgboost"), ("kmeans", None), ("linear-learner", None), ("nothing", None), (None, None)],
)
def test_an_image_is_a_programs_if_its_algorithm_brings_one(name, found):
    assert programs.named({"WILDSAGE_ALGORITHM": name} if name else {}) == found


def test_records_are_written_and_read_as_rows():
    codec = RecordCodec()
    content = codec.encode({"score": np.array([[1.5, 2], [3, 4]], np.float32)})
    assert len(list(codec.payloads([content[:5], content[5:]]))) == 2
    assert list(codec.payloads([recordio.frame(b"any")])) == [b"any"]
    (rows,) = codec.decode([recordio.frame(payload_of_a_row())])
    assert rows.values_z.tolist() == [7.0] and rows.counts_n.tolist() == [1]


def payload_of_a_row() -> bytes:
    """A record with the feature 7: message Value → Float32Tensor → values, under the key `values`."""
    tensor = b"\n\x04" + np.float32(7).tobytes()
    value = b"\x12" + bytes([len(tensor)]) + tensor
    entry = b"\n\x06values\x12" + bytes([len(value)]) + value
    return b"\n" + bytes([len(entry)]) + entry


@pytest.fixture
def opt_ml(tmp_path) -> OptML:
    found = OptML(tmp_path)
    found.make_folders()
    TrainingJob({"k": "1"}, {"train": ChannelConfig("text/csv")}).write(found)
    return found


@pytest.fixture
def train(opt_ml, monkeypatch) -> Callable[..., int]:
    """Trains with a function in place of the program, and returns the status."""
    monkeypatch.setattr(watch, "verdict", lambda: "")

    def run(function: Callable[[Job], None], stop: StopSignal | None = None, **variables: str) -> int:
        program = type("Program", (), {"train": staticmethod(function)})
        monkeypatch.setattr(algorithms, "program", lambda name: {"own": program}[name])
        return programs.train("own", {"SAGEMAKER_DATA_PATH": str(opt_ml.root), **variables}, stop or StopSignal())

    return run


def test_a_program_gets_what_the_contract_holds(train, opt_ml, capfd):
    seen: list[Job] = []
    stop = StopSignal()
    opt_ml.checkpoint_config.write_text(json.dumps({"LocalPath": "/checkpoints"}))
    assert train(seen.append, stop, WILDSAGE_IMAGE_TAG="1.7-1") == 0
    (job,) = seen
    assert (job.tag, job.hyperparameters, job.host, job.hosts) == ("1.7-1", {"k": "1"}, "algo-1", ("algo-1",))
    assert (job.model, job.output_data, str(job.checkpoints)) == (opt_ml.model, opt_ml.output_data, "/checkpoints")
    assert not job.stopping()
    stop.raised = True
    assert job.stopping()
    job.log("a line")
    assert capfd.readouterr().out == "a line\n" and not opt_ml.failure.exists()
    channel = job.channels["train"]
    assert (channel.content_type, channel.input_mode, channel.folder) == ("text/csv", "File", opt_ml.channel("train"))
    assert channel.description == ChannelConfig("text/csv").to_json() and channel.distribution == "FullyReplicated"
    assert isinstance(job.join(), TensorCollective) and isinstance(job.records, RecordCodec)


def test_a_pipe_is_read_once_for_each_pass(train, opt_ml):
    passes: list[bytes] = []

    def read(job: Job) -> None:
        for number in range(2):
            os.mkfifo(opt_ml.pipe("train", number))
            content = b"%d" % number * 10
            threading.Thread(target=opt_ml.pipe("train", number).write_bytes, args=(content,), daemon=True).start()
            passes.append(b"".join(job.channels["train"].pipe()))

    assert train(read) == 0
    assert passes == [b"0" * 10, b"1" * 10]


def test_hosts_watch_each_other_from_the_beginning_to_the_end(train, opt_ml, monkeypatch):
    TrainingJob({}, {}, "algo-2", ("algo-1", "algo-2")).write(opt_ml)
    happened: list[Any] = []
    monkeypatch.setattr(watch, "begin", lambda *hosts: happened.append(hosts))
    monkeypatch.setattr(watch, "leave", lambda: happened.append("left"))
    assert train(lambda job: happened.append(job.rendezvous)) == 0
    assert happened == [(("algo-1", "algo-2"), "algo-2"), watch.free_port, "left"]


@pytest.mark.parametrize(
    ("error", "status", "reason", "trace"),
    [
        (UserError("no rows"), 1, "ClientError: no rows", False),
        (AlgorithmError("it diverged"), 2, "AlgorithmError: it diverged", False),
        (PlatformError("no disk"), 3, "InternalServerError: no disk", False),
        (LostHost("rank 1 is away"), 3, "InternalServerError: rank 1 is away", False),
        (KeyError("a bug"), 2, "AlgorithmError: KeyError: 'a bug' (the job's log has the trace)", True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_leaves_its_reason_everywhere(train, opt_ml, monkeypatch, capfd, error, status, reason, trace):
    told: list[str] = []
    monkeypatch.setattr(watch, "tell_others", told.append)

    def fail(job: Job) -> None:
        raise error

    assert train(fail) == status
    out, err = capfd.readouterr()
    assert out == f"{reason}\n" and opt_ml.failure.read_text() == reason and told == [reason]
    assert ("Traceback" in err) is trace


@pytest.mark.parametrize(("error", "named"), [(LostHost("rank 1"), True), (PlatformError("no disk"), False)])
def test_a_host_that_a_library_misses_has_a_name(train, opt_ml, monkeypatch, error, named):
    def fail(job: Job) -> None:
        raise error

    running = train
    monkeypatch.setattr(watch, "verdict", lambda: "Host algo-2 is gone.")
    assert running(fail) == 3
    assert ("Host algo-2 is gone." in opt_ml.failure.read_text()) is named


class Endpoint:
    """Answers with the body, or raises what it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def invocations(self, request: HttpRequest) -> HttpResponse:
        if self._error:
            raise self._error
        return HttpResponse(202, request.body)

    def execution_parameters(self) -> HttpResponse:
        return HttpResponse(200, b"parameters")


def test_answers_of_a_program_go_out_unchanged():
    safe = SafeEndpoint(Endpoint())
    assert safe.invocations(HttpRequest(b"a")) == HttpResponse(202, b"a")
    assert safe.execution_parameters() == HttpResponse(200, b"parameters")


def test_what_a_program_raises_is_a_text_and_a_bug_a_reference(caplog):
    assert SafeEndpoint(Endpoint(UserError("too wide"))).invocations(HttpRequest(b"")) == HttpResponse(400, b"too wide")
    found = SafeEndpoint(Endpoint(KeyError("secret"))).invocations(HttpRequest(b""))
    reference = found.body.decode().removeprefix("Internal error; the log has it under ").removesuffix(".")
    assert found.status == 500 and len(reference) == 8
    assert f"Invocation {reference} failed" in caplog.text and "KeyError: 'secret'" in caplog.text


def test_a_model_is_loaded_by_its_program(monkeypatch, tmp_path):
    asked = []

    class Program:
        def load(self, folder, environment, records):
            asked.append((folder, environment, type(records)))
            return Endpoint()

    monkeypatch.setattr(algorithms, "program", lambda name: {"own": Program()}[name])
    found = programs.load("own", tmp_path, {"A": "b"})
    assert found.invocations(HttpRequest(b"a")).body == b"a" and asked == [(tmp_path, {"A": "b"}, RecordCodec)]
