"""Against scikit-learn and linear programming: 15 epochs come within 1 % of the converged optimum, whichever way rows are shuffled.

The problems are those of the benchmark, which also has what rows in other orders cost.
"""

from __future__ import annotations

import pytest

from benchmarks import linear_learner_quality as quality

WITHIN = 1.01
LARGE = ("adult-like, 20,000", "covtype", "MNIST")
KNOWN = {
    "MNIST, 50,000 × 784, digit 0": quality.Optimum(0.018302373547550214),
    "covtype, 20,000 × 54, 7 classes": quality.Optimum(0.6368445109268842),
}
"""What the benchmark's peer reaches after half a minute of one core, or some seconds. The benchmark has it found again."""
SMALL = [problem for problem in quality.PROBLEMS if not problem.data.startswith(LARGE)]


@pytest.mark.parametrize("problem", SMALL, ids=lambda problem: f"{problem.data.split(',')[0]} {problem.loss}")
@pytest.mark.parametrize("seed", quality.SEEDS)
def test_small_data_come_to_the_optimum_in_any_shuffled_order(problem, seed, data):
    assert problem.ratio(problem.shuffled(seed)) <= WITHIN


@pytest.mark.slow
@pytest.mark.parametrize(
    "problem",
    [problem for problem in quality.PROBLEMS if problem not in SMALL],
    ids=lambda problem: f"{problem.data.split(',')[0]} {problem.loss} {problem.batch_rows}",
)
def test_larger_data_come_to_the_optimum(problem, data, monkeypatch):
    if problem.data in KNOWN:
        monkeypatch.setitem(vars(problem), "least", KNOWN[problem.data])
    assert problem.ratio(problem.shuffled(0)) <= WITHIN
