"""Flat rows of NumPy → batches of torch, without a copy."""

from __future__ import annotations

import numpy as np
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.containers.codecs.rows import FlatRows, floating


def to_batch(rows: FlatRows) -> Batch:
    """Return a batch of the same rows and labels. Integers become float32."""
    values_z = torch.from_numpy(floating(rows.values_z))
    labels_nl = None if rows.labels_nl is None else torch.from_numpy(floating(rows.labels_nl))
    if rows.keys_z is None:
        return Batch(values_z.reshape(len(rows), rows.width), labels_nl)
    starts_n1 = torch.from_numpy(np.concatenate([np.zeros(1, np.int64), np.cumsum(rows.counts_n)]))
    return Batch(SparseRows(starts_n1, torch.from_numpy(rows.keys_z), values_z, rows.width), labels_nl)
