"""The hyperparameters of the nearest class mean."""

from __future__ import annotations

from dataclasses import dataclass

from wildsage.algorithms.base.hyperparameters import ToolkitHyperparameters, integer, real


@dataclass(frozen=True, kw_only=True)
class NearestMeanHyperparameters(ToolkitHyperparameters):
    """One line for each."""

    feature_dim: int = integer(low=1, doc="Columns in every row.")
    num_classes: int = integer(low=2, doc="Labels are the integers from 0 to num_classes - 1.")
    mini_batch_size: int = integer(1000, low=1, doc="Rows read at a time.")
    shrinkage: float = real(
        0.0, low=0, high=1, tunable=(0.0, 0.9), doc="How far each mean is moved towards the mean of all rows."
    )


HYPERPARAMETERS = NearestMeanHyperparameters
