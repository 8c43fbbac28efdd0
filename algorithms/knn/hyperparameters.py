"""The hyperparameters of k-nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.hyperparameters import AUTO, ToolkitHyperparameters, choice, integer

KINDS = ("sign", "fjlt")
"""Random projections."""

FLAT, LISTS, QUANTISED = "faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ"
PQ_PARTS = (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96)


@dataclass(frozen=True, kw_only=True)
class KNNHyperparameters(ToolkitHyperparameters):
    """One line for each, and what they demand of each other."""

    feature_dim: int | str = integer(AUTO, low=1, also=(AUTO,), doc="Columns in every row; auto counts them.")
    k: int = integer(low=1, tunable=(1, 1024), doc="Neighbours to ask.")
    predictor_type: str = choice("classifier", "regressor", doc="Whether neighbours vote or their labels are averaged.")
    sample_size: int = integer(low=1, tunable=(256, 20_000_000), doc="Rows to keep of the training channel, at most.")
    dimension_reduction_type: str | None = choice(
        *KINDS, default=None, doc="Random projection to fewer columns, if any; needs dimension_reduction_target."
    )
    dimension_reduction_target: int | None = integer(
        None, low=1, doc="Columns to keep, less than feature_dim; needs dimension_reduction_type."
    )
    index_type: str = choice(FLAT, LISTS, QUANTISED, default=FLAT, doc="Exact, or by lists, or by lists and codes.")
    index_metric: str = choice(
        "L2", "INNER_PRODUCT", "COSINE", default="L2", doc="What near means; faiss.IVFPQ takes L2 alone."
    )
    faiss_index_ivf_nlists: int | str = integer(
        AUTO, low=1, also=(AUTO,), doc="Lists of IVFFlat and IVFPQ; auto is the root of the number of sampled rows."
    )
    faiss_index_pq_m: int | None = integer(
        None, low=1, doc=f"Codes a row of IVFPQ is made of: one of {', '.join(map(str, PQ_PARTS))}."
    )
    _faiss_index_nprobe: int = integer(5, low=1, doc="Lists to look into; the original's internal setting.")
    mini_batch_size: int = integer(5000, low=1, doc="Rows read at a time.")
    epochs: int = integer(1, low=1, doc="Accepted for compatibility: one pass gives the sample, so one is made.")

    internal: ClassVar = {
        "_enable_profiler": "false", "_kvstore": "dist_async", "_log_level": "info",
        "_num_kv_servers": "1",
    }  # fmt: skip

    def __post_init__(self) -> None:
        if problems := [*self._reduction_problems(), *self._index_problems()]:
            raise UserError("\n".join(problems))

    def _reduction_problems(self) -> list[str]:
        kind, target = self.dimension_reduction_type, self.dimension_reduction_target
        if (kind is None) != (target is None):
            return [
                f"Hyperparameters dimension_reduction_type and dimension_reduction_target: got {kind} and {target}, "
                "expected both or neither."
            ]
        if target is not None and self.feature_dim != AUTO and target >= int(self.feature_dim):
            return [target_problem(target, int(self.feature_dim))]
        return []

    def _index_problems(self) -> list[str]:
        if self.index_type != QUANTISED:
            return []
        problems = []
        if self.index_metric != "L2":
            problems.append(f"Hyperparameter index_metric: got {self.index_metric}, expected L2 with faiss.IVFPQ.")
        if self.faiss_index_pq_m not in PQ_PARTS:
            problems.append(
                f"Hyperparameter faiss_index_pq_m: got {self.faiss_index_pq_m}, "
                f"expected one of {', '.join(map(str, PQ_PARTS))} with faiss.IVFPQ."
            )
        return problems


def target_problem(target: int, feature_dim: int) -> str:
    """What is wrong with a target that is not less than the columns of the data."""
    return f"Hyperparameter dimension_reduction_target: got {target}, expected less than feature_dim = {feature_dim}."


HYPERPARAMETERS = KNNHyperparameters
