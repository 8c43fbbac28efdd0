"""The rows by which the conformance suite judges PCA."""

import pytest
import torch

from wildsage.algorithms.pca.conformance import CASE
from wildsage.algorithms.pca.model import PCAModel


def test_rows_have_the_deviations_and_the_mean_that_are_said_and_are_sorted_along_the_first_axis():
    rows = CASE.rows()
    x = rows.dense()
    deviations = torch.linalg.svdvals(x - x.mean(0)) / 600**0.5
    assert deviations.tolist() == pytest.approx([4, 2, 0.1], rel=0.1)
    assert x.mean(0).tolist() == pytest.approx([5, -3, 1], abs=0.5)
    assert bool((rows.labels_nl[:, 0].diff() >= 0).all()) and rows.labels_nl.shape == (600, 1)
    along = torch.corrcoef(torch.stack([rows.labels_nl[:, 0], *x.T]))[0, 1:]
    assert float(along.abs().max()) > 0.5


def test_the_two_strong_axes_reach_the_floor_and_others_do_not():
    x = CASE.rows().dense()
    axes = torch.linalg.svd(x - x.mean(0), full_matrices=False)[2].T
    quality = {
        kept: CASE.quality(PCAModel(torch.ones(2), axes[:, list(kept)], x.mean(0, keepdim=True)), CASE.rows())
        for kept in ((0, 1), (0, 2), (1, 2))
    }
    assert quality[0, 1] >= CASE.floor and quality[0, 1] <= 1
    assert max(quality[0, 2], quality[1, 2]) < 0.9
