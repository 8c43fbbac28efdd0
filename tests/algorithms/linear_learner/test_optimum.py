"""Against scikit-learn and linear programming: 15 epochs come within 1 % of the converged optimum, whichever way rows are shuffled.

The problems are those of the benchmark, which also has what rows in other orders cost.
"""

from __future__ import annotations

import pytest

from benchmarks import linear_learner_quality as quality

WITHIN = 1.01
LARGE = ("adult-like, 20,000", "covtype", "MNIST")
KNOWN = {
    ("MNIST, 50,000 × 784, digit 0", "logistic"): quality.Optimum(0.018302373547550214),
    ("covtype, 20,000 × 54, 7 classes", "softmax_loss"): quality.Optimum(0.6368445109268842),
    ("adult-like, 20,000 × 105", "logistic"): quality.Optimum(0.419191518782558),
    ("adult-like, 3,000 × 105", "hinge_loss"): quality.Optimum(0.46282744404916193),
    ("abalone, 4,177 × 10", "absolute_loss"): quality.Optimum(1.5433089950015375),
    ("abalone, 4,177 × 10", "quantile_loss"): quality.Optimum(0.44885807592547144, {"quantile": 0.9}),
    ("census, 3,218 × 30", "absolute_loss"): quality.Optimum(1.7818926896497638),
    ("census, 3,218 × 30", "quantile_loss"): quality.Optimum(0.47084769194944814, {"quantile": 0.9}),
}
"""What the benchmark's peer reaches, where that takes it longer than a second. The benchmark has it found again."""
SMALL = [problem for problem in quality.PROBLEMS if not problem.data.startswith(LARGE)]


@pytest.fixture(autouse=True)
def known(problem, monkeypatch):
    """Take the optimum as known where it is."""
    if found := KNOWN.get((problem.data, problem.loss)):
        monkeypatch.setitem(vars(problem), "least", found)


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
def test_larger_data_come_to_the_optimum(problem, data):
    assert problem.ratio(problem.shuffled(0)) <= WITHIN
