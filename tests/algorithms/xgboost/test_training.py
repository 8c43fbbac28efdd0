"""Jobs from end to end: early stopping, folds, checkpoints, model files, and what fails them. What a job can ask of the library is
tried in test_options.py.
"""

import io
import pickle
import re
import types
from contextlib import contextmanager

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
from tests.algorithms.xgboost.jobs import LOGISTIC, SQUARED, document, predictions, score  # noqa: E402
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.base.program import Job, JobChannel  # noqa: E402
from wildsage.algorithms.xgboost import hosts, model_files, training  # noqa: E402
from wildsage.algorithms.xgboost.data import matrix  # noqa: E402
from wildsage.algorithms.xgboost.training import BoostingJob  # noqa: E402
from wildsage.algorithms.xgboost.versions import Version  # noqa: E402
from wildsage.containers.codecs.records import files  # noqa: E402
from wildsage.containers.programs import RecordCodec  # noqa: E402
from wildsage.containers.training.stopping import StopSignal  # noqa: E402


def test_a_job_is_what_the_library_makes_of_the_same_rows(run, rows):
    done = run(LOGISTIC, {"train": rows.csv(rows.classes), "validation": rows.csv(rows.classes)})
    plain = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3}, xgboost.DMatrix(rows.x, label=rows.classes), 8
    )
    np.testing.assert_array_equal(predictions(done.model(), rows.x), plain.predict(xgboost.DMatrix(rows.x)))
    assert done.status == 0 and len(done.rounds) == 8
    assert re.fullmatch(r"\[0\]\ttrain-logloss:\d\.\d{5}\tvalidation-logloss:\d\.\d{5}", done.rounds[0])
    assert f"Requested version 3.2-0; training with XGBoost {xgboost.__version__}." in done.log


def test_every_format_and_mode_gives_the_same_model(run, rows):
    content = io.BytesIO()
    files.write_numpy_to_dense_tensor(content, rows.x, rows.classes.astype(np.float32))
    parquet = io.BytesIO()
    pa = pytest.importorskip("pyarrow")
    columns = [pa.array(column) for column in np.column_stack([rows.classes, rows.x]).T]
    pytest.importorskip("pyarrow.parquet").write_table(
        pa.table(columns, names=[f"c{number}" for number in range(5)]), parquet
    )
    tag = "1.7-1"
    expected = run(LOGISTIC, {"train": rows.csv(rows.classes)}, "text/csv", tag).model()
    for content_type, body, mode in [
        ("text/csv", rows.csv(rows.classes), "FastFile"),
        ("text/csv", rows.csv(rows.classes), "Pipe"),
        ("text/csv", rows.csv(rows.classes).replace(b",", b";"), "File"),
        (None, rows.libsvm(rows.classes), "File"),
        ("application/x-recordio-protobuf", content.getvalue(), "File"),
        ("application/x-recordio-protobuf", content.getvalue(), "Pipe"),
        ("application/x-parquet", parquet.getvalue(), "File"),
        ("parquet", parquet.getvalue(), "Pipe"),
    ]:
        done = run(LOGISTIC, {"train": body}, content_type, tag, mode)
        assert done.status == 0, done.failure
        assert done.model() == expected, (content_type, mode)


def test_sparse_records_are_read(run, rows):
    scipy = pytest.importorskip("scipy.sparse")
    content = io.BytesIO()
    files.write_spmatrix_to_sparse_tensor(content, scipy.csr_matrix(rows.x), rows.classes.astype(np.float32))
    done = run(LOGISTIC, {"train": content.getvalue()}, "application/x-recordio-protobuf")
    assert done.model() == run(LOGISTIC, {"train": rows.libsvm(rows.classes)}, None).model()


