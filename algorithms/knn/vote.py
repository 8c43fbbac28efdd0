"""What k neighbours say together.

Axes: n queries · k neighbours
"""

from __future__ import annotations

import torch
from torch import Tensor


def majority(labels_nk: Tensor) -> Tensor:
    """The most frequent label of each query (n,); of equally frequent ones the smallest, as scikit-learn has it."""
    sorted_nk = labels_nk.sort(1).values
    place_k = torch.arange(labels_nk.shape[1])
    begins_nk = torch.nn.functional.pad(sorted_nk[:, 1:] != sorted_nk[:, :-1], (1, 0), value=True)
    begun_nk = torch.where(begins_nk, place_k, 0).cummax(1).values
    fullest_n = (place_k - begun_nk).argmax(1)  # the first of equal ones
    return sorted_nk.gather(1, fullest_n[:, None])[:, 0]


def mean(labels_nk: Tensor) -> Tensor:
    """The mean label of each query (n,)."""
    return labels_nk.double().mean(1).to(labels_nk.dtype)
