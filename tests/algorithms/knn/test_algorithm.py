"""Training of kNN: how settings reach the index, and what is rejected."""

import faiss
import numpy as np
import pytest
import torch

from tests.algorithms.hosts import Host, on_hosts
from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.algorithm import KNN


def batch(x: np.ndarray, y: np.ndarray | None = None) -> Batch:
    labels = None if y is None else torch.from_numpy(np.array(y, np.float32).reshape(len(y), *y.shape[1:] or (1,)))
    return Batch(torch.from_numpy(np.ascontiguousarray(x, np.float32)), labels)


def fit(x: np.ndarray, y: np.ndarray | None, run: RunContext | None = None, **settings):
    settings = {"k": 10, "predictor_type": "classifier", "sample_size": 1_000_000, **settings}
    return KNN(**settings).fit({"train": MemoryStream(batch(x, y))}, run or RunContext())


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


def test_codes_that_are_not_used_pad_nothing():
    assert fit(ROWS[:, :3], np.zeros(40), faiss_index_pq_m=2).index.d == 3


def test_a_reduction_is_drawn_by_the_seed_of_the_job():
    reduced = {"dimension_reduction_type": "sign", "dimension_reduction_target": 3}
    reduction = fit(ROWS, np.zeros(40), RunContext(5), **reduced).preparation.reduction
    assert (reduction.kind, reduction.seed, reduction.input_dim, reduction.target_dim) == ("sign", 5, 4, 3)


@pytest.mark.parametrize(("metric", "normalize"), [("L2", False), ("INNER_PRODUCT", False), ("COSINE", True)])
def test_only_cosine_scales_the_rows(metric, normalize):
    model = fit(ROWS, np.zeros(40), index_metric=metric)
    assert model.preparation.normalize == normalize
    assert (model.index.metric_type == faiss.METRIC_L2) == (metric == "L2")


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


@pytest.mark.parametrize("seed", range(3))
def test_a_row_is_named_by_its_place_in_the_channel_where_few_rows_enter_the_sample(seed):
    """Of the rows after the first two batches every third is bad; most of them never enter."""
    number = np.arange(1, 401)
    rows = np.where(((number > 100) & (number % 3 == 0))[:, None], 0, np.random.default_rng(0).normal(size=(400, 4)))
    with pytest.raises(UserError, match="it is all zeros") as caught:
        fit(rows, np.zeros(400), RunContext(seed), sample_size=30, mini_batch_size=50, index_metric="COSINE")
    row = int(str(caught.value).split("row ")[1].split(":")[0])
    assert row > 100 and row % 3 == 0


class Told(RunContext):
    """A run that remembers its log."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
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


class ToldHost(Host, Told):
    """One of several hosts."""


def fit_on_hosts(shares: list[Batch], **settings) -> tuple[list, list[list[str]]]:
    """The model of each host, and what it logged."""
    settings = {"k": 1, "predictor_type": "classifier", "mini_batch_size": 10, **settings}

    def work(host):
        return KNN(**settings).fit({"train": MemoryStream(shares[host.rank])}, host), host.lines

    models, lines = zip(*on_hosts(len(shares), work, ToldHost), strict=True)
    return list(models), list(lines)


def shares_of(*sizes: int) -> list[Batch]:
    """Rows of one column whose number is their label, in shares of these sizes."""
    numbers = np.arange(sum(sizes), dtype=np.float32)
    return [batch(part[:, None], part) for part in np.split(numbers, np.cumsum(sizes)[:-1])]


def test_hosts_keep_all_their_rows_in_the_order_of_the_hosts_where_these_fit():
    models, _ = fit_on_hosts(shares_of(20, 0, 30), sample_size=50)
    for model in models:
        assert model.labels_r.tolist() == list(range(50))
        assert model.predict(batch(np.array([[17.2], [42.9]])))["predicted_label"].tolist() == [17, 43]


def test_hosts_join_their_samples_to_one_of_the_size_asked_for():
    models, lines = fit_on_hosts(shares_of(60, 40), sample_size=30)
    labels = models[0].labels_r.tolist()
    assert len(labels) == 30 == models[0].index.ntotal and labels == sorted(labels) and labels[-1] >= 60 > labels[0]
    assert models[1].labels_r.tolist() == labels
    first = sum(label < 60 for label in labels)
    for said in lines:
        assert "INFO Using per-worker sample size = 30 (number of workers = 2)." in said[0]
        assert said[1:5] == [
            "INFO Getting reservoir sample from algo-1...",
            f"INFO ...Got reservoir sample from algo-1: data=({first}, 1), labels=({first},), NaNs=0",
            "INFO Getting reservoir sample from algo-2...",
            f"INFO ...Got reservoir sample from algo-2: data=({30 - first}, 1), labels=({30 - first},), NaNs=0",
        ]


def test_no_rows_on_any_host_are_no_data():
    with pytest.raises(UserError, match="No training data processed"):
        fit(np.zeros((0, 3)), np.zeros(0))