def test_weights_in_column_1_count(run, rows):
    weighted = np.column_stack([rows.classes, np.where(rows.x[:, 0] > 0, 3, 1), rows.x]).tolist()
    body = "".join(",".join(map(repr, line)) + "\n" for line in weighted).encode()
    done = run({**LOGISTIC, "csv_weights": "1"}, {"train": body})
    matrix = xgboost.DMatrix(rows.x, label=rows.classes, weight=np.where(rows.x[:, 0] > 0, 3, 1))
    plain = xgboost.train({"objective": "binary:logistic", "max_depth": 3}, matrix, 8)
    np.testing.assert_array_equal(predictions(done.model(), rows.x), plain.predict(xgboost.DMatrix(rows.x)))


@pytest.fixture
def matrices(monkeypatch) -> list[xgboost.DMatrix]:
    """The matrices that jobs make."""
    made = []

    def build(*given, **options):
        made.append(matrix.build(*given, **options))
        return made[-1]

    monkeypatch.setattr("wildsage.algorithms.xgboost.data.channel.matrix", types.SimpleNamespace(build=build))
    return made


@pytest.mark.parametrize(
    ("given", "tag", "bins"),
    [
        ({"tree_method": "hist"}, "", True),
        ({"tree_method": "hist", "max_bin": "16"}, "1.7-1", True),
        ({"tree_method": "hist", "booster": "dart", "rate_drop": "0.5"}, "", True),
        ({"tree_method": "hist", "eval_metric": "accuracy,logloss"}, "", True),
        ({"tree_method": "hist", "grow_policy": "lossguide", "max_leaves": "3"}, "", True),
        ({"tree_method": "hist", "monotone_constraints": "(1,0,0,0)"}, "", True),
        ({}, "1.7-1", False),
        ({"tree_method": "exact"}, "", False),
        ({"tree_method": "approx"}, "", False),
        ({"booster": "gblinear"}, "", False),
        ({"tree_method": "hist", "_kfold": "2"}, "", False),
    ],
    ids=str,
)
def test_hist_holds_bins_alone_and_learns_the_same(run, rows, matrices, monkeypatch, given, tag, bins):
    monkeypatch.setattr(matrix, "FEW_VALUES", 300 * 4 - 1)
    content = rows.csv(rows.classes)
    done = run(
        {**LOGISTIC, **given}, {"train": content, "validation": content}, tag=tag, mode="Pipe" if tag else "File"
    )
    assert done.status == 0, done.failure
    assert [isinstance(each, xgboost.QuantileDMatrix) for each in matrices] == [bins, bins]
    if bins:
        chosen = {name: value for name, value in given.items() if name != "eval_metric"}
        parameters = {"objective": "binary:logistic", "max_depth": 3, "base_score": 0.5 if tag else None, **chosen}
        plain = xgboost.train(
            {name: value for name, value in parameters.items() if value is not None},
            xgboost.DMatrix(rows.x, label=rows.classes),
            8,
        )
        np.testing.assert_array_equal(predictions(done.model(), rows.x), plain.predict(xgboost.DMatrix(rows.x)))


def test_versions_below_2_begin_at_one_half_and_split_exactly(run, rows):
    old = run(SQUARED, {"train": rows.csv(rows.values)}, tag="1.5-1")
    plain = xgboost.train(
        {"max_depth": 3, "base_score": 0.5, "tree_method": "exact"}, xgboost.DMatrix(rows.x, label=rows.values), 8
    )
    np.testing.assert_array_equal(predictions(old.model(), rows.x), plain.predict(xgboost.DMatrix(rows.x)))


@pytest.mark.parametrize(
    ("tag", "pattern"),
    [
        ("1", r"\[0\]\ttrain-error:0\.\d{1,6}\tvalidation-error:0\.\d{1,6}"),
        ("1.0-1-cpu-py3", r"\[0\]\ttrain-error:0\.\d{5}\tvalidation-error:0\.\d{5}"),
    ],
)
def test_log_lines_have_the_form_of_the_version(run, rows, tag, pattern):
    content = rows.csv(rows.classes)
    done = run({**LOGISTIC, "eval_metric": "error"}, {"train": content, "validation": content}, tag=tag)
    assert re.fullmatch(pattern, done.rounds[0])
    assert "INFO:root:Train matrix has 300 rows\n" in done.log
    assert "INFO:root:Determined delimiter of CSV input is ','" in done.log


