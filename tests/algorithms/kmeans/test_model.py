"""The finished k-means model: answers, arrays and metrics."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans.model import KMeansModel

CENTERS = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
MODEL = KMeansModel(CENTERS)
ROWS = torch.tensor([[3.0, 4.0], [10.0, 5.0], [5.0, 0.0]])


def test_answers_are_the_nearest_center_and_the_distance_to_it():
    """The third row is as far from either center: the first counts."""
    found = MODEL.predict(Batch(ROWS))
    assert found["closest_cluster"].tolist() == [0, 1, 0] and found["closest_cluster"].dtype == torch.float32
    assert found["distance_to_cluster"].tolist() == [5, 5, 5]


def test_metrics_are_the_mean_and_the_sum_over_all_batches():
    batches = [Batch(ROWS[:1]), Batch(ROWS[1:] + torch.tensor([0.0, 1.0]))]
    assert MODEL.evaluate(iter(batches), RunContext()) == {"msd": (25 + 36 + 26) / 3, "ssd": 25 + 36 + 26}
    assert MODEL.evaluate(iter([]), RunContext()) == {}


def test_sums_of_many_rows_are_float64():
    rows = torch.full((1 << 20, 1), 3.0)
    rows[0] = 3e4  # in float32 the sum could not grow by 9 any more
    found = KMeansModel(torch.zeros(1, 1)).evaluate(iter([Batch(rows)]), RunContext())
    assert found["ssd"] == float(np.square(rows.numpy(), dtype=np.float64).sum())


def test_arrays_give_the_model_again():
    again = KMeansModel.from_arrays(MODEL.arrays(), {})
    assert list(MODEL.arrays()) == ["centers"] and torch.equal(again.centers_kd, CENTERS)
    assert KMeansModel(torch.zeros(3, 2)).feature_dim == 2 and again.to("cpu").centers_kd.equal(CENTERS)
    assert KMeansModel.from_arrays({"centers": CENTERS.double()}, {}).centers_kd.dtype == torch.float32
    one = KMeansModel.from_arrays({"centers": torch.zeros(1, 1)}, {})
    assert one.predict(Batch(torch.ones(1, 1)))["distance_to_cluster"].tolist() == [1]


@pytest.mark.parametrize("shape", [(4,), (0, 3), (3, 0), (1, 2, 2)])
def test_arrays_of_another_shape_are_rejected(shape):
    with pytest.raises(UserError, match=r"K-means model: got an array of shape \(.*\), expected \(k, feature_dim\)"):
        KMeansModel.from_arrays({"centers": torch.zeros(shape)}, {})
