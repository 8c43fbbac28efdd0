"""The rows by which the conformance suite judges k-means."""

import torch

from wildsage.algorithms.kmeans.conformance import CASE, CENTERS
from wildsage.algorithms.kmeans.model import KMeansModel


def test_rows_lie_around_three_centers_sorted_by_center():
    rows = CASE.rows()
    assert rows.labels_nl[:, 0].tolist() == [0] * 200 + [1] * 200 + [2] * 200
    apart = rows.dense().view(3, 200, 2) - CENTERS[:, None]
    assert abs(float(apart.std()) - 0.5) < 0.02 and float(apart.mean(1).abs().max()) < 0.1
    assert CENTERS.tolist() == [[0, 0], [9, 0], [0, 9]]


def test_the_true_centers_reach_the_floor_and_two_of_them_do_not():
    rows = CASE.rows()
    assert CASE.floor <= CASE.quality(KMeansModel(CENTERS), rows) <= -0.4
    assert CASE.quality(KMeansModel(CENTERS[:2]), rows) < CASE.floor
    assert CASE.quality(KMeansModel(CENTERS + torch.tensor([0.5, 0.5])), rows) < CASE.floor