def test_the_originals_own_metrics_are_those_of_scikit_learn(run, rows):
    metrics = pytest.importorskip("sklearn.metrics")
    names = "accuracy,f1,f1_binary,balanced_accuracy,precision,recall_macro,auc"
    done = run({**LOGISTIC, "eval_metric": names}, {"train": rows.csv(rows.classes)})
    guessed = predictions(done.model(), rows.x) > 0.5
    last = done.rounds[-1]
    assert score(last, "train-accuracy") == pytest.approx(metrics.accuracy_score(rows.classes, guessed), abs=1e-5)
    assert score(last, "train-f1") == pytest.approx(metrics.f1_score(rows.classes, guessed, average="macro"), abs=1e-5)
    assert score(last, "train-f1_binary") == pytest.approx(metrics.f1_score(rows.classes, guessed), abs=1e-5)
    assert score(last, "train-precision") == pytest.approx(metrics.precision_score(rows.classes, guessed), abs=1e-5)
    assert score(last, "train-auc") > 0.9


def test_r2_and_mse_of_a_regression(run, rows):
    metrics = pytest.importorskip("sklearn.metrics")
    done = run({**SQUARED, "eval_metric": "r2,mse"}, {"train": rows.csv(rows.values)})
    guessed = predictions(done.model(), rows.x)
    assert score(done.rounds[-1], "train-r2") == pytest.approx(metrics.r2_score(rows.values, guessed), abs=1e-4)
    assert score(done.rounds[-1], "train-mse") == pytest.approx(
        metrics.mean_squared_error(rows.values, guessed), abs=1e-4
    )
    assert "train-rmse" not in done.rounds[-1]


def test_a_tuning_job_adds_its_metric(run, rows):
    given = {**LOGISTIC, "_tuning_objective_metric": "validation:auc", "eval_metric": "error"}
    content = rows.csv(rows.classes)
    done = run(given, {"train": content, "validation": content})
    assert "train-error:" in done.rounds[0] and "validation-auc:" in done.rounds[0]


def worse(rows) -> bytes:
    """A validation set that training makes worse."""
    return rows.csv(-rows.values)


def test_early_stopping_keeps_the_best_round_where_the_three_conditions_hold(run, rows):
    given = {**SQUARED, "num_round": "50", "early_stopping_rounds": "4", "eval_metric": "rmse"}
    channels = {"train": rows.csv(rows.values), "validation": worse(rows)}
    done = run(given, channels, tag="1.5-1")
    assert len(done.rounds) == 5
    assert model_files.read(done.model())[0].num_boosted_rounds() == 1
    without_metric = {name: value for name, value in given.items() if name != "eval_metric"}
    assert len(run(without_metric, channels, tag="1.5-1").rounds) == 50
    assert len(run(given, {"train": rows.csv(rows.values)}, tag="1.5-1").rounds) == 50


def test_early_stopping_of_old_versions_keeps_all_rounds_and_serves_the_best(run, rows):
    given = {**SQUARED, "num_round": "50", "early_stopping_rounds": "4"}
    done = run(given, {"train": rows.csv(rows.values), "validation": worse(rows)}, tag="0.90-2")
    booster, rounds = model_files.read(done.model())
    assert (booster.num_boosted_rounds(), rounds) == (5, 1)
    assert pickle.loads(done.model()).best_iteration == 0


@pytest.mark.parametrize(("tag", "pickled"), [("1", True), ("1.2-2", True), ("1.3-1", False), ("", False)])
def test_the_model_file_has_the_form_of_the_version(run, rows, tag, pickled):
    content = run(LOGISTIC, {"train": rows.csv(rows.classes)}, tag=tag).model()
    assert content.startswith(b"\x80") == pickled
    if pickled:
        assert isinstance(pickle.loads(content), xgboost.Booster)


