"""Whose fault an error of the library is, and what of its text is shown."""

import pytest

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import AlgorithmError, LostHost, UserError  # noqa: E402
from wildsage.algorithms.xgboost.library_errors import (  # noqa: E402
    CUSTOMERS_MISTAKES,
    PEER_IS_GONE,
    blamed,
    without_trace,
)


@pytest.mark.parametrize("words", CUSTOMERS_MISTAKES)
def test_data_and_parameters_are_the_users(words):
    error = blamed(xgboost.core.XGBoostError(f"[12:34:56] ../src/objective.cc:26: {words}.\nStack trace:\n  0x1"))
    assert type(error) is UserError and str(error) == f"{words}."


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
