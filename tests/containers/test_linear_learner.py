"""Whole jobs of linear learner in a process, with rows written by the SageMaker SDK and as CSV."""

from __future__ import annotations

import io
import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.ports import free_port
from wildsage.algorithms.base.run import RunContext
from wildsage.containers import codecs
from wildsage.containers.codecs.records.files import write_numpy_to_dense_tensor
from wildsage.containers.contract import archive
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.model_files import artifact
from wildsage.containers.serving.handler import Handler, HttpRequest

RNG = np.random.default_rng(0)
ROWS = (RNG.normal(size=(4000, 4)) * [1, 20, 0.1, 3]).astype(np.float32)
NOISE = RNG.logistic(size=4000)
LABELS = ((ROWS @ [1, 0.1, 5, 0] + NOISE) > 0.4).astype(np.float32)
SETTINGS = {"predictor_type": "binary_classifier", "mini_batch_size": "200", "epochs": "3"}


def recordio(rows: np.ndarray = ROWS, labels: np.ndarray = LABELS) -> bytes:
    body = io.BytesIO()
    write_numpy_to_dense_tensor(body, rows, labels)
    return body.getvalue()


def csv(rows: np.ndarray = ROWS, labels: np.ndarray = LABELS) -> bytes:
    body = io.StringIO()
    np.savetxt(body, np.column_stack([labels, rows]), delimiter=",", fmt="%.9g")
    return body.getvalue().encode()


TRAIN = recordio()


def ready(job, settings=(), channels=("train",), content=TRAIN, config=None, **hosts):
    run = job("linear-learner")
    described = {name: (config if name == "train" and config else ChannelConfig()) for name in channels}
    run.describe({**SETTINGS, **dict(settings)}, described, **hosts)
    run.put("train", "rows.pbr", content)
    return run


def done(job, *args, **kwargs):
    run = ready(job, *args, **kwargs)
    status, log = run.train()
    assert status == 0, log
    return run, log


def model_bytes(run) -> bytes:
    return (run.opt_ml.model / "model_algo-1").read_bytes()


def loss(run) -> float:
    batch = Batch(torch.from_numpy(ROWS), torch.from_numpy(LABELS)[:, None])
    found = artifact.load(run.opt_ml.model)[1].evaluate(iter([batch]), RunContext())
    return found["binary_classification_cross_entropy_objective"]


def test_the_log_reads_like_the_originals(job):
    run = ready(job, channels=("train", "validation", "test"))
    run.put("validation", "rows.pbr", recordio(ROWS[:500], LABELS[:500]))
    run.put("test", "rows.pbr", recordio(ROWS[500:900], LABELS[500:900]))
    status, log = run.train()
    assert status == 0, log
    objective = "binary_classification_cross_entropy_objective"
    for epoch in range(3):
        for channel in ("train", "validation"):
            assert (
                len(re.findall(rf'"epoch": {epoch}, "model": \d+}}, "Metrics": {{"{channel}_{objective}"', log)) == 32
            )
            assert re.search(rf"#quality_metric: host=algo-1, epoch={epoch}, {channel} {objective} <loss>=\d", log)
        assert re.search(
            rf"#early_stopping_criteria_metric: host=algo-1, epoch={epoch}, criteria=sampled_accuracy, value=0\.\d", log
        )
        assert f"Saving model for epoch: {epoch}" in log
    names = ["binary_classification_accuracy", r"binary_f_1\.000", "precision", "recall", "roc_auc_score"]
    for channel in ("validation", "test"):
        assert re.search(rf"#{channel}_score \(algo-1\) : \('{objective}', 0\.\d+\)", log)
        for name in names:
            assert re.search(rf"#quality_metric: host=algo-1, {channel} {name} <score>=0\.\d", log), (channel, name)
    assert re.search(
        r'Best model found for hyperparameters: \{"optimizer": "adam", "learning_rate": \S+, "wd": \S+, "l1": 0\.0, ',
        log,
    )
    assert '"Algorithm": "Linear Learner"' in log


