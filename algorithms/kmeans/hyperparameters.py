"""The hyperparameters of k-means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from wildsage.algorithms.base.hyperparameters import (
    AUTO,
    ToolkitHyperparameters,
    choice,
    choices,
    flag,
    integer,
    real,
)


@dataclass(frozen=True, kw_only=True)
class KMeansHyperparameters(ToolkitHyperparameters):
    """One line for each."""

    feature_dim: int = integer(low=1, doc="Columns in every row.")
    k: int = integer(low=1, doc="Clusters to return.")
    epochs: int = integer(1, low=1, tunable=(1, 10), doc="Passes over the training channel.")
    eval_metrics: tuple[str, ...] = choices(
        "msd", "ssd", default=("msd",), doc="Metrics to report on the test channel."
    )
    extra_center_factor: int | str = integer(
        AUTO,
        low=1,
        also=(AUTO,),
        tunable=(4, 10),
        doc="While streaming, keep this many centers for each of the k; auto is 10 for k ≤ 40, less for more, at least 4.",
    )
    half_life_time_size: int = integer(
        0, low=0, doc="A row counts half as much each time this many later rows have been read; 0: all count alike."
    )
    init_method: str = choice(
        "random",
        "kmeans++",
        default="random",
        tunable=True,
        doc="How the first batch gives the first streaming centers.",
    )
    local_lloyd_init_method: str = choice(
        "random", "kmeans++", default="kmeans++", doc="How the streaming centers give k centers to start from."
    )
    local_lloyd_max_iter: int = integer(300, low=1, doc="Lloyd iterations at most, in each trial and on the sample.")
    local_lloyd_num_trials: int | str = integer(
        AUTO, low=1, also=(AUTO,), doc="Trials of Lloyd; the best is kept. auto is 10."
    )
    local_lloyd_tol: float = real(0.0001, low=0, high=1, doc="Lloyd ends when the loss improves by a smaller share.")
    mini_batch_size: int = integer(5000, low=1, tunable=(3000, 15000), doc="Rows read before each update.")
    force_dense: bool = flag(True, doc="Accepted for the SDK, which sends it; sparse rows are always made dense.")

    internal: ClassVar = {
        "_disable_wait_to_read": "false", "_enable_profiler": "false", "_kvstore": "auto", "_log_level": "info",
        "_num_kv_servers": "1", "_num_slices": "1",
    }  # fmt: skip


HYPERPARAMETERS = KMeansHyperparameters
