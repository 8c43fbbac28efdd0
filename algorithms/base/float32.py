"""Numbers as float32, in which every algorithm computes. A number that float32 cannot hold is an error, not infinity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BEYOND = 2.0**128 - 2.0**103
"""Numbers from here on, of either sign, round to infinity."""

EXPECTED = "expected a number that float32 can hold, of at most 3.4e38"


def beyond(values: NDArray) -> NDArray[np.bool_]:
    """Where `values`, of any shape, are infinite or round to infinity; NaN is not. The result has their shape."""
    return np.isinf(values) if values.dtype == np.float32 else np.abs(values) >= BEYOND


def rounded(values: NDArray) -> NDArray[np.float32]:
    """Return float64 or float32 values of any shape as float32; infinity and NaN stay.

    Raises FloatingPointError for a number beyond.
    """
    with np.errstate(over="raise"):
        return values.astype(np.float32, copy=False)
