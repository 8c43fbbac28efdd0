"""The label of a row, for algorithms that need exactly one.

Axes: n rows of a batch · l label columns
"""

from __future__ import annotations

from torch import Tensor

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadChannelRow, UserError


def one_label(batch: Batch, channel: str, rows_before: int) -> Tensor:
    """The labels (n,), float32. Raises UserError where rows have no label or several, and for the first that is not finite.

    `rows_before` rows of the channel were read before this batch.
    """
    labels_nl = batch.labels_nl
    count = 0 if labels_nl is None else labels_nl.shape[1]
    if labels_nl is None or count != 1:
        raise UserError(
            f"Channel {channel}: rows have {count or 'no'} labels, expected one each: the first column of "
            "text/csv;label_size=1, or one number under the key values of a record's label."
        )
    labels_n = labels_nl[:, 0].float()
    wrong_n = ~labels_n.isfinite()
    if bool(wrong_n.any()):
        row = int(wrong_n.nonzero()[0])
        raise BadChannelRow(
            channel, rows_before + row + 1, f"label {float(labels_nl[row]):g}, expected a finite float32."
        )
    return labels_n
