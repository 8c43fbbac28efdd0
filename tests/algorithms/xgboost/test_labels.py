"""Which labels an objective takes, at the ends of their range."""

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.xgboost import labels  # noqa: E402

LOGISTIC = ("binary:logistic", "binary:logitraw", "reg:logistic")


@pytest.mark.parametrize(
    ("objectives", "low", "high"),
    [
        (LOGISTIC, 0, 1),
        (("multi:softmax", "multi:softprob"), 0, 2),
        (("count:poisson", "reg:tweedie", "reg:gamma"), 0, 1e30),
        (("reg:squarederror", "rank:pairwise", ""), -1e30, 1e30),
    ],
)
def test_labels_may_reach_both_ends(objectives, low, high):
    for objective in objectives:
        labels.check(np.array([low, high, low], np.float32), objective, 3)
        labels.check(np.empty(0, np.float32), objective, 3)


@pytest.mark.parametrize(
    ("objective", "values", "text"),
    [
        *((name, [0, 1.25], "label must be in [0,1] for logistic regression; got labels from 0 to 1.25") for name in LOGISTIC),
        *((name, [1, -0.25], "label must be in [0,1] for logistic regression; got labels from -0.25 to 1") for name in LOGISTIC),
        ("binary:logistic", [0, np.nan], "label must be in [0,1] for logistic regression; got labels from nan to nan"),
        ("multi:softmax", [0, 3], "SoftmaxMultiClassObj: label must be in [0, num_class); got labels from 0 to 3, and num_class 3"),
        ("multi:softprob", [-1, 2], "SoftmaxMultiClassObj: label must be in [0, num_class); got labels from -1 to 2, and num_class 3"),
        ("count:poisson", [4, -1], "PoissonRegression: label must be nonnegative; got labels from -1 to 4"),
        ("reg:tweedie", [-0.5], "TweedieRegression: label must be nonnegative; got labels from -0.5 to -0.5"),
        ("reg:gamma", [np.nan], "GammaRegression: label must be nonnegative; got labels from nan to nan"),
    ],
)  # fmt: skip
def test_labels_beyond_an_end_are_rejected_with_the_range_that_they_have(objective, values, text):
    with pytest.raises(UserError) as raised:
        labels.check(np.array(values, np.float32), objective, 3)
    assert str(raised.value) == text


def test_both_bounds_of_a_time_are_the_label():
    times = np.array([0.5, 2, 8], np.float32)
    rows = xgboost.DMatrix(np.zeros((3, 1)), label=times)
    labels.set_exact_times(rows)
    for bound in ("label_lower_bound", "label_upper_bound"):
        np.testing.assert_array_equal(rows.get_float_info(bound), times)