def test_every_metric_definition_finds_its_line(job):
    """Of a binary classifier with all channels: all but those of the other predictor types."""
    run = ready(job, channels=("train", "validation", "test"))
    for channel in ("validation", "test"):
        run.put(channel, "rows.pbr", recordio(ROWS[:500], LABELS[:500]))
    _, log = run.train()
    found = {
        name
        for name, regex in artifact.algorithms.find("linear-learner").spec.metric_definitions.items()
        if re.search(regex, log)
    }
    wanted = {
        f"{channel}:{name}"
        for channel in ("validation", "test")
        for name in ("binary_classification_accuracy", "binary_f_beta", "precision", "recall", "roc_auc_score")
    }
    wanted |= {
        "train:objective_loss",
        "validation:objective_loss",
        "validation:objective_loss:final",
        "test:objective_loss",
    }
    assert found == wanted | {"train:progress", "train:throughput"}


def test_rows_of_every_kind_give_the_same_bytes(job):
    """RecordIO in one file, in two, and as CSV, whose numbers are written to the last digit."""
    whole = model_bytes(done(job)[0])
    again = model_bytes(done(job)[0])
    parts = ready(job, content=recordio(ROWS[:1700], LABELS[:1700]))
    parts.put("train", "rows2.pbr", recordio(ROWS[1700:], LABELS[1700:]))
    assert parts.train()[0] == 0
    as_csv = done(job, content=csv(), config=ChannelConfig("text/csv"))[0]
    assert {again, model_bytes(parts), model_bytes(as_csv)} == {whole}


def test_killed_and_started_again_it_gives_the_same_bytes(job):
    """The first run ends, as by a kill, at a file that is cut within its last record; by then there is a checkpoint."""
    settings = {"_checkpoint_seconds": "0", "num_point_for_scaler": "1000"}
    content = recordio(np.tile(ROWS, (5, 1)), np.tile(LABELS, 5))
    whole = done(job, settings, content=content)[0]
    run = ready(job, settings, content=content[:-1])
    run.opt_ml.checkpoint_config.write_text("{}")
    assert run.train()[0] == 1 and (run.opt_ml.checkpoints / "checkpoint_algo-1").exists()
    run.put("train", "rows.pbr", content)
    status, log = run.train()
    assert status == 0 and "0 passes and 81 batches are done" in log, log
    assert model_bytes(run) == model_bytes(whole)


def test_a_row_that_is_rejected_after_a_restart_is_counted_in_the_channel(job):
    """Batches that were learned before the restart are rows of the file too."""
    settings = {"_checkpoint_seconds": "0", "num_point_for_scaler": "1000"}
    rows, labels = np.tile(ROWS, (5, 1)), np.tile(LABELS, 5)
    run = ready(job, settings, content=recordio(rows, labels)[:-1])
    run.opt_ml.checkpoint_config.write_text("{}")
    assert run.train()[0] == 1
    labels[-7] = 5
    run.put("train", "rows.pbr", recordio(rows, labels))
    status, log = run.train()
    assert status == 1 and "batches are done" in log, log
    assert f"rows.pbr, row {len(rows) - 6}: label 5" in run.failure


def test_an_earlier_job_is_gone_on_from(job):
    first = done(job, {"epochs": "1"})[0]
    archive.pack(first.opt_ml.model, first.opt_ml.root / "model.tar.gz")
    run = ready(job, channels=("train", "model"))
    run.put("model", "model.tar.gz", (first.opt_ml.root / "model.tar.gz").read_bytes())
    status, log = run.train()
    assert status == 0, log
    epoch_0 = r"epoch=0, train \S+ <loss>=(\S+)"
    assert float(re.search(epoch_0, log)[1]) < float(re.search(epoch_0, done(job)[1])[1]) - 0.05


def test_two_hosts_end_within_half_a_percent_of_one(job):
    """Unequal shares: one host has its end some mini-batches before the other. Their long logs are read side by side."""
    port = str(free_port())
    hosts = ("algo-1", "algo-2")
    settings = {"epochs": "15", "binary_classifier_model_selection_criteria": "loss_function"}
    runs = []
    for host, share in zip(hosts, (slice(2150), slice(2150, None)), strict=True):
        run = ready(job, settings, content=recordio(ROWS[share], LABELS[share]), current_host=host, hosts=hosts)
        runs.append((run, run.start(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)))
    with ThreadPoolExecutor() as pool:
        logs = list(pool.map(lambda each: each[1].communicate(timeout=300)[0], runs))
    assert [process.returncode for _, process in runs] == [0, 0], logs
    assert not list(runs[1][0].opt_ml.model.iterdir())
    assert loss(runs[0][0]) == pytest.approx(loss(done(job, settings)[0]), rel=0.005)


