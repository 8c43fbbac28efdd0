"""What several models say of a row as one answer.

Axes: r models · n rows · k values that they gave
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def majority(votes_rn: NDArray) -> NDArray:
    """The most frequent value (n,) of every row, the smallest of several.

    >>> majority(np.array([[2, 0], [2, 1], [1, 1]]))
    array([2, 1])
    """
    values_k, places_rn = np.unique(votes_rn, return_inverse=True)
    counts_kn = np.stack([(places_rn.reshape(votes_rn.shape) == place).sum(0) for place in range(len(values_k))])
    return values_k[counts_kn.argmax(0)]
