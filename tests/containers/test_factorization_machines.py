"""Whole jobs of factorization machines in a process, with rows written by the SageMaker SDK."""

import io
import json
import re

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.ports import free_port
from wildsage.algorithms.base.run import RunContext
from wildsage.containers import codecs
from wildsage.containers.contract import archive
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.model_files import artifact
from wildsage.containers.serving.handler import Handler, HttpRequest

PEOPLE, THINGS, ROWS = 30, 40, 4000
WIDTH = PEOPLE + THINGS
RNG = np.random.default_rng(0)
PAIRS = np.stack([np.sort(RNG.integers(PEOPLE, size=ROWS)), PEOPLE + RNG.integers(THINGS, size=ROWS)], 1)
TASTE = RNG.normal(size=(WIDTH, 3))
SCORE = (TASTE[PAIRS[:, 0]] * TASTE[PAIRS[:, 1]]).sum(1)
LABELS = SCORE + RNG.normal(size=ROWS) / 2
SETTINGS = {
    "feature_dim": str(WIDTH), "num_factors": "4", "predictor_type": "regressor", "mini_batch_size": "200", "epochs": "3",
    "factors_lr": "0.02", "linear_lr": "0.01", "factors_init_sigma": "0.1",
}  # fmt: skip


def matrix(pairs: np.ndarray):
    sparse = pytest.importorskip("scipy.sparse")
    ones = np.ones(pairs.size, np.float32)
    return sparse.csr_matrix(
        (ones, pairs.ravel(), np.arange(0, pairs.size + 1, 2)), (len(pairs), WIDTH), dtype=np.float32
    )


def recordio(pairs: np.ndarray, labels: np.ndarray) -> bytes:
    common = pytest.importorskip("sagemaker.amazon.common")
    body = io.BytesIO()
    common.write_spmatrix_to_sparse_tensor(body, matrix(pairs), labels.astype(np.float32))
    return body.getvalue()


def as_batch(pairs: np.ndarray, labels: np.ndarray) -> Batch:
    starts, columns = torch.arange(0, pairs.size + 1, 2), torch.from_numpy(pairs.ravel())
    return Batch(SparseRows(starts, columns, torch.ones(pairs.size), WIDTH), torch.from_numpy(labels[:, None]).float())


TRAIN = recordio(PAIRS, LABELS)


def ready(job, settings=(), channels=("train",), content=TRAIN, **hosts):
    run = job("factorization-machines")
    run.describe({**SETTINGS, **dict(settings)}, {name: ChannelConfig() for name in channels}, **hosts)
    run.put("train", "matrix_0.pbr", content)
    return run


def done(job, *args, **kwargs):
    run = ready(job, *args, **kwargs)
    status, log = run.train()
    assert status == 0, log
    return run, log


def loss(run) -> float:
    return artifact.load(run.opt_ml.model)[1].evaluate(iter([as_batch(PAIRS, LABELS)]), RunContext())["mse"]


def test_a_regressors_log_reads_like_the_originals(job):
    run = ready(job, {"batch_metrics_publish_interval": "8"}, ("train", "test"))
    run.put("test", "matrix_0.pbr", recordio(PAIRS[:50], SCORE[:50]))
    status, log = run.train()
    assert status == 0, log
    names = ["rmse", "mse", "absolute_loss"]
    places = [*(f"epoch=0, batch={b} train" for b in (0, 8, 16)), "epoch=0, train", "epoch=2, train", "train", "test"]
    for place in places:
        assert re.findall(rf"#quality_metric: host=algo-1, {place} (\S+) <loss>=\d", log) == names, place
    last = re.findall(r"#quality_metric: host=algo-1, (?:epoch=2, )?train rmse <loss>=(\S+)", log)
    assert last[-2] == last[-1]
    assert "[Sparse network] Building a sparse network." in log and "#test_score (algo-1) : ('rmse', " in log
    assert [float(p) for p in re.findall(r"completed (\S+) % of epochs", log)] == pytest.approx([100 / 3, 200 / 3, 100])
    assert '"Algorithm": "factorization-machines"' in log


def test_a_classifiers_log_reads_like_the_originals(job):
    run = ready(job, {"predictor_type": "binary_classifier"}, ("train", "test"), recordio(PAIRS, SCORE > 0))
    run.put("test", "matrix_0.pbr", recordio(PAIRS[:50], SCORE[:50] > 0))
    status, log = run.train()
    assert status == 0, log
    metrics = ["accuracy <score>", "cross_entropy <loss>", "f_1.000 <score>"]
    expected = [f"binary_{'' if name.startswith('f') else 'classification_'}{name}" for name in metrics]
    assert re.findall(r"host=algo-1, test (\S+ \S+>)=0\.\d", log) == expected