def test_folds_leave_a_model_each_and_predictions_of_every_row(run, rows):
    given = {**LOGISTIC, "_kfold": "3", "_num_cv_round": "2"}
    done = run(given, {"train": rows.csv(rows.classes)})
    assert sorted(path.name for path in done.opt_ml.model.iterdir()) == [f"xgboost-model-{i}" for i in range(6)]
    assert re.fullmatch(r"\[8\]\ttrain-logloss:\S+\tvalidation-logloss:\S+", done.rounds[0]) and len(done.rounds) == 3
    table = np.loadtxt(done.opt_ml.output_data / "predictions.csv", delimiter=",")
    np.testing.assert_array_equal(table[:, 0], rows.classes)
    assert (table[:, 2] == rows.classes).mean() > 0.8 and ((table[:, 1] > 0) & (table[:, 1] < 1)).all()


def test_folds_of_several_classes_and_of_a_regression(run, rows):
    three = np.digitize(rows.values, [-1, 1])
    given = {"num_round": "8", "objective": "multi:softprob", "num_class": "3", "_kfold": "2"}
    table = np.loadtxt(run(given, {"train": rows.csv(three)}).opt_ml.output_data / "predictions.csv", delimiter=",")
    assert table.shape == (300, 3) and (table[:, 2] == three).mean() > 0.7 and table[:, 1].min() > 1 / 3
    table = np.loadtxt(
        run({**SQUARED, "_kfold": "2"}, {"train": rows.csv(rows.values)}).opt_ml.output_data / "predictions.csv",
        delimiter=",",
    )
    assert table.shape == (300, 2) and np.corrcoef(table.T)[0, 1] > 0.8


