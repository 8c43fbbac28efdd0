"""The labels that rows must have."""

from __future__ import annotations

from torch import Tensor

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadChannelRow
from wildsage.algorithms.base.labels import one_label

CLASSIFIER = "binary_classifier"


def checked(batch: Batch, predictor_type: str, channel: str, rows_before: int) -> Tensor:
    """The labels (n,) float32. Raises UserError, with channel and row, where a label is missing or is not one of the two classes.

    `rows_before` rows of the channel were read before this batch.
    """
    labels_n = one_label(batch, channel, rows_before)
    wrong_n = (labels_n != 0) & (labels_n != 1)
    if predictor_type == CLASSIFIER and bool(wrong_n.any()):
        row = int(wrong_n.nonzero()[0])
        problem = (
            f"label {float(labels_n[row]):g}, expected 0 or 1 for predictor_type binary_classifier. "
            "Map the two classes to 0 and 1, or train a regressor."
        )
        raise BadChannelRow(channel, rows_before + row + 1, problem)
    return labels_n
