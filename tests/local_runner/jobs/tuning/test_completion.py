"""When enough has been tried."""

import pytest

from wildsage.local_runner.jobs.tuning import completion


@pytest.mark.parametrize(
    ("objectives", "maximize", "count"),
    [
        ([], True, 0),
        ([1.0], True, 0),
        ([1.0, 1.005, 1.009], True, 2),
        ([1.0, 1.005, 1.02], True, 0),
        ([1.0, 0.98, 0.975, 0.99], False, 2),
        ([-1.0, -0.98], True, 0),
        ([0.0, 0.0, 0.0], False, 2),
        ([100.0, 101.0], True, 1),
        ([100.0, 101.1], True, 0),
        ([100.0, 99.0, 98.9], False, 0),
        ([3.0, 2.0, 1.0], True, 2),
        ([1.0, 2.0, 1.5], True, 1),
    ],
)
def test_an_improvement_is_one_of_a_hundredth(objectives, maximize, count):
    assert completion.not_improving(objectives, maximize) == count


def test_a_target_is_reached_from_its_side():
    assert completion.is_met({"TargetObjectiveMetricValue": 0.9}, [0.5, 0.9], maximize=True)
    assert not completion.is_met({"TargetObjectiveMetricValue": 0.9}, [0.5], maximize=True)
    assert completion.is_met({"TargetObjectiveMetricValue": 0.9}, [1.5, 0.5], maximize=False)
    assert not completion.is_met({"TargetObjectiveMetricValue": 0.9}, [], maximize=False)


def test_it_ends_when_the_best_stands_still():
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    assert not completion.is_met(criteria, [1.0, 1.0, 1.0], maximize=True)
    assert completion.is_met(criteria, [1.0, 1.0, 1.0, 1.0], maximize=True)


def test_convergence_counts_only_where_it_is_asked_for():
    still = [1.0] * (completion.CONVERGED_AFTER + 1)
    assert completion.is_met({"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}, still, maximize=True)
    assert not completion.is_met({"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}}, still, maximize=True)
    assert not completion.is_met({}, still, maximize=True)
    assert completion.has_converged(still, maximize=True)


def test_a_search_has_converged_after_twenty_jobs_without_a_thousandth():
    criteria = {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}
    jobs = [1.0] * 20
    assert not completion.has_converged(jobs, maximize=True) and not completion.is_met(criteria, jobs, maximize=True)
    assert completion.has_converged([*jobs, 1.0005], maximize=True)
    assert not completion.has_converged([*jobs, 1.002], maximize=True)
    assert not completion.converges({"ConvergenceDetected": {}})
