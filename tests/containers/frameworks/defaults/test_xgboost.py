"""What XGBoost's image does where a script lacks a hook."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.containers.frameworks.endpoints import ask, endpoint

pytest.importorskip("xgboost")


def test_xgboost_gets_the_librarys_matrix():
    xgboost = pytest.importorskip("xgboost")
    rows = np.array([[0, 1], [1, 0], [0, 2], [3, 0]], np.float32)
    booster = xgboost.train({"max_depth": 1}, xgboost.DMatrix(rows, label=rows[:, 1]), 3)
    found = endpoint("xgboost", model_fn=lambda folder: booster)
    expected = booster.predict(xgboost.DMatrix(rows[:2])).tolist()
    assert json.loads(ask(found, "0,1\n1,0")[1]) == expected
    assert ask(found, "0,1\n1,0", accept="text/csv")[1].split() == [
        str(np.float32(value)).encode() for value in expected
    ]
    dense = endpoint(
        "xgboost", model_fn=lambda folder: None, predict_fn=lambda data, model: [data.num_row(), data.num_nonmissing()]
    )
    assert ask(dense, "0:5 1:2\n1:3", "text/libsvm")[1] == b"[2, 3]"


def test_columns_of_a_model_need_no_names_in_a_request():
    xgboost = pytest.importorskip("xgboost")
    rows = np.array([[0, 1], [1, 0]], np.float32)
    booster = xgboost.train({}, xgboost.DMatrix(rows, label=rows[:, 1], feature_names=["a", "b"]), 1)
    assert ask(endpoint("xgboost", model_fn=lambda folder: booster), "0,1")[0] == 200


def test_a_cell_that_is_not_there_is_missing():
    counts = endpoint("xgboost", model_fn=lambda folder: 0, predict_fn=lambda data, model: [data.num_nonmissing()])
    assert ask(counts, "1,,3")[1] == b"[2]"


def test_the_matrix_is_as_wide_as_the_body():
    width = endpoint("xgboost", model_fn=lambda folder: 0, predict_fn=lambda data, model: [data.num_col()])
    assert [ask(width, body, "text/libsvm")[1] for body in ("1", "0:5", "1 2:3")] == [b"[0]", b"[1]", b"[3]"]
