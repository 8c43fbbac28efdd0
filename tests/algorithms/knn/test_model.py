"""The finished kNN model: what fits together, its answers, and the evaluation of a test channel."""

import math
import re
import time

import faiss
import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.model import KNNModel

ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
LABELS = torch.arange(40.0) % 4


def flat(rows: np.ndarray = ROWS, inner: bool = False) -> faiss.IndexFlat:
    index = faiss.IndexFlatIP(rows.shape[1]) if inner else faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    return index


def model(k: object = 3, predictor_type: str = "classifier", inner: bool = False, **settings) -> KNNModel:
    return KNNModel.from_index(flat(inner=inner), LABELS, {"k": k, "predictor_type": predictor_type, **settings})


def batch(rows: np.ndarray, labels: object = None) -> Batch:
    return Batch(torch.from_numpy(rows), None if labels is None else torch.as_tensor(labels).float()[:, None])


@pytest.mark.parametrize("k", [1, 40])
def test_k_may_be_any_number_of_rows_of_the_index(k):
    assert model(k).predict(batch(ROWS[:2]))["labels"].shape == (2, k)


@pytest.mark.parametrize("k", [0, 41, -1, 2.0, True, None, "3"])
def test_another_k_is_rejected(k):
    with pytest.raises(UserError, match=f"k: got {k!r}, expected an integer from 1 to 40, the rows of the index"):
        model(k)


def test_parts_that_do_not_fit_together_are_rejected():
    with pytest.raises(UserError, match="The index holds 40 rows, but there are 39 labels"):
        KNNModel.from_index(flat(), LABELS[1:], {"k": 1, "predictor_type": "classifier"})
    with pytest.raises(UserError, match="predictor_type: got 'vote', expected classifier or regressor"):
        model(predictor_type="vote")
    with pytest.raises(UserError, match="IndexHNSWFlat, expected IndexFlat"):
        hnsw = faiss.IndexHNSWFlat(3, 8)
        hnsw.add(ROWS)
        KNNModel.from_index(hnsw, LABELS, {"k": 1, "predictor_type": "classifier"})


@pytest.mark.parametrize("predictor_type", ["classifier", "regressor"])
def test_arrays_and_settings_give_the_same_answers_again(predictor_type):
    one = model(5, predictor_type, normalize=True)
    again = KNNModel.from_arrays(one.arrays(), one.settings())
    assert again.settings() == one.settings()
    assert again.settings() == {"k": 5, "predictor_type": predictor_type, "normalize": True, "feature_dim": 3}
    for name, column in one.predict(batch(ROWS)).items():
        assert torch.equal(again.predict(batch(ROWS))[name], column)


@pytest.mark.parametrize("inner", [False, True])
def test_answers_are_those_of_numpy(inner):
    """Squared distances, nearest first; similarities, the most similar last. The mean of labels does not depend on that."""
    queries = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    found = model(4, "regressor", inner).predict(batch(queries))
    q, x = queries.astype(np.float64), ROWS.astype(np.float64)
    cost = -q @ x.T if inner else ((q[:, None] - x) ** 2).sum(2)
    nearest = cost.argsort(1)[:, :4]
    shown = np.take_along_axis(-cost if inner else cost, nearest, 1)
    assert np.allclose(found["predicted_label"], LABELS.numpy()[nearest].mean(1))
    assert np.allclose(found["distances"], shown[:, ::-1] if inner else shown, rtol=1e-5)
    assert np.array_equal(found["labels"], LABELS.numpy()[nearest[:, ::-1] if inner else nearest])
    assert {column.dtype for column in found.values()} == {torch.float32}


def test_rows_of_another_width_are_rejected():
    assert model(feature_dim=2).feature_dim == 2
    with pytest.raises(UserError, match=r"Rows have 3 columns, expected 2 \(feature_dim\)"):
        model(feature_dim=2).predict(batch(ROWS))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_arrays_that_are_not_finite_are_named(wrong):
    assert model().not_finite() == []
    labels = KNNModel(flat(), torch.full((40,), wrong), 3, "classifier", model().preparation)
    assert labels.not_finite() == ["labels"]
    index = KNNModel(
        flat(np.where(np.arange(3) == 2, np.float32(wrong), ROWS)), LABELS, 3, "classifier", model().preparation
    )
    assert index.not_finite() == ["index"]


def test_a_device_changes_nothing_because_faiss_searches_on_the_cpu():
    one = model()
    assert one.to("cpu") is one


class Told(RunContext):
    """A run that remembers its log."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lines: list[str] = []

    def log(self, text, level="INFO"):
        self.lines.append(text)


def test_evaluation_counts_all_batches_and_tells_of_each():
    run, began_s = Told(), time.monotonic()
    batches = [batch(ROWS[:30], LABELS[:30]), batch(ROWS[30:], (LABELS[30:] + 1) % 4)]
    found = model(1).evaluate(iter(batches), run)
    assert found == {"accuracy": 0.75, "macro_f_1.000": pytest.approx(0.75, abs=0.05)}
    assert run.lines[::2] == ["Searching index..."] * 2
    took = [int(re.fullmatch(r"\.\.\.Done searching index in (\d+) second\(s\)", line)[1]) for line in run.lines[1::2]]
    assert max(took) <= math.ceil(time.monotonic() - began_s)


def test_a_regressor_is_judged_by_its_squared_error():
    found = model(1, "regressor").evaluate(iter([batch(ROWS, LABELS + 2)]), RunContext())
    assert found == {"mse": 4.0}


def test_a_test_row_that_cannot_be_judged_is_named_by_its_place_in_the_channel():
    zeros = ROWS.copy()
    zeros[4] = 0
    with pytest.raises(UserError, match="Channel test, row 45: it is all zeros"):
        model(normalize=True).evaluate(iter([batch(ROWS, LABELS), batch(zeros, LABELS)]), RunContext())
    with pytest.raises(UserError, match="Channel test, row 43: label nan"):
        wrong = torch.where(torch.arange(40) == 2, torch.nan, LABELS)
        model().evaluate(iter([batch(ROWS, LABELS), batch(ROWS, wrong)]), RunContext())
    with pytest.raises(UserError, match="Channel test: rows have no labels"):
        model().evaluate(iter([batch(ROWS)]), RunContext())
