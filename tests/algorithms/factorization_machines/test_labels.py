"""Labels that a factorization machine can learn from."""

import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.factorization_machines import labels


def checked(values: list[float], predictor_type: str = "binary_classifier", rows_before: int = 0) -> list[float]:
    batch = Batch(torch.zeros(len(values), 1), torch.tensor(values)[:, None])
    return labels.checked(batch, predictor_type, "train", rows_before).tolist()


def test_two_classes_or_any_finite_number():
    assert checked([0.0, 1.0, 1.0]) == [0, 1, 1]
    assert checked([0.5, -2.0, 7.0], "regressor") == [0.5, -2, 7]


@pytest.mark.parametrize("wrong", [2.0, -1.0, 0.5])
def test_another_class_is_named_by_its_place_in_the_channel(wrong):
    with pytest.raises(UserError, match=rf"Channel train, row 13: label {wrong:g}, expected 0 or 1 for predictor_type"):
        checked([0.0, 1.0, wrong, 5.0], rows_before=10)


def test_a_label_that_is_not_finite_is_named_by_its_place_in_the_channel():
    with pytest.raises(UserError, match="Channel train, row 12: label nan"):
        checked([0.0, float("nan")], "regressor", rows_before=10)
