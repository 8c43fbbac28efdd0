"""Whose fault an error of the library is, and what of its text is shown."""

import math

import pytest

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import AlgorithmError, LostHost, UserError  # noqa: E402
from wildsage.algorithms.xgboost.library_errors import (  # noqa: E402
    CUSTOMERS_MISTAKES,
    PEER_IS_GONE,
    blamed,
    without_trace,
)

CHECKED_SINCE_2 = pytest.mark.skipif(
    xgboost.__version__ < "2", reason="XGBoost 1.x takes any relevance, and weights of rows"
)


@pytest.mark.parametrize("words", CUSTOMERS_MISTAKES)
def test_data_and_parameters_are_the_users(words):
    error = blamed(xgboost.core.XGBoostError(f"[12:34:56] ../src/objective.cc:26: {words}.\nStack trace:\n  0x1"))
    assert type(error) is UserError and str(error) == f"{words}."


@pytest.mark.parametrize(
    ("parameters", "given"),
    [
        ({}, {"weight": [1.0, -1.0]}),
        ({}, {"data": [[0.0], [math.inf]]}),
        ({"objective": "reg:squaredlogerror"}, {"label": [0.0, -2.0]}),
        ({"objective": "binary:logistic"}, {"label": [0.0, 2.0]}),
        ({"objective": "count:poisson"}, {"label": [0.0, -2.0]}),
        ({"objective": "multi:softmax", "num_class": 2}, {"label": [0.0, 2.0]}),
        pytest.param({"objective": "rank:ndcg"}, {"label": [0.0, 99.0]}, marks=CHECKED_SINCE_2),
        pytest.param({"objective": "rank:map"}, {"label": [0.0, 2.0]}, marks=CHECKED_SINCE_2),
        ({"tree_method": "exact", "max_depth": 0}, {}),
        ({"subsample": 2}, {}),
        ({"eta": "fast"}, {}),
        ({"eval_metric": "error@x"}, {}),
        ({"eval_metric": "tweedie-nloglik@3"}, {}),
        ({"monotone_constraints": "(1,1,1)"}, {}),
        pytest.param({"objective": "rank:pairwise"}, {"qid": [1, 1], "weight": [1.0, 1.0]}, marks=CHECKED_SINCE_2),
    ],
)
def test_what_the_library_says_of_wrong_data_and_parameters_is_the_users(parameters, given):
    with pytest.raises(xgboost.core.XGBoostError) as caught:
        rows = xgboost.DMatrix(**{"data": [[0.0], [1.0]], "label": [0.0, 1.0], **given})
        xgboost.train(
            {"verbosity": 0, "nthread": 1, **parameters}, rows, 1, evals=[(rows, "train")], verbose_eval=False
        )
    assert type(blamed(caught.value)) is UserError


def test_a_value_error_of_another_library_is_the_users_whatever_it_says():
    error = blamed(ValueError("n is 3"))
    assert type(error) is UserError and str(error) == "n is 3"


@pytest.mark.parametrize("words", PEER_IS_GONE)
def test_a_lost_host_is_told_from_its_users_mistakes_even_if_only_the_trace_says_it(words):
    error = blamed(ValueError(f"label must be positive\nStack trace: {words}"))
    assert type(error) is LostHost
    assert str(error) == (
        "Another host of this job ended before its work was done; its log says why. label must be positive"
    )


def test_anything_else_is_the_algorithms():
    error = blamed(xgboost.core.XGBoostError("[01:02:03] /src/tree.cc:7: Check failed: n == 1\nStack trace:\n  0x1"))
    assert type(error) is AlgorithmError
    assert str(error) == "XGB train call failed with exception:\n Check failed: n == 1"


def test_the_place_is_left_out_at_the_beginning_alone():
    text = "[01:02:03] /src/tree.cc:7: failed at [01:02:03] /src/tree.cc:8: again "
    assert without_trace(text) == "failed at [01:02:03] /src/tree.cc:8: again"
    assert without_trace("  plain  ") == "plain"
