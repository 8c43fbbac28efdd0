"""The median stopping rule: a job is stopped if it is worse than half of the earlier jobs were at the same age.

Source: SageMaker developer guide, "Stop Training Jobs Early"; Golovin et al. (2017), Google Vizier,
doi:10.1145/3097983.3098043, section 3.2.1.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

JOBS_NEEDED = 3
"""Earlier jobs with as many readings that the rule needs; the median of fewer says little."""


def falls_behind(readings: Sequence[float], earlier: Sequence[Sequence[float]], maximize: bool) -> bool:
    """Whether the latest of a job's `readings` of the objective is worse than the median of the others' running averages.

    `earlier` are the readings of completed jobs; those with fewer readings do not count.
    """
    age = len(readings)
    grown = [others for others in earlier if len(others) >= age]
    if not age or len(grown) < JOBS_NEEDED:
        return False
    median = statistics.median(statistics.fmean(others[:age]) for others in grown)
    return readings[-1] < median if maximize else readings[-1] > median
