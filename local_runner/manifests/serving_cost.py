"""How many processors servers need for a rate of rows, by what a request and a row were measured to cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from wildsage.algorithms.base.errors import UserError

BUSY = 0.7
"""The share of the time that a processor may be busy: above it, requests wait for each other ever longer."""


@dataclass(frozen=True)
class ServingCost:
    """Milliseconds of a processor for a request of one row, HTTP included, and microseconds for each further row.

    `model` says of which model: other sizes cost otherwise.
    """

    request_ms: float
    row_us: float
    model: str

    def processors(self, rows_per_s: float, rows_per_request: int) -> float:
        """Processors for all servers together, of which each is busy for `BUSY` of the time."""
        request_s = self.request_ms / 1e3 + (rows_per_request - 1) * self.row_us / 1e6
        return rows_per_s / rows_per_request * request_s / BUSY


MEASURED = {
    "blazingtext": ServingCost(0.6, 50.9, "texts of 12 words, 10 labels, 100 dimensions, JSON"),
    "factorization-machines": ServingCost(0.8, 3.91, "100 columns, 64 factors, RecordIO"),
    "kmeans": ServingCost(0.9, 8.22, "100 columns, k = 10, CSV"),
    "knn": ServingCost(1, 58.1, "100 columns, 10,000 indexed rows, k = 10, CSV"),
    "linear-learner": ServingCost(0.8, 9.42, "100 columns, binary, CSV"),
    "pca": ServingCost(0.7, 13.6, "100 columns, 10 components, CSV"),
    "xgboost": ServingCost(0.8, 4.41, "100 columns, 100 trees of depth 6, CSV"),
}
"""By `python -m benchmarks.serving_rates` on an AMD EPYC."""


def measured_for(algorithm: str) -> ServingCost:
    """What was measured for an algorithm. Raises UserError where nothing was."""
    found = MEASURED.get(algorithm.replace("_", "-"))
    if found is None:
        raise UserError(f"--rows-per-s: nobody has measured what a row costs {algorithm}. Say --cpus instead.")
    return found


def cpus(cost: ServingCost, rows_per_s: float, rows_per_request: int, servers: int) -> str:
    """What each server asks for, in tenths of a processor, rounded up; one tenth at least."""
    tenths = math.ceil(10 * cost.processors(rows_per_s, rows_per_request) / servers - 1e-9)
    return f"{max(1, tenths) / 10:g}"
