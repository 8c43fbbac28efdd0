"""The program of BlazingText: what it takes, and that it trains, prepares and loads."""

from pathlib import Path

import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.program import Job, JobChannel
from wildsage.algorithms.blazingtext import hyperparameters, preparation
from wildsage.algorithms.blazingtext.algorithm import PROGRAM
from wildsage.containers.programs import RecordCodec

GIVEN = {"mode": "supervised", "vector_dim": "2", "epochs": "1", "min_count": "1", "buckets": "10"}


def job_in(folder: Path) -> Job:
    """A job on one line of text, which saves to `folder`/model."""
    (folder / "train").mkdir()
    (folder / "train" / "text").write_bytes(b"__label__a cow hay\n")
    channel = JobChannel("text/plain", "File", "FullyReplicated", {}, folder / "train", lambda: iter(()))
    return Job(
        "", GIVEN, {"train": channel}, "algo-1", ("algo-1",), lambda: ("", 0), folder / "model", folder, None, lambda: False,
        lambda line: None, RecordCodec(), lambda: None,
    )  # fmt: skip


def test_a_model_that_is_trained_is_loaded_and_answers(tmp_path):
    PROGRAM.train(job_in(tmp_path))
    answer = PROGRAM.load(tmp_path / "model", {}, RecordCodec()).invocations(
        HttpRequest(b'{"instances": ["cow"]}', "application/json")
    )
    assert answer.status == 200 and b"__label__a" in bytes(answer.body)


def test_values_that_no_job_may_have_are_rejected():
    PROGRAM.check([("mode", "supervised"), ("epochs", "1")])
    with pytest.raises(UserError, match="Hyperparameter epochs: got '0'"):
        PROGRAM.check([("mode", "supervised"), ("epochs", "0")])


def test_the_table_is_that_of_the_hyperparameters():
    assert PROGRAM.table() == hyperparameters.table()


def test_preparing_runs_a_job_of_each_mode(monkeypatch):
    seen: list[str] = []
    run = preparation._run
    monkeypatch.setattr(preparation, "_run", lambda mode, data, model: (run(mode, data, model), seen.append(mode)))
    PROGRAM.prepare()
    assert seen == list(hyperparameters.MODES)