def test_a_target_that_cannot_be_reached_is_said_and_the_model_is_kept(job):
    settings = {
        "binary_classifier_model_selection_criteria": "recall_at_target_precision",
        "target_precision": "0.999999",
    }
    labels = (RNG.random(4000) < 0.3).astype(np.float32)
    _, log = done(job, settings, content=recordio(ROWS, labels))
    assert re.search(
        r"WARNING \d+\] Hyperparameter target_precision: got 0\.999999, but no threshold reaches it; the highest", log
    )


@pytest.mark.parametrize(
    ("settings", "labels", "failure"),
    [
        ({}, LABELS + 1, r"Channel train, rows\.pbr, row \d+: label 2, expected 0 or 1 for predictor_type binary_classifier"),
        ({}, LABELS * 0, "Channel train: every row has the label 0, expected rows of two classes or more"),
        ({"predictor_type": "multiclass_classifier"}, LABELS, "Hyperparameter num_classes: got 1, expected an integer ≥ 3"),
        ({"feature_dim": "5"}, LABELS, r"Channel train, rows.pbr, row 1: 4 columns, expected 5 \(feature_dim\)"),
        ({"mini_batch_size": "5000"}, LABELS, "Got 4000 rows, expected at least 5000 for a mini-batch"),
        ({"learning_rat": "1"}, LABELS, r"'learning_rat' was unexpected\). Did you mean learning_rate\?"),
    ],
)  # fmt: skip
def test_a_users_mistake_fails_the_job_in_clear_words(job, settings, labels, failure):
    run = ready(job, settings, content=recordio(ROWS, labels))
    status, log = run.train()
    assert status == 1, log
    assert re.search(failure, run.failure), run.failure


def spoiled(value: float, row: int = 2, column: int = 1) -> np.ndarray:
    rows = ROWS[:500].copy()
    rows[row, column] = value
    return rows


@pytest.mark.parametrize(
    ("content", "content_type", "failure"),
    [
        (
            recordio(spoiled(np.nan), LABELS[:500]),
            None,
            r"Channel train, rows\.pbr, row 3: column 2: got nan, expected a finite number",
        ),
        (
            recordio(spoiled(np.inf), LABELS[:500]),
            None,
            r"Channel train, rows\.pbr, row 3: column 2: got inf, expected a finite number",
        ),
        (
            csv(ROWS[:500], LABELS[:500]) + b"1,nan,2,3,4\n",
            "text/csv",
            "Unable to parse csv: .*, row 501: column 1: got nan, expected a finite number",
        ),
        (
            csv(ROWS[:500], LABELS[:500]) + b"1,2,3,4\n",
            "text/csv",
            "row 501: 4 columns, expected 5 as in the rows before",
        ),
        (
            csv(ROWS[:500], LABELS[:500]) + b"1,2,3,four,5\n",
            "text/csv",
            "row 501: column 4: got 'four', expected a number",
        ),
        (
            b"label,a,b,c,d\n" + csv(ROWS[:500], LABELS[:500]),
            "text/csv",
            r"row 1: column 1: got 'label', expected a number; is this a header row\?",
        ),
        (csv(ROWS[:500], LABELS[:500]) + b"no,2,3,4,5\n", "text/csv", "row 501: column 1: got 'no', expected a number"),
        (
            recordio(ROWS[:500], LABELS[:500]) + recordio(ROWS[:10, :3], LABELS[:10]),
            None,
            "row 501: 3 columns, expected 4 as in the rows before",
        ),
        (recordio(ROWS[:500], None), None, "Channel train: rows have no labels, expected one each"),
        (b"", None, "No training data processed.* Channel train has no data for this host"),
    ],
)
def test_rows_that_cannot_be_learned_fail_the_job_in_clear_words(job, content, content_type, failure):
    run = ready(job, content=content, config=ChannelConfig(content_type) if content_type else None)
    status, log = run.train()
    assert status == 1, log
    assert re.search(failure, run.failure), run.failure


