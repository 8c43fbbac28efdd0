"""The median rule on hand-made curves."""

from wildsage.local_runner.jobs.tuning.early_stopping import falls_behind

CURVES = [[1.0, 0.6, 0.4], [1.0, 0.8, 0.6], [1.0, 0.7, 0.5]]
"""Running averages at age 2: 0.8, 0.9, 0.85; at age 3: 0.667, 0.8, 0.733."""


def test_worse_than_the_median_of_the_running_averages_is_behind():
    assert falls_behind([1.0, 0.86], CURVES, maximize=False)
    assert not falls_behind([1.0, 0.84], CURVES, maximize=False)
    assert not falls_behind([1.0, 0.86], CURVES, maximize=True)
    assert falls_behind([1.0, 0.84], CURVES, maximize=True)


def test_nothing_is_judged_before_enough_is_known():
    assert not falls_behind([], CURVES, maximize=False)
    assert not falls_behind([9.0], CURVES[:2], maximize=False)
    assert not falls_behind([9.0] * 4, CURVES, maximize=False), "nobody has lived as long"


def test_a_job_on_the_median_is_not_behind():
    assert not falls_behind([1.0, 0.85], CURVES, maximize=False)
    assert not falls_behind([1.0, 0.85], CURVES, maximize=True)


def test_only_jobs_that_are_as_old_are_compared_with():
    young = [[0.1], [0.1], [0.1]]
    assert falls_behind([1.0, 0.86], CURVES + young, maximize=False)
    assert not falls_behind([1.0, 0.5, 0.72], CURVES, maximize=False)
    assert not falls_behind([1.0, 0.5, 0.74], CURVES, maximize=True)
    assert falls_behind([1.0, 0.5, 0.74], CURVES, maximize=False)
    assert not falls_behind([9.0, 9.0], CURVES[:2] + young, maximize=False)