class StopAfter(StopSignal):
    """Raised when it was looked at so often, which happens once a round."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    @property
    def raised(self) -> bool:
        self._looks -= 1
        return self._looks < 0

    @raised.setter
    def raised(self, _value: bool) -> None: ...


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"subsample": "0.7"},
        {"colsample_bytree": "0.5", "tree_method": "exact"},
        {"colsample_bynode": "0.5", "tree_method": "approx"},
        {"booster": "dart", "rate_drop": "0.5"},
    ],
    ids=str,
)
def test_a_job_that_goes_on_from_checkpoints_ends_with_the_same_model(run, rows, tmp_path, more):
    given = {**SQUARED, "num_round": "12", **more}
    channels = {"train": rows.csv(rows.values)}
    whole = run(given, channels, checkpoints=tmp_path / "whole")
    half = run(given, channels, checkpoints=tmp_path / "half", stop=StopAfter(4))
    assert not list(half.opt_ml.model.iterdir())
    assert len(half.rounds) == 5
    again = run(given, channels, checkpoints=tmp_path / "half")
    assert again.rounds[0].startswith("[5]\t") and "Resuming from iteration 5" in again.log
    assert again.rounds == whole.rounds[5:]
    assert document(again.model()) == document(whole.model())
    assert len(list((tmp_path / "half").iterdir())) == 5
    nothing_left = run(given, channels, checkpoints=tmp_path / "half")
    assert document(nothing_left.model()) == document(whole.model())


def test_a_job_that_is_stopped_keeps_its_model_if_it_asked_for_that(run, rows):
    given = {**SQUARED, "num_round": "50", "save_model_on_termination": "true"}
    done = run(given, {"train": rows.csv(rows.values)}, stop=StopAfter(2))
    assert model_files.read(done.model())[0].num_boosted_rounds() == 3


@pytest.mark.parametrize(
    ("given", "channels", "text"),
    [
        ({"objective": "binary:logistic"}, {"train": b"3,1\n2,2\n"}, "label must be in [0,1] for logistic regression"),
        ({"objective": "multi:softmax", "num_class": "2"}, {"train": b"5,1\n0,2\n"}, "label must be in [0, num_class)"),
        ({"objective": "count:poisson"}, {"train": b"-5,1\n0,2\n"}, "label must be nonnegative"),
        ({}, {"train": b""}, "No data in training channel path"),
        ({}, {"train": b"1,2\n", "validation": b""}, "No data in validation channel path"),
        ({}, {"train": b"1,2\n", "test": b"1,2\n"}, "Extraneous channel found: test"),
        ({}, {"validation": b"1,2\n"}, "Missing required channel: train"),
        ({}, {"train": b"label,x\n1,2\n"}, "Is it a header row? CSV channels have none."),
        ({}, {"train": b"1,2\n1,2,3\n"}, "Failed to load csv data with exception"),
        ({"tree_method": "gpu_hist"}, {"train": b"1,2\n0,1\n"}, "GPU"),
        ({"num_round": ""}, {"train": b"1,2\n"}, "Hyperparameter num_round: could not parse value (caused by ValueError)"),
        ({"eta": "1.5"}, {"train": b"1,2\n"}, "Hyperparameter eta: 1.5 is not in [0, 1]"),
        ({"silent": "1"}, {"train": b"1,2\n"}, "Extraneous hyperparameter found: silent"),
        ({"objective": "multi:softprob"}, {"train": b"1,2\n"}, "Require input for parameter 'num_class' for multi-classification"),
        ({"eval_metric": "auc"}, {"train": b"1,2\n"}, "Metric 'auc' can only be applied for classification and ranking problems."),
        ({"eval_metric": "f1_binary", "objective": "multi:softmax", "num_class": "3"}, {"train": b"1,2\n2,3\n0,1\n"},
         "Target is multiclass but average='binary'"),
        ({"base_score": "1", "objective": "binary:logistic"}, {"train": b"1,2\n0,3\n"}, "base_score must be in (0,1) for"),
        ({}, {"train": b"nan,2\n1,3\n"}, "Label contains NaN"),
        ({}, {"train": b",2\n1,3\n"}, "Label contains NaN"),
        ({"max_bin": "1", "tree_method": "hist"}, {"train": b"1,2\n"}, "max_bin"),
        ({"_kfold": "3"}, {"train": b"1,2\n2,3\n"}, "Hyperparameter _kfold: got 3. Cannot have number of splits n_splits=3 greater than"),
        ({}, {"train": b"1,2,3\n2,3,4\n", "validation": b"1,2\n"}, "Channel validation has 1 features, and train has 2; expected as many."),
        pytest.param(
            {"csv_weights": "1"}, {"train": b"1,0,2\n3,0,3\n"}, "All rows of channel train have the weight 0; expected a higher one in some of them. ",
            marks=pytest.mark.skipif(xgboost.__version__ < "2", reason="XGBoost 1.x learns from rows of weight 0"),
        ),
        ({}, {"train": b"1\n2\n"}, "got 1 columns, expected a label and at least one feature in each row"),
        ({}, {"train": b"aaaa bbbb,c\n"}, "Failed to load csv data with exception:\nrows, row 1: "),
    ],
)  # fmt: skip
def test_bad_input_fails_as_the_users_with_the_originals_words(run, given, channels, text):
    done = run({"num_round": "2", **given}, channels)
    assert done.status == 1 and done.failure.startswith("ClientError: ") and text in done.failure
    assert "Stack trace" not in done.failure


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        (b"1,2,3\n", None, "First line '1,2,3...' of file 'rows' is not 'LIBSVM' format. Please ensure the file is in 'LIBSVM' format."),
        (b"x 1:2\n", "libsvm", "First line 'x 1:2...' of file 'rows' is not 'LIBSVM' format."),
        (b"\0\1\n", "csv", "is not 'CSV' format. Please ensure the file is in 'CSV' format."),
        (b"1,2\n", "application/json", "application/json is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, "),
        (b"1,2\n", "text/csv; label_size=2", "Optional parameter label_size must be equal to 1"),
        (b"1 0:1\n1 zero:1\n", "libsvm", "Failed to load libsvm data with exception:\nrows, row 2: index 'zero' is not a whole number below 2147483648."),
        (b"none", "parquet", "Failed to load parquet data with exception:\nrows: "),
        (b"none", "recordio-protobuf", "Failed to load recordio-protobuf data with exception:\nrows, row 1: "),
    ],
)  # fmt: skip
def test_data_of_another_format_fails_with_the_originals_words(run, content, content_type, text):
    done = run({"num_round": "2"}, {"train": content}, content_type)
    assert done.status == 1 and done.failure.startswith("ClientError: ") and text in done.failure


def test_a_job_without_rounds_fails(run):
    assert run({}, {"train": b"1,2\n"}).failure == "ClientError: Missing required hyperparameter: num_round"


def test_several_hosts_need_a_newer_library(monkeypatch):
    monkeypatch.setattr(hosts, "LIBRARY", Version(1, 7))
    with (
        pytest.raises(UserError, match=re.escape("2 hosts need XGBoost 2.1 or newer, and this is ")),
        hosts.together(types.SimpleNamespace(hosts=("algo-1", "algo-2")), rows=1),
    ):
        pass


def test_missing_values_are_allowed(run):
    assert run({"num_round": "2"}, {"train": b"1,,2\n0,nan,3\n1,4,\n"}).status == 0


def test_pipe_mode_ends_with_version_3(run, rows):
    done = run(LOGISTIC, {"train": rows.csv(rows.classes)}, mode="Pipe", tag="3.0-5")
    assert "Pipe mode for CSV is no longer supported. Please use Fast File mode (default) instead." in done.failure
    done = run(LOGISTIC, {"train": rows.libsvm(rows.classes)}, None, mode="Pipe", tag="1.5-1")
    assert "Pipe mode not supported for LibSVM." in done.failure


def test_version_3_counts_columns_from_1_where_none_is_0(run, rows):
    lines = rows.libsvm(rows.classes)
    from_1 = re.sub(rb" (\d):", lambda match: b" %d:" % (int(match[1]) + 1), lines)
    assert run(LOGISTIC, {"train": from_1}, None).model() == run(LOGISTIC, {"train": lines}, None).model()
    old = run(LOGISTIC, {"train": from_1}, None, tag="1.7-1")
    assert "Train matrix has 300 rows and 5 columns" in old.log


def test_a_real_job_is_met_to_the_digits(run, data, golden):
    """Only with the library of that time: newer ones sample other rows."""
    if not xgboost.__version__.startswith("1.7"):
        pytest.skip(
            f"XGBoost {xgboost.__version__} draws other rows than 1.x: make clients, and run this with .clients/xgboost17"
        )
    content = (data / "tabular" / "abalone" / "abalone.libsvm").read_bytes()
    expected = (golden / "xgboost" / "abalone-xgboost-1.5-1-rmse.txt").read_text().split()
    given = {
        "eta": "0.2",
        "gamma": "4",
        "max_depth": "5",
        "min_child_weight": "6",
        "subsample": "0.7",
        "num_round": "50",
    }
    done = run(
        {**given, "objective": "reg:squarederror"},
        {"train": content, "validation": content},
        "text/libsvm",
        tag="1.5-1",
    )
    assert len(done.rounds) == 50
    for line, value in zip(done.rounds, expected, strict=True):
        assert abs(round(score(line, "train-rmse") - float(value), 6)) <= 1e-5


@pytest.fixture
def on_host(tmp_path, monkeypatch):
    """`on_host("algo-2", ["algo-1"], b"")` is what a job of two hosts says on one of them, of which these have rows.

    The hosts do not meet: each computes alone, with the files of a channel in a folder of its own.
    """

    def run(host: str, joined: list[str], content: bytes, hyperparameters=None, validation: bytes | None = None):
        @contextmanager
        def together(job, rows):
            met.append((job.host, rows))
            yield joined

        met: list[tuple[str, int]] = []
        monkeypatch.setattr(training.hosts, "together", together)
        channels = {"train": content} if validation is None else {"train": content, "validation": validation}
        for name, body in channels.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "rows").write_bytes(body)
        said: list[str] = []
        BoostingJob(
            Job(
                tag="",
                hyperparameters={"num_round": "2", **(hyperparameters or {})},
                channels={
                    name: JobChannel("csv", "File", "FullyReplicated", {}, tmp_path / name, lambda: iter(()))
                    for name in channels
                },
                host=host,
                hosts=("algo-1", "algo-2"),
                rendezvous=lambda listen: ("", 0),
                model=tmp_path / "model",
                output_data=tmp_path / "output",
                checkpoints=tmp_path / "checkpoints",
                stopping=lambda: False,
                log=said.append,
                records=RecordCodec(),
                join=lambda: None,
            )
        ).run()
        assert met == [(host, content.count(b"\n"))]
        return "\n".join(said)

    return run


def test_the_first_host_with_rows_reports_and_saves(on_host, tmp_path):
    both = ["algo-1", "algo-2"]
    said = on_host("algo-2", both, b"1,2\n3,4\n")
    assert "Distributed node training with 2 hosts: ['algo-1', 'algo-2']" in said and "[0]" not in said
    assert not (tmp_path / "model").exists() and not (tmp_path / "checkpoints").exists()
    said = on_host("algo-2", ["algo-2"], b"1,2\n3,4\n")
    assert "Distributed node training with 1 hosts: ['algo-2']" in said and "[1]\ttrain-rmse:" in said
    assert (tmp_path / "model" / "xgboost-model").is_file() and len(list((tmp_path / "checkpoints").iterdir())) == 2
    assert f"Stored trained model at {tmp_path / 'model' / 'xgboost-model'}" in said


def test_a_host_without_rows_says_so_and_ends(on_host, tmp_path):
    said = on_host("algo-2", ["algo-1"], b"")
    assert (
        "Host algo-2 does not have data. Will broadcast to cluster and will not be used in distributed training."
        in said
    )
    assert not (tmp_path / "model").exists()


def test_hosts_of_which_none_has_rows_fail(on_host, tmp_path):
    with pytest.raises(UserError, match=f"^No data in training channel path {re.escape(str(tmp_path / 'train'))}$"):
        on_host("algo-1", [], b"")


def test_a_host_may_lack_rows_to_validate_on(on_host):
    for validation in (None, b""):
        said = on_host("algo-1", ["algo-1"], b"1,2\n3,4\n", validation=validation)
        assert "Train matrix has 2 rows" in said and "Validation matrix" not in said
    assert "Validation matrix has 1 rows" in on_host("algo-1", ["algo-1"], b"1,2\n3,4\n", validation=b"1,2\n")


def test_rows_of_several_hosts_are_not_made_bins_of(on_host, matrices, monkeypatch):
    monkeypatch.setattr(matrix, "FEW_VALUES", 0)
    on_host("algo-1", ["algo-1"], b"1,2\n3,4\n", {"tree_method": "hist"})
    assert [type(each) for each in matrices] == [xgboost.DMatrix]


def test_a_matrix_without_rows_is_as_wide_as_another():
    found = training._without_rows(xgboost.DMatrix(np.zeros((3, 5)), label=np.zeros(3)))
    assert (found.num_row(), found.num_col()) == (0, 5)


@pytest.mark.parametrize(
    "given", [{"objective": "survival:aft"}, {"eval_metric": "interval-regression-accuracy"}, {"eval_metric": "rmse"}]
)
def test_labels_are_the_bounds_of_times_where_times_are_learned_or_judged(run, rows, monkeypatch, given):
    made: list[xgboost.DMatrix] = []
    exact = training.labels.set_exact_times
    monkeypatch.setattr(training.labels, "set_exact_times", lambda matrix: (made.append(matrix), exact(matrix)))
    content = rows.csv(np.abs(rows.values) + 0.1)
    done = run({**SQUARED, **given}, {"train": content, "validation": content})
    assert done.status == 0 and len(made) == (0 if given == {"eval_metric": "rmse"} else 2)


def test_columns_of_libsvm_that_a_channel_lacks_are_missing_values(run, rows):
    channels = {"train": rows.libsvm(rows.classes), "validation": b"1 0:2\n"}
    assert run(LOGISTIC, channels, "libsvm").status == 0


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("File", ""),
        ("FastFile", ""),
        ("Tape", r"Channel configuration for 'train' channel is not supported: \{'TrainingInputMode': 'Tape'\}"),
    ],
)
def test_the_input_modes_of_a_channel(mode, text):
    channel = JobChannel(None, mode, "FullyReplicated", {"TrainingInputMode": mode}, None, lambda: iter(()))
    job = types.SimpleNamespace(channels={"train": channel, "code": channel})
    if not text:
        training._check_channels(job)
        return
    with pytest.raises(UserError, match=f"^{text}$"):
        training._check_channels(job)


def test_a_linear_model_keeps_all_rounds_after_an_early_stop(run, rows):
    given = {
        **SQUARED,
        "num_round": "30",
        "early_stopping_rounds": "3",
        "eval_metric": "mae,rmse",
        "booster": "gblinear",
    }
    done = run(given, {"train": rows.csv(rows.values), "validation": worse(rows)})
    assert done.status == 0 and len(done.rounds) == 4


def test_early_stopping_looks_at_the_metric_of_a_tuning_job_or_else_at_the_last(run, rows):
    """Training makes the area under the curve of the other classes worse, and never that of one class alone."""
    channels = {"train": rows.csv(rows.classes), "validation": rows.csv(1 - rows.classes)}
    given = {**LOGISTIC, "num_round": "9", "early_stopping_rounds": "2"}
    gets_worse, stays = "logloss", "recall"
    assert len(run({**given, "eval_metric": f"{stays},{gets_worse}"}, channels).rounds) == 3
    tuned = run({**given, "eval_metric": stays, "_tuning_objective_metric": f"validation:{gets_worse}"}, channels)
    assert len(tuned.rounds) == 3 and f"validation-{stays}:" in tuned.rounds[0]


def test_a_job_that_is_stopped_has_no_model_unless_it_asked_for_it(run, rows):
    done = run({**SQUARED, "num_round": "50"}, {"train": rows.csv(rows.values)}, stop=StopAfter(2))
    assert not list(done.opt_ml.model.iterdir())
    assert "WARNING] SIGTERM received; save_model_on_termination is not true, so no model is saved." in done.log


def test_folds_end_when_the_job_is_stopped(run, rows):
    done = run({**SQUARED, "num_round": "50", "_kfold": "2"}, {"train": rows.csv(rows.values)}, stop=StopAfter(2))
    names = sorted(path.name for path in done.opt_ml.model.iterdir())
    assert names == ["xgboost-model-0", "xgboost-model-1"]
    assert [model_files.read(done.model(name))[0].num_boosted_rounds() for name in names] == [3, 1]


def test_folds_have_another_name_in_one_version(run, rows):
    done = run({**SQUARED, "_nfold": "2"}, {"train": rows.csv(rows.values)}, tag="1.2-1")
    assert len(list(done.opt_ml.model.iterdir())) == 2


def test_folds_follow_the_seed_of_the_job(run, rows):
    given = {**SQUARED, "num_round": "1", "_kfold": "2"}
    content = {"train": rows.csv(rows.values)}
    models = [run({**given, **seed}, content).model("xgboost-model-0") for seed in ({}, {"seed": "0"}, {"seed": "1"})]
    assert models[0] == models[1] != models[2]
