"""The rows by which the conformance suite judges kNN."""

import faiss

from wildsage.algorithms.base.batch import MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.algorithm import KNN
from wildsage.algorithms.knn.conformance import CASE, CENTERS


def accuracy(k: int, sample_size: int = 600) -> float:
    """Of k neighbours out of so many rows."""
    job = KNN(feature_dim=2, k=k, predictor_type="classifier", sample_size=sample_size)
    return CASE.quality(job.fit({"train": MemoryStream(CASE.rows())}, RunContext()), CASE.rows())


def test_rows_lie_around_three_centers_sorted_by_center():
    rows = CASE.rows()
    assert rows.labels_nl[:, 0].tolist() == [0] * 200 + [1] * 200 + [2] * 200
    apart = rows.dense().view(3, 200, 2) - CENTERS[:, None]
    assert abs(float(apart.std()) - 1) < 0.04 and float(apart.mean(1).abs().max()) < 0.2
    assert CENTERS.tolist() == [[0, 0], [3, 0], [0, 3]] and faiss.METRIC_L2 == 1


def test_fresh_rows_tell_fifteen_neighbours_from_one():
    """A row is its own nearest neighbour: were the fresh rows those of training, one neighbour would never err."""
    assert accuracy(15) >= CASE.floor > accuracy(1) > 0.8
    assert accuracy(600) == 1 / 3
