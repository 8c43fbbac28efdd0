"""Arithmetic on rows of matrices, compiled for the loops that learn.

Axes: d numbers of a row
"""

from __future__ import annotations

import numpy as np

from wildsage.algorithms.base.compiled import reordered as compiled


@compiled
def dot(left_d, right_d):  # type: ignore[no-untyped-def]
    """The sum of the products."""
    total = np.float32(0)
    for d in range(len(left_d)):
        total += left_d[d] * right_d[d]
    return total


@compiled
def add(target_d, scale, source_d):  # type: ignore[no-untyped-def]
    """Add `scale` times a row."""
    for d in range(len(target_d)):
        target_d[d] += scale * source_d[d]


@compiled
def divide(values_d, count):  # type: ignore[no-untyped-def]
    """Divide a sum of `count` rows, which makes it their mean."""
    scale = np.float32(1) / np.float32(count)
    for d in range(len(values_d)):
        values_d[d] *= scale


@compiled
def learn_row(hidden_d, gradient_d, weight, target_d):  # type: ignore[no-untyped-def]
    """A step of logistic regression: move a row of the output matrix, and add to the gradient of the hidden vector."""
    for d in range(len(hidden_d)):
        gradient_d[d] += weight * target_d[d]
        target_d[d] += weight * hidden_d[d]
