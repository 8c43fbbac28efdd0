"""Labels that a predictor takes, and rows of another width, with the place of the first that is wrong."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.linear_learner import labels


def rows(*given: float) -> Batch:
    return Batch(torch.zeros(len(given), 2), torch.tensor(given)[:, None])


@pytest.mark.parametrize(
    ("kind", "classes", "given"),
    [
        ("binary_classifier", 2, (0, 1, 1)),
        ("binary_classifier", 0, (0, 1)),
        ("multiclass_classifier", 4, (0, 3, 2)),
        ("regressor", 0, (-1.5, 0.25, 1e30)),
    ],
)
def test_labels_of_the_whole_range_are_taken(kind, classes, given):
    found = labels.checked(rows(*given), kind, classes, "train", 0)
    assert found.tolist() == pytest.approx(given) and found.dtype == torch.float32


@pytest.mark.parametrize("wrong", [2.0, -1.0, 0.5])
def test_a_binary_classifier_takes_0_and_1(wrong):
    with pytest.raises(UserError) as raised:
        labels.checked(rows(0, 1, wrong, 7), "binary_classifier", 0, "validation", 40)
    assert str(raised.value) == (
        f"Channel validation, row 43: label {wrong:g}, expected 0 or 1 for predictor_type binary_classifier. "
        "Map the two classes to 0 and 1, or train a multiclass_classifier or a regressor."
    )


@pytest.mark.parametrize("wrong", [4.0, -1.0, 2.5])
def test_a_multiclass_classifier_takes_whole_numbers_below_its_classes(wrong):
    with pytest.raises(UserError) as raised:
        labels.checked(rows(wrong, 0), "multiclass_classifier", 4, "train", 0)
    assert str(raised.value) == (
        f"Channel train, row 1: label {wrong:g}, expected a whole number from 0 to 3, since num_classes is 4. "
        "Number the classes from 0, or raise num_classes."
    )


@pytest.mark.parametrize("kind", ["regressor", "binary_classifier"])
def test_a_label_must_be_finite(kind):
    with pytest.raises(UserError, match="Channel train, row 6: label nan, expected a finite float32"):
        labels.checked(rows(1, float("nan")), kind, 0, "train", 4)


DENSE, SPARSE = Batch(torch.zeros(2, 3)), Batch(SparseRows.from_dense(torch.zeros(2, 3)))


def test_rows_may_have_the_width_of_the_training_rows_and_sparse_ones_less():
    labels.reject_other_width(DENSE, 3, "test", 0)
    labels.reject_other_width(SPARSE, 3, "test", 0)
    labels.reject_other_width(SPARSE, 4, "test", 0)


@pytest.mark.parametrize(("batch", "width"), [(DENSE, 4), (DENSE, 2), (SPARSE, 2)])
def test_rows_of_another_width_are_named(batch, width):
    with pytest.raises(UserError) as raised:
        labels.reject_other_width(batch, width, "test", 10)
    assert str(raised.value) == f"Channel test, row 11: 3 columns, expected {width} as in channel train."