def test_the_same_job_twice_gives_the_same_bytes(job):
    models = [(run.opt_ml.model / "model_algo-1").read_bytes() for run in (done(job)[0], done(job)[0])]
    assert models[0] == models[1]


def test_killed_and_started_again_it_gives_the_same_bytes(job):
    """The first run ends, as by a kill, at a file that is cut within its last record; by then there is a checkpoint."""
    settings, content = {"_checkpoint_seconds": "0"}, recordio(np.tile(PAIRS, (5, 1)), np.tile(LABELS, 5))
    whole = done(job, settings, content=content)[0]
    run = ready(job, settings, content=content[:-1])
    run.opt_ml.checkpoint_config.write_text("{}")
    assert run.train()[0] == 1 and (run.opt_ml.checkpoints / "checkpoint_algo-1").exists()
    run.put("train", "matrix_0.pbr", content)
    status, log = run.train()
    assert status == 0 and "0 passes and 80 batches are done" in log, log
    assert (run.opt_ml.model / "model_algo-1").read_bytes() == (whole.opt_ml.model / "model_algo-1").read_bytes()


def go_on(job, first, settings) -> tuple:
    archive.pack(first.opt_ml.model, first.opt_ml.root / "model.tar.gz")
    run = ready(job, settings, ("train", "model"))
    run.put("model", "model.tar.gz", (first.opt_ml.root / "model.tar.gz").read_bytes())
    status, log = run.train()
    assert status == 0 and "Resuming from the state in channel model." in log, log
    return run, log


