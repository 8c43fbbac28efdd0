"""TuningJobCompletionCriteria: when a tuning job ends before it has run all its training jobs.

Source: SageMaker's API reference; by its definition an improvement is 1 % or more. How ConvergenceDetected decides is not
published; here a search has converged after `CONVERGED_AFTER` jobs in a row without an improvement of 0.1 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

IMPROVEMENT = 0.01
CONVERGED_IMPROVEMENT = 0.001
CONVERGED_AFTER = 20


def is_met(criteria: Mapping[str, Any], objectives: Sequence[float], maximize: bool) -> bool:
    """Whether one of the criteria holds, given the objectives of the ended jobs in the order in which they ended."""
    return (
        _reached(criteria.get("TargetObjectiveMetricValue"), objectives, maximize)
        or _stagnates(criteria.get("BestObjectiveNotImproving", {}), objectives, maximize)
        or (converges(criteria) and has_converged(objectives, maximize))
    )


def converges(criteria: Mapping[str, Any]) -> bool:
    """Whether the tuning job completes on convergence."""
    return criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"


def has_converged(objectives: Sequence[float], maximize: bool) -> bool:
    """Whether the last `CONVERGED_AFTER` jobs brought no improvement of `CONVERGED_IMPROVEMENT`."""
    return not_improving(objectives, maximize, CONVERGED_IMPROVEMENT) >= CONVERGED_AFTER


def not_improving(objectives: Sequence[float], maximize: bool, improvement: float = IMPROVEMENT) -> int:
    """How many of the last jobs did not improve the best objective before them by that fraction of it."""
    best, since = None, 0
    for objective in objectives if maximize else [-value for value in objectives]:
        if best is None or objective > best + improvement * abs(best):
            best, since = objective, 0
        else:
            since += 1
    return since


def _reached(target: float | None, objectives: Sequence[float], maximize: bool) -> bool:
    if target is None or not objectives:
        return False
    return max(objectives) >= target if maximize else min(objectives) <= target


def _stagnates(criterion: Mapping[str, int], objectives: Sequence[float], maximize: bool) -> bool:
    limit = criterion.get("MaxNumberOfTrainingJobsNotImproving")
    return limit is not None and not_improving(objectives, maximize) >= limit
