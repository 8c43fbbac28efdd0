"""The finished PCA model: projections, arrays and the reconstruction error."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.pca.model import PCAModel

MODEL = PCAModel(
    torch.tensor([1.0, 2.0]), torch.tensor([[0.6, 0.0], [0.8, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 2.0, 3.0]])
)
ROWS = torch.tensor([[1.0, 2.0, 3.0], [1.6, 2.8, 8.0], [1.8, 1.4, 3.0]])


def test_a_projection_is_taken_about_the_mean():
    found = MODEL.predict(Batch(ROWS))["projection"]
    assert torch.allclose(found, torch.tensor([[0.0, 0.0], [1.0, 5.0], [0.0, 0.0]]), atol=1e-6)


def test_the_error_is_the_mean_squared_distance_to_the_reconstruction_over_all_batches():
    """The first two rows lie in the plane of the components; the third is one step beside it, the fourth three."""
    beside = torch.tensor([[1.0 + 3 * 0.8, 2.0 - 3 * 0.6, 7.0]])
    batches = [Batch(ROWS[:1]), Batch(torch.cat([ROWS[1:], beside]))]
    assert MODEL.evaluate(iter(batches), RunContext()) == {"reconstruction_msd": pytest.approx((1 + 9) / 4, rel=1e-5)}
    assert MODEL.evaluate(iter([]), RunContext()) == {}


def test_the_error_agrees_with_numpy_on_random_rows():
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(50, 3)).astype(np.float32), MODEL.v_dc.double().numpy()
    centered = x - MODEL.mean_1d.double().numpy()
    expected = np.square(centered - centered @ v @ v.T).sum(1).mean()
    found = MODEL.evaluate(iter([Batch(torch.from_numpy(part)) for part in np.split(x, [20])]), RunContext())
    assert found["reconstruction_msd"] == pytest.approx(expected, rel=1e-5)


def test_arrays_give_the_model_again():
    assert list(MODEL.arrays()) == ["s", "v", "mean"] and MODEL.feature_dim == 3
    doubles = {name: array.double() for name, array in MODEL.arrays().items()} | {"mean": torch.tensor([1.0, 2, 3])}
    for again in (PCAModel.from_arrays(MODEL.arrays(), {}), PCAModel.from_arrays(doubles, {}), MODEL.to("cpu")):
        for name, array in again.arrays().items():
            assert torch.equal(array, MODEL.arrays()[name]) and array.dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "shape"), [("s", (3,)), ("s", (2, 1)), ("v", (6,)), ("v", (3, 2, 1)), ("v", (2, 2)), ("mean", (1, 2))]
)
def test_arrays_of_shapes_that_do_not_fit_are_rejected(name, shape):
    with pytest.raises(UserError, match=r"PCA model: got s .*; expected s \(c,\), v \(feature_dim, c\), mean"):
        PCAModel.from_arrays({**MODEL.arrays(), name: torch.zeros(shape)}, {})
