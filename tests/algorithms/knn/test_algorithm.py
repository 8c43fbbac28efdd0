"""kNN against scikit-learn, and what it rejects."""

import faiss
import numpy as np
import pandas
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.algorithm import KNN


def batch(x: np.ndarray, y: np.ndarray | None = None) -> Batch:
    labels = None if y is None else torch.from_numpy(np.array(y, np.float32).reshape(len(y), -1))
    return Batch(torch.from_numpy(np.ascontiguousarray(x, np.float32)), labels)


def fit(x: np.ndarray, y: np.ndarray | None, run: RunContext | None = None, **settings):
    settings = {"k": 10, "predictor_type": "classifier", "sample_size": 1_000_000, **settings}
    return KNN(**settings).fit({"train": MemoryStream(batch(x, y))}, run or RunContext())


@pytest.fixture(scope="module")
def covtype(data) -> tuple[np.ndarray, np.ndarray]:
    """6,000 forest cover types, 54 columns as they are, and their labels: whole numbers, which tie often."""
    table = pandas.read_csv(data / "tabular" / "covtype" / "covtype-92962.data.gz", header=None, nrows=6_000)
    return table.iloc[:, :54].to_numpy(np.float32), table.iloc[:, 54].to_numpy(np.float32)


@pytest.fixture(scope="module")
def pixels(mnist) -> tuple[np.ndarray, np.ndarray]:
    """6,000 digits as whole numbers from 0 to 255, and their labels."""
    return (mnist[0][:6_000] * 255).round(), mnist[1][:6_000].astype(np.float32)


@pytest.mark.parametrize("name", ["covtype", "pixels"])
@pytest.mark.parametrize(("kind", "peer"), [("classifier", KNeighborsClassifier), ("regressor", KNeighborsRegressor)])
@pytest.mark.parametrize("k", [1, 10])
def test_flat_is_scikit_learn(request, name, kind, peer, k):
    """Where the k-th and the next neighbour are equally far, scikit-learn takes either; we take the earlier row."""
    x, y = request.getfixturevalue(name)
    train, test = slice(0, 5_500), slice(5_500, 6_000)
    judge = peer(k, algorithm="brute").fit(x[train].astype(np.float64), y[train])
    distances, _ = judge.kneighbors(x[test].astype(np.float64), k + 1)
    plain = distances[:, k - 1] < distances[:, k]
    assert plain.mean() > 0.99
    ours = fit(x[train], y[train], k=k, predictor_type=kind).predict(batch(x[test]))
    expected = judge.predict(x[test].astype(np.float64))
    assert np.allclose(ours["predicted_label"].numpy()[plain], expected[plain], rtol=1e-6)
    assert np.allclose(ours["distances"].numpy(), distances[:, :k] ** 2, rtol=1e-6)


def test_of_rows_equally_far_the_earlier_is_nearer():
    model = fit(np.zeros((6, 2)), np.array([5, 4, 3, 2, 1, 0]), k=3)
    assert model.predict(batch(np.zeros((1, 2))))["labels"].tolist() == [[5, 4, 3]]


@pytest.mark.parametrize("metric", ["INNER_PRODUCT", "COSINE"])
def test_similarities_rise_so_the_most_similar_comes_last(metric):
    rng = np.random.default_rng(0)
    x, q = rng.normal(size=(500, 8)).astype("f4"), rng.normal(size=(20, 8)).astype("f4")
    answer = fit(x, np.arange(500), k=7, index_metric=metric).predict(batch(q))
    if metric == "COSINE":
        x, q = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, q))
    similar = q @ x.T
    expected = np.argsort(similar, axis=1)[:, -7:]
    assert np.array_equal(answer["labels"].numpy(), expected)
    assert np.allclose(answer["distances"].numpy(), np.take_along_axis(similar, expected, 1), atol=1e-6)