def test_an_earlier_job_is_gone_on_from_as_if_it_had_not_ended(job):
    whole = done(job, {"epochs": "4"})[0]
    second, _ = go_on(job, done(job, {"epochs": "1"})[0], {"epochs": "3"})
    pairs = zip(*(artifact.load(run.opt_ml.model)[1].arrays().values() for run in (whole, second)), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_model_without_a_state_is_enough_to_go_on_from(job, golden):
    """As real jobs write it, too: their artifacts have no state."""
    first = done(job, {"_keep_state": "false"})[0]
    assert [path.name for path in first.opt_ml.model.iterdir()] == ["model_algo-1"]
    assert loss(go_on(job, first, {})[0]) < loss(first)
    run = job("factorization-machines")
    run.describe(
        {"feature_dim": "2625", "num_factors": "64", "predictor_type": "regressor"},
        {"train": ChannelConfig(), "model": ChannelConfig()},
    )
    run.put("train", "test.protobuf", (golden / "fm-movielens" / "test.protobuf").read_bytes())
    run.put("model", "model.tar.gz", (golden / "fm-movielens" / "model.tar.gz").read_bytes())
    status, log = run.train()
    assert status == 0, log
    first_batch = float(re.search(r"epoch=0, batch=0 train rmse <loss>=(\S+)", log)[1])
    assert first_batch == pytest.approx(1.0, abs=0.1)  # from zero it would be 3.7


def test_a_model_of_another_shape_cannot_be_gone_on_from(job):
    first = done(job)[0]
    archive.pack(first.opt_ml.model, first.opt_ml.root / "model.tar.gz")
    run = ready(job, {"num_factors": "8"}, ("train", "model"))
    run.put("model", "model.tar.gz", (first.opt_ml.root / "model.tar.gz").read_bytes())
    assert run.train()[0] == 1
    assert "has feature_dim 70 and num_factors 4, expected 70 and 8 as in this job" in run.failure


def test_two_hosts_end_within_half_a_percent_of_one(job):
    """Unequal shares: one host has its end three mini-batches before the other."""
    port = str(free_port())
    hosts = ("algo-1", "algo-2")
    order = np.random.default_rng(1).permutation(ROWS)
    runs = []
    for host, share in zip(hosts, (order[:2150], order[2150:]), strict=True):
        run = ready(
            job, {"epochs": "10"}, content=recordio(PAIRS[share], LABELS[share]), current_host=host, hosts=hosts
        )
        runs.append((run, run.start(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)))
    for _, process in runs:
        log, _ = process.communicate(timeout=240)
        assert process.returncode == 0, log
    assert not list(runs[1][0].opt_ml.model.iterdir())
    alone = done(job, {"epochs": "10"}, content=recordio(PAIRS[order], LABELS[order]))[0]
    assert loss(runs[0][0]) == pytest.approx(loss(alone), rel=0.005)


@pytest.mark.parametrize(
    ("settings", "failure"),
    [
        ({"predictor_type": "binary_classifier"}, "Channel train, matrix_0.pbr, row 1: label -?[0-9.]+, expected 0 or 1 for predictor_type binary_classifier."),
        ({"feature_dim": "60"}, r"Channel train, matrix_0.pbr, row 1: 70 columns, expected 60 \(feature_dim\)."),
        ({"mini_batch_size": "5000"}, "No training data processed. .* Got 4000 rows, expected at least 5000 for a mini-batch."),
        ({"bias_init_method": "constant"}, "Hyperparameter bias_init_value: missing, expected a number for constant."),
        ({"factors_lr": "1e4000"}, "Hyperparameter factors_lr: got '1e4000', expected a number ≥ 0"),
        ({"bias_lr": "1e30"}, "Training diverged in epoch 0: the loss is beyond float32. Lower bias_lr"),
    ],
)  # fmt: skip
def test_a_users_mistake_fails_the_job_in_clear_words(job, settings, failure):
    run = ready(job, settings)
    status, log = run.train()
    assert status == 1, log
    assert re.search(failure, run.failure), run.failure


def test_csv_is_rejected(job):
    run = job("factorization-machines")
    run.describe(SETTINGS, {"train": ChannelConfig("text/csv")})
    assert (
        run.train()[0] == 1 and "got content type 'text/csv', expected application/x-recordio-protobuf" in run.failure
    )


@pytest.fixture(scope="module")
def handler(tmp_path_factory):
    """A classifier's handler."""
    fm = artifact.algorithms.find("factorization_machines")
    v = torch.from_numpy(TASTE.astype(np.float32))
    classifier = fm(feature_dim=WIDTH, num_factors=3, predictor_type="binary_classifier")
    model = fm.model_class(torch.zeros(1), torch.zeros(WIDTH, 1), v, classifier.training_parameters())
    artifact.save(model, tmp_path_factory.mktemp("model"), "algo-1")
    return Handler(model, fm.spec)


def instances(form: str) -> list:
    dense = matrix(PAIRS[:3]).toarray().tolist()
    if form == "features":
        return [{"features": row} for row in dense]
    if form == "dense data":
        return [{"data": {"features": {"values": row}}} for row in dense]
    return [{"data": {"features": {"keys": pair.tolist(), "shape": [WIDTH], "values": [1, 1]}}} for pair in PAIRS[:3]]


@pytest.mark.parametrize("form", ["features", "dense data", "sparse data"])
def test_json_is_answered_with_floats_and_in_the_originals_order(handler, form):
    body = json.dumps({"instances": instances(form)}).encode()
    response = handler.invocations(HttpRequest(body, codecs.JSON))
    assert response.status == 200, response.body
    rows = json.loads(response.body)["predictions"]
    expected = 1 / (1 + np.exp(-SCORE[:3]))
    assert [list(row) for row in rows] == [["score", "predicted_label"]] * 3
    assert [row["score"] for row in rows] == pytest.approx(expected, rel=1e-5)
    assert [row["predicted_label"] for row in rows] == [float(p >= 0.5) for p in expected]
    assert re.search(rb'"predicted_label": [01]\.0\}', response.body)


def test_a_batch_transform_of_records_is_answered_in_json_lines(handler):
    body = recordio(PAIRS[:100], SCORE[:100])
    response = Handler(handler.model, handler.spec, batch=True).invocations(HttpRequest(body, codecs.RECORDIO_PROTOBUF))
    lines = response.body.decode().splitlines()
    assert response.content_type == codecs.JSON_LINES and len(lines) == 100
    assert set(json.loads(lines[0])) == {"score", "predicted_label"}


def test_records_are_answered_with_records(handler):
    common = pytest.importorskip("sagemaker.amazon.common")
    body = recordio(PAIRS[:3], SCORE[:3])
    response = handler.invocations(HttpRequest(body, codecs.RECORDIO_PROTOBUF, codecs.RECORDIO_PROTOBUF))
    records = common.read_records(io.BytesIO(response.body))
    assert [set(record.label) for record in records] == [{"score", "predicted_label"}] * 3
    assert records[0].label["score"].float32_tensor.values[0] == pytest.approx(1 / (1 + np.exp(-SCORE[0])))


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ({"keys": [70], "shape": [WIDTH], "values": [1]}, "row 1: key 70 is out of range, expected 0 to 69"),
        ({"keys": [3], "shape": [99], "values": [1]}, "row 1: 99 columns, expected 70"),
        ({"keys": [3, 5, 3], "shape": [WIDTH], "values": [1, 1, 1]}, "row 1: key 3 occurs twice"),
        ({"values": [1, 2, 3]}, "row 1: 3 columns, expected 70"),
    ],
)  # fmt: skip
def test_a_request_that_is_not_a_row_is_rejected_with_the_reason(handler, features, problem):
    response = handler.invocations(
        HttpRequest(json.dumps({"instances": [{"data": {"features": features}}]}).encode(), codecs.JSON)
    )
    assert response.status == 400 and problem in response.body.decode(), response.body
