"""The hyperparameters of PCA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.hyperparameters import ToolkitHyperparameters, choice, flag, integer


@dataclass(frozen=True, kw_only=True)
class PCAHyperparameters(ToolkitHyperparameters):
    """One line for each, and what they demand of each other."""

    feature_dim: int = integer(low=1, doc="Columns in every row.")
    mini_batch_size: int = integer(low=1, doc="Rows read at a time.")
    num_components: int = integer(low=1, doc="Components to return, at most feature_dim.")
    algorithm_mode: str = choice(
        "regular", "randomized", default="regular", doc="Exact, or by a sketch for many columns and few components."
    )
    extra_components: int = integer(
        -1,
        low=0,
        also=(-1,),
        doc="More columns in the sketch, for accuracy (randomized only); -1 is max(10, num_components).",
    )
    subtract_mean: bool = flag(True, doc="Center the rows, in training and in inference.")
    epochs: int = integer(
        1, low=1, doc="Accepted for compatibility: the sums are complete after one pass, so one is made."
    )
    force_dense: bool = flag(True, doc="Accepted for compatibility; sparse rows are always made dense.")

    internal: ClassVar = {
        "_kvstore": "dist_sync", "_log_level": "info", "_num_kv_servers": "auto",
    }  # fmt: skip

    def __post_init__(self) -> None:
        if self.num_components > self.feature_dim:
            raise UserError(
                f"Hyperparameter num_components: got {self.num_components}, expected at most feature_dim = {self.feature_dim}."
            )


HYPERPARAMETERS = PCAHyperparameters
