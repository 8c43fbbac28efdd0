"""One label a row, or an error that says which row."""

from __future__ import annotations

import math

import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadChannelRow, UserError
from wildsage.algorithms.base.labels import one_label


def labelled(labels_nl: list[list[float]] | None) -> Batch:
    labels = None if labels_nl is None else torch.tensor(labels_nl, dtype=torch.float64)
    return Batch(torch.zeros(3, 2), labels)


def test_labels_are_a_vector_of_float32():
    labels_n = one_label(labelled([[1], [2.5], [-3]]), "train", 0)
    assert labels_n.tolist() == [1, 2.5, -3] and labels_n.dtype == torch.float32


@pytest.mark.parametrize(("labels", "count"), [(None, "no"), ([[], [], []], "no"), ([[1, 2], [3, 4], [5, 6]], "2")])
def test_rows_without_a_label_or_with_several_are_rejected(labels, count):
    with pytest.raises(UserError, match=f"^Channel test: rows have {count} labels, expected one each"):
        one_label(labelled(labels), "test", 0)


@pytest.mark.parametrize("label", [math.nan, math.inf, -math.inf])
def test_the_first_label_that_is_not_finite_is_named_by_its_row_in_the_channel(label):
    with pytest.raises(BadChannelRow) as caught:
        one_label(labelled([[1], [label], [math.nan]]), "train", 40)
    error = caught.value
    assert (error.channel, error.row, error.problem) == ("train", 42, f"label {label:g}, expected a finite float32.")
    assert str(error) == f"Channel train, row 42: {error.problem}"


def test_a_label_beyond_float32_is_shown_as_it_was_given():
    with pytest.raises(BadChannelRow, match="row 1: label 1e\\+39, expected a finite float32"):
        one_label(labelled([[1e39], [0], [0]]), "train", 0)