@pytest.mark.parametrize(
    ("channel", "rows", "labels", "failure"),
    [
        (
            "validation",
            ROWS[:50, :3],
            LABELS[:50],
            r"Channel validation, rows\.pbr, row 1: 3 columns, expected 4 as in channel train",
        ),
        (
            "test",
            ROWS[:50, :3],
            LABELS[:50],
            r"Channel test, rows\.pbr, row 1: 3 columns, expected 4 as in channel train",
        ),
        (
            "validation",
            ROWS[:50],
            LABELS[:50] + 1,
            r"Channel validation, rows\.pbr, row 5: label 2, expected 0 or 1 for predictor_type binary_classifier",
        ),
        (
            "test",
            ROWS[:50],
            LABELS[:50] * np.nan,
            r"Channel test, rows\.pbr, row 1: label nan, expected a finite float32",
        ),
    ],
)
def test_other_channels_that_do_not_fit_are_named(job, channel, rows, labels, failure):
    run = ready(job, channels=("train", channel))
    run.put(channel, "rows.pbr", recordio(rows, labels))
    status, log = run.train()
    assert status == 1, log
    assert re.search(failure, run.failure), run.failure


@pytest.mark.parametrize(
    ("settings", "rows", "failure"),
    [
        ({}, ROWS[:500, :3], r"weights of shape \(4, 1\), expected \(3, 1\) \(feature_dim, outputs\) as in this job"),
        (
            {"predictor_type": "multiclass_classifier", "num_classes": "3"},
            ROWS[:500],
            r"weights of shape \(4, 1\), expected \(4, 3\) \(feature_dim, outputs\) as in this job",
        ),
    ],
)
def test_an_earlier_model_that_does_not_fit_is_rejected(job, settings, rows, failure):
    first = done(job, {"epochs": "1"})[0]
    archive.pack(first.opt_ml.model, first.opt_ml.root / "model.tar.gz")
    run = ready(job, settings, channels=("train", "model"), content=recordio(rows, LABELS[:500]))
    run.put("model", "model.tar.gz", (first.opt_ml.root / "model.tar.gz").read_bytes())
    status, log = run.train()
    assert status == 1, log
    assert re.search(failure, run.failure), run.failure


@pytest.fixture(scope="module")
def handler(tmp_path_factory):
    """The handler of a model whose weights are those of a recorded artifact in short."""
    kind = artifact.algorithms.find("linear-learner")
    settings = {"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": 0.4, "metrics_params": {}}
    arrays = {"fc0_weight": torch.tensor([[1.0], [-0.5]]), "fc0_bias": torch.tensor([[0.25]])}
    return Handler(kind.model_class.from_arrays(arrays, settings), kind.spec)


def test_answers_have_the_originals_bytes(handler):
    body = b"1,2\n0,3\n"
    document = handler.invocations(HttpRequest(body, codecs.CSV, codecs.JSON)).body
    assert re.fullmatch(
        rb'\{"predictions": \[\{"score": 0\.56\d+, "predicted_label": 1\}, \{"score": 0\.22\d+, "predicted_label": 0\}\]\}',
        document,
    )
    lines = handler.invocations(HttpRequest(body, codecs.CSV, codecs.JSON_LINES)).body
    assert re.fullmatch(
        rb'\{"predicted_label":1,"score":0\.56\d{1,13}\}\n\{"predicted_label":0,"score":0\.22\d{1,13}\}\n', lines
    )


def test_a_record_has_both_as_floats(handler):
    common = pytest.importorskip("sagemaker.amazon.common")
    body = recordio(np.array([[1, 2]], np.float32), np.zeros(1, np.float32))
    answer = handler.invocations(HttpRequest(body, codecs.RECORDIO_PROTOBUF, codecs.RECORDIO_PROTOBUF)).body
    (record,) = common.read_records(io.BytesIO(answer))
    assert record.label["predicted_label"].float32_tensor.values[0] == 1.0
    assert json.loads(handler.invocations(HttpRequest(b"1,2", codecs.CSV, codecs.JSON)).body)["predictions"][0][
        "score"
    ] == pytest.approx(record.label["score"].float32_tensor.values[0])


def test_a_label_that_cannot_be_used_is_named_by_its_file(job):
    run = ready(job, content=recordio(ROWS[:600], LABELS[:600]))
    run.put("train", "second.pbr", recordio(ROWS[:3], np.array([0, 7, 1], np.float32)))
    status, _ = run.train()
    assert status == 1
    assert "Channel train, second.pbr, row 2: label 7, expected 0 or 1" in run.failure