@pytest.mark.parametrize(
    "index", [{"index_type": "faiss.IVFFlat"}, {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": 16}]
)
def test_lists_and_codes_come_close_to_flat(covtype, index):
    """Within 0.015, and three deviations of 0.007 of a difference over 1,000 rows."""
    (x, y), settings = covtype, {"_faiss_index_nprobe": 5}
    test = MemoryStream(batch(x[5_000:], y[5_000:]))
    scores = [
        fit(x[:5_000], y[:5_000], **kind).evaluate(test.batches(1000), RunContext())["accuracy"]
        for kind in ({}, {**settings, **index})
    ]
    assert scores[1] > scores[0] - 0.036


def test_settings_reach_the_index():
    rng = np.random.default_rng(0)
    model = fit(
        rng.normal(size=(600, 10)), np.zeros(600), index_type="faiss.IVFPQ", faiss_index_pq_m=4, faiss_index_ivf_nlists=7,
        _faiss_index_nprobe=3,
    )  # fmt: skip
    assert isinstance(model.index, faiss.IndexIVFPQ)
    assert (model.index.nlist, model.index.nprobe, model.index.pq.M, model.index.d) == (7, 3, 4, 12)
    assert model.feature_dim == 10
    assert fit(rng.normal(size=(600, 10)), np.zeros(600), index_type="faiss.IVFFlat").index.nlist == 24


def test_with_codes_the_target_of_a_reduction_is_raised():
    x = np.random.default_rng(0).normal(size=(600, 30))
    reduced = {"dimension_reduction_type": "fjlt", "dimension_reduction_target": 10}
    assert fit(x, np.zeros(600), **reduced).index.d == 10
    assert fit(x, np.zeros(600), **reduced, index_type="faiss.IVFPQ", faiss_index_pq_m=4).index.d == 12


def test_a_sample_of_a_longer_stream_is_drawn_by_the_seed():
    x, y = np.random.default_rng(0).normal(size=(2000, 3)), np.arange(2000)
    samples = [fit(x, y, RunContext(seed), sample_size=200).labels_r.tolist() for seed in (1, 1, 2)]
    assert len(samples[0]) == 200
    assert samples[0] == samples[1] != samples[2]
    assert samples[0] == sorted(samples[0])


def test_sparse_rows_are_welcome():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("f4")
    sparse = Batch(SparseRows.from_dense(torch.from_numpy(x)), torch.arange(50.0)[:, None])
    model = KNN(k=1, predictor_type="regressor", sample_size=50).fit({"train": MemoryStream(sparse)}, RunContext())
    assert model.predict(sparse)["predicted_label"].tolist() == list(range(50))


def parse(**given: str):
    needed = {"k": "3", "predictor_type": "classifier", "sample_size": "100"}
    return hyperparameters.parse(KNN, needed | given, KNN.internal_settings())[0]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"dimension_reduction_type": "sign"},
            "dimension_reduction_target: got sign and None, expected both or neither",
        ),
        ({"dimension_reduction_target": "5"}, "dimension_reduction_target: got None and 5, expected both or neither"),
        (
            {"dimension_reduction_type": "fjlt", "dimension_reduction_target": "8", "feature_dim": "8"},
            "dimension_reduction_target: got 8, expected less than feature_dim = 8",
        ),
        ({"index_type": "faiss.IVFPQ"}, "faiss_index_pq_m: got None, expected one of 1, 2, 3, 4, 8"),
        (
            {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": "5"},
            "faiss_index_pq_m: got 5, expected one of 1, 2, 3, 4, 8",
        ),
        (
            {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": "4", "index_metric": "COSINE"},
            "index_metric: got COSINE, expected L2 with faiss.IVFPQ",
        ),
        ({"index_metric": "cosine"}, "index_metric: got 'cosine', expected one of L2, INNER_PRODUCT, COSINE"),
        ({"index_type": "flat"}, "index_type: got 'flat', expected one of faiss.Flat, faiss.IVFFlat, faiss.IVFPQ"),
        ({"k": "0"}, "k: got '0', expected an integer ≥ 1"),
    ],
)
def test_settings_that_do_not_go_together(given, problem):
    with pytest.raises(UserError) as caught:
        parse(**given)
    assert problem in str(caught.value)


ROWS = np.random.default_rng(0).normal(size=(40, 4))


