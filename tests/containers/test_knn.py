"""kNN through the containers: a job's log and artifact, hosts, and what the server answers."""

import io
import json
import re

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.ports import free_port
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.algorithm import KNN
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.contract.metrics import quality_regex
from wildsage.containers.model_files import artifact
from wildsage.containers.serving.handler import Handler, HttpRequest

CSV = ChannelConfig(content_type="text/csv")
SETTINGS = {"k": "3", "predictor_type": "classifier", "sample_size": "200"}


def table(rows: int, seed: int) -> np.ndarray:
    """A label from 1 to 3, and the two columns that give it away."""
    rng = np.random.default_rng(seed)
    label = rng.integers(1, 4, rows)
    return np.column_stack([label, 10 * label + rng.normal(size=rows), rng.normal(size=rows)])


def text(rows: np.ndarray) -> bytes:
    return "\n".join(",".join(f"{number:.4f}" for number in row) for row in rows).encode()


def test_a_job_logs_what_the_original_logs(job):
    run = job("knn")
    run.describe(SETTINGS, {"train": CSV, "test": CSV})
    run.put("train", "a.csv", text(table(500, 0)))
    run.put("test", "a.csv", text(table(100, 1)))
    status, log = run.train()
    assert status == 0, log
    for line in (
        "Using per-worker sample size = 200 (",
        "Getting reservoir sample from algo-1...",
        "...Got reservoir sample from algo-1: data=(200, 2), labels=(200,), NaNs=0",
        "Training index...",
        "...Finished training index in 0 second(s)",
        "Adding data to index...",
        "...Finished adding data to index in 0 second(s)",
        "Searching index...",
        "...Done searching index in 0 second(s)",
        "#test_score (algo-1) : ('accuracy', 1.0)",
        "#test_score (algo-1) : ('macro_f_1.000', 1.0)",
    ):
        assert line in log
    assert re.findall(quality_regex("test", "accuracy", "score"), log) == ["1.0"]
    assert {path.name for path in run.opt_ml.model.iterdir()} == {
        "model_algo-1", "model_algo-1.labels", "model_algo-1.json",
    }  # fmt: skip
    _, model = artifact.load(run.opt_ml.model, "knn")
    assert model.feature_dim == 2


def test_a_regressor_reports_its_error(job):
    run = job("knn")
    run.describe({**SETTINGS, "predictor_type": "regressor"}, {"train": CSV, "test": CSV})
    run.put("train", "a.csv", text(table(500, 0)))
    run.put("test", "a.csv", text(table(100, 1)))
    status, log = run.train()
    assert status == 0, log
    assert re.findall(quality_regex("test", "mse", "loss"), log) == ["0.0"]
    assert "accuracy" not in log.partition("Searching index")[2]


@pytest.mark.parametrize("sample_size", [600, 120])
def test_hosts_join_their_samples(job, sample_size):
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    hosts, rows, runs = ("algo-1", "algo-2"), table(500, 0), []
    rows[:, 0] = np.arange(500)  # a label of its own for every row
    for host, share in zip(hosts, (rows[:400], rows[400:]), strict=True):
        run = job("knn")
        run.describe({**SETTINGS, "sample_size": str(sample_size)}, {"train": CSV}, current_host=host, hosts=hosts)
        run.put("train", "a.csv", text(share))
        runs.append((run, run.start(**address)))
    for _, process in runs:
        log, _ = process.communicate(timeout=240)
        assert process.returncode == 0, log
    labels = np.fromfile(runs[0][0].opt_ml.model / "model_algo-1.labels", np.float32)
    assert len(labels) == min(500, sample_size)
    assert (np.diff(labels) > 0).all()
    assert 400 <= labels[-1] < 500
    assert not list(runs[1][0].opt_ml.model.iterdir())


def test_rows_of_another_width_are_named(job):
    run = job("knn")
    run.describe(SETTINGS, {"train": CSV})
    run.put("train", "a.csv", text(table(300, 0)))
    run.put("train", "b.csv", b"1,2,3,4\n")
    assert run.train()[0] == 1
    assert "Channel train, b.csv, row 1: 3 columns, expected 2 (feature_dim)" in run.failure


@pytest.fixture(scope="module")
def handler() -> Handler:
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [9.0, 9.0]])
    labels = torch.tensor([[1.0], [2.0], [2.0], [4.0]])
    settings = {"k": 3, "predictor_type": "classifier", "sample_size": 4}
    return Handler(KNN(**settings).fit({"train": MemoryStream(Batch(x, labels))}, RunContext()), KNN.spec)


def answer(handler: Handler, accept: str | None) -> bytes:
    response = handler.invocations(HttpRequest(b"0,0\n", "text/csv", accept))
    assert response.status == 200, response.body
    return response.body


VERBOSE = {"predicted_label": 2.0, "distances": [0.0, 1.0, 9.0], "labels": [1.0, 2.0, 2.0]}


@pytest.mark.parametrize("parameter", ["", ";verbose=false", "; verbose", "; other=true"])
def test_without_verbose_there_is_the_label_alone(handler, parameter):
    assert answer(handler, f"application/json{parameter}") == b'{"predictions": [{"predicted_label": 2.0}]}'


@pytest.mark.parametrize("parameter", ["; verbose=true", ";verbose=True", '; Verbose="true"'])
def test_verbose_adds_distances_and_labels(handler, parameter):
    assert json.loads(answer(handler, f"application/json{parameter}")) == {"predictions": [VERBOSE]}
    assert json.loads(answer(handler, f"application/jsonlines{parameter}")) == VERBOSE


def test_verbose_records_hold_three_labels_each(handler):
    common = pytest.importorskip("sagemaker.amazon.common")
    body = answer(handler, "application/x-recordio-protobuf; verbose=true")
    (record,) = common.read_records(io.BytesIO(body))
    values = {name: list(value.float32_tensor.values) for name, value in record.label.items()}
    assert values == {"predicted_label": [2.0], "distances": [0.0, 1.0, 9.0], "labels": [1.0, 2.0, 2.0]}


def test_a_row_of_the_wrong_width_is_rejected(handler):
    response = handler.invocations(HttpRequest(b"0,0,0\n", "text/csv"))
    assert response.status == 400
    assert b"3 columns, expected 2 (feature_dim)" in response.body
