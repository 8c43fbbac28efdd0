"""From a stream's state to k centers.

Axes: d features · k centers
"""

import pytest
import torch

from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.refinement import Refinement
from wildsage.algorithms.kmeans.state import StreamState

GROUPS = torch.tensor([[0.0, 0], [20, 0], [0, 20], [20, 20]])


class StoppingRun(RunContext):
    @property
    def stopping(self) -> bool:
        return True


def rows(width: int) -> torch.Tensor:
    """400 rows around four centers in the first two columns, deviation 1 in all of them."""
    x_nd = torch.randn(400, width, generator=torch.Generator().manual_seed(2))
    x_nd[:, :2] += GROUPS.repeat(100, 1)
    return x_nd


def state(x_nd: torch.Tensor) -> StreamState:
    grown = StreamState.start(x_nd[:20].clone(), 20, 300)
    for batch_nd in x_nd.split(100):
        grown.absorb(batch_nd, 0, torch.Generator().manual_seed(0))
    return grown


def refinement(run: RunContext, **changes) -> Refinement:
    settings = {"k": 4, "init_method": "kmeans++", "trials": 5, "max_iter": 100, "tol": 1e-4, "run": run}
    return Refinement(**{**settings, **changes})


@pytest.mark.parametrize("width", [2, 200])
@pytest.mark.parametrize("init_method", ["kmeans++", "random"])
def test_refinement_finds_the_groups_in_few_and_in_many_columns(width, init_method):
    """Deviation 1 in each column: the mean squared distance to the true centers is the number of columns."""
    x_nd = rows(width)
    (centers_kd,) = refinement(RunContext(), init_method=init_method).refine(state(x_nd), 1)
    assert centers_kd.shape == (4, width)
    assert steps.mean_cost(x_nd, centers_kd) < 1.05 * width


def test_the_best_of_several_optima_comes_first():
    x_nd = torch.randn(600, 3, generator=torch.Generator().manual_seed(1))
    grown = state(x_nd)
    found = refinement(RunContext(), k=7, max_iter=1).refine(grown, 3)
    sample_rd, weights_r = grown.sample.rows_by_key(), grown.sample.weights_by_key()
    costs = [float(steps.nearest(sample_rd[: len(weights_r)], c)[1].double() @ weights_r) for c in found]
    assert len(found) == 3 and costs == sorted(costs)


def test_a_run_that_stops_gets_one_set_of_centers():
    assert len(refinement(StoppingRun()).refine(state(rows(2)), 3)) == 1
