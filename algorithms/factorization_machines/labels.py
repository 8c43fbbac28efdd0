"""What a row must be labelled with."""

from __future__ import annotations

from torch import Tensor

from algorithms.base.batch import Batch
from algorithms.base.errors import UserError

CLASSIFIER = "binary_classifier"


def checked(batch: Batch, predictor_type: str, channel: str, rows_before: int) -> Tensor:
    """The labels (n, 1) float32. Raises UserError naming channel and row where there is none, or not one of two classes.

    `rows_before` have been read from the channel before this batch.
    """
    labels_nl = batch.labels_nl
    if labels_nl is None or labels_nl.shape[1] != 1:
        found = "no label" if labels_nl is None else f"{labels_nl.shape[1]} labels a row"
        raise UserError(
            f"Channel {channel}: got {found}, expected one number under the key values of each record's label."
        )
    if predictor_type == CLASSIFIER:
        wrong_n = ((labels_nl != 0) & (labels_nl != 1))[:, 0]
        if bool(wrong_n.any()):
            row = int(wrong_n.nonzero()[0])
            raise UserError(
                f"Channel {channel}, row {rows_before + row + 1}: label {float(labels_nl[row]):g}, expected 0 or 1 for "
                "predictor_type binary_classifier. Map the two classes to 0 and 1, or train a regressor."
            )
    return labels_nl.float()
