"""Checks the labels and the width of rows."""

from __future__ import annotations

from torch import Tensor

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import BadChannelRow
from wildsage.algorithms.base.labels import one_label

CLASSES = {"binary_classifier": 2}


def checked(batch: Batch, predictor_type: str, classes: int, channel: str, rows_before: int) -> Tensor:
    """The labels (n,) float32. Raises UserError naming channel and row where there is none, or a classifier cannot take it.

    A binary classifier takes 0 and 1, a multiclass classifier whole numbers below `classes`. `rows_before` have been read
    from the channel before this batch.
    """
    labels_n = one_label(batch, channel, rows_before)
    if predictor_type == "regressor":
        return labels_n
    count = CLASSES.get(predictor_type, classes)
    wrong_n = (labels_n < 0) | (labels_n >= count) | (labels_n != labels_n.floor())
    if bool(wrong_n.any()):
        row = int(wrong_n.nonzero()[0])
        label = f"label {float(labels_n[row]):g}"
        if count == 2:
            advice = "Map the two classes to 0 and 1, or train a multiclass_classifier or a regressor."
            problem = f"{label}, expected 0 or 1 for predictor_type binary_classifier. {advice}"
        else:
            problem = (
                f"{label}, expected a whole number from 0 to {count - 1}, since num_classes is {count}. "
                "Number the classes from 0, or raise num_classes."
            )
        raise BadChannelRow(channel, rows_before + row + 1, problem)
    return labels_n


def reject_other_width(batch: Batch, width: int, channel: str, rows_before: int) -> None:
    """Raise UserError for rows that have not as many columns as the training rows. Sparse rows may be narrower."""
    if batch.width > width or (batch.width < width and not isinstance(batch.features, SparseRows)):
        problem = f"{batch.width} columns, expected {width} as in channel train."
        raise BadChannelRow(channel, rows_before + 1, problem)
