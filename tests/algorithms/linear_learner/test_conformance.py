"""The rows by which the conformance suite judges linear learner."""

import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.linear_learner.conformance import CASE

SIZES = torch.tensor([1.0, 100.0, 0.01, 5.0])
PLANE = torch.tensor([1.0, -2.0, 0.5, 0.0])


class Plane:
    """A model that answers 1 above a plane."""

    def __init__(self, weights: torch.Tensor, above: float) -> None:
        self._weights, self._above = weights, above

    def predict(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"predicted_label": (batch.dense() @ self._weights > self._above).float()}


def test_columns_have_very_different_sizes_and_rows_are_sorted_by_side():
    rows = CASE.rows()
    assert rows.dense().shape == (600, 4) and rows.labels_nl.shape == (600, 1)
    assert torch.allclose(rows.dense().std(0) / SIZES, torch.ones(4), atol=0.1)
    sides = rows.labels_nl[:, 0]
    assert set(sides.tolist()) == {0, 1} and bool((sides.diff() >= 0).all())
    assert 0.3 < float(sides.mean()) < 0.5  # the plane leaves the mean of the rows below it


def test_the_true_plane_reaches_the_floor_and_others_do_not():
    rows = CASE.rows()
    assert CASE.quality(Plane(PLANE / SIZES, 0.3), rows) > CASE.floor
    assert CASE.quality(Plane(-PLANE / SIZES, -0.3), rows) < 0.02
    for other in (PLANE, PLANE / SIZES * torch.tensor([1.0, 1.0, 0.0, 1.0])):
        assert CASE.quality(Plane(other, 0.3), rows) < CASE.floor
    assert CASE.quality(Plane(PLANE / SIZES, 0.0), rows) < CASE.floor <= 1