@pytest.mark.parametrize(
    ("rows", "labels", "settings", "problem"),
    [
        (ROWS, np.zeros(40), {"k": 41}, "Hyperparameter k: got 41, but the sample holds 40 rows"),
        (ROWS, np.zeros(40), {"sample_size": 9}, "Hyperparameter k: got 10, but the sample holds 9 rows"),
        (ROWS, np.zeros(40), {"sample_size": 10**17}, "Hyperparameter sample_size: 100000000000000000 rows of"),
        (ROWS, None, {}, "Channel train: rows have no labels, expected one each"),
        (ROWS, np.zeros((40, 2)), {}, "Channel train: rows have 2 labels, expected one each"),
        (ROWS, np.where(np.arange(40) == 6, np.inf, 0), {}, "Channel train, row 7: label inf, expected a finite float32"),
        (np.where(np.arange(40)[:, None] == 6, 0, ROWS), np.zeros(40), {"index_metric": "COSINE"}, "Channel train, row 7: it is all zeros"),
        (np.where(np.arange(40)[:, None] == 6, 1e20, ROWS), np.zeros(40), {}, "Channel train, row 7: its squared length is beyond float32"),
        (ROWS, np.zeros(40), {"index_type": "faiss.IVFFlat", "faiss_index_ivf_nlists": 41}, "needs 41 rows to train on, but the sample holds 40"),
        (ROWS, np.zeros(40), {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": 4}, "needs 256 rows to train on, but the sample holds 40"),
        (
            ROWS, np.zeros(40), {"dimension_reduction_type": "sign", "dimension_reduction_target": 4},
            "dimension_reduction_target: got 4, expected less than feature_dim = 4",
        ),
    ],
)  # fmt: skip
def test_data_that_cannot_be_used(rows, labels, settings, problem):
    with pytest.raises(UserError) as caught:
        fit(rows, labels, **settings)
    assert problem in str(caught.value)


def test_a_request_that_cannot_be_answered():
    model = fit(ROWS, np.zeros(40), index_metric="COSINE")
    with pytest.raises(UserError, match="row 2: it is all zeros, and index_metric COSINE compares directions"):
        model.predict(batch(np.array([[1, 0, 0, 0], [0, 0, 0, 0]])))
    with pytest.raises(UserError, match=r"Rows have 3 columns, expected 4 \(feature_dim\)"):
        model.predict(batch(np.ones((1, 3))))


def test_a_test_row_that_cannot_be_judged_is_named():
    model = fit(ROWS, np.zeros(40), index_metric="COSINE")
    rows = batch(np.where(np.arange(40)[:, None] == 6, 0, ROWS), np.zeros(40))
    with pytest.raises(UserError, match="Channel test, row 7: it is all zeros"):
        model.evaluate(MemoryStream(rows).batches(5), RunContext())


def test_hosts_that_read_different_widths_are_reported():
    class TwoHosts(RunContext):
        def gather(self, arrays):
            return [arrays, {"keys": torch.rand(5, dtype=torch.float64), "feature_dim": torch.tensor([5])}]

    with pytest.raises(UserError, match="Hosts read rows of 4 and 5 columns, expected one width"):
        fit(ROWS, np.zeros(40), TwoHosts())


class Told(RunContext):
    """A run that remembers its log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def log(self, text, level="INFO"):
        self.lines.append(f"{level} {text}")


@pytest.mark.parametrize(("kind", "warnings"), [("classifier", 1), ("regressor", 0)])
def test_labels_of_a_classifier_that_are_not_whole_numbers_are_said_once(kind, warnings):
    run = Told()
    fit(
        np.arange(8.0)[:, None],
        np.array([0, 1, 0.5, 1, 1.5, 0, 2.5, 1]),
        run,
        k=1,
        predictor_type=kind,
        mini_batch_size=2,
    )
    said = [line for line in run.lines if line.startswith("WARNING")]
    assert len(said) == warnings
    for line in said:
        assert line.startswith("WARNING Channel train, row 3: label 0.5 is not a whole number, which is unusual for")
        assert line.endswith("The first column is the label: does yours come last?")
