"""The finished factorization machine: answers, arrays and metrics."""

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines as FM
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel


def training(predictor_type: str) -> dict[str, str]:
    return FM(feature_dim=4, num_factors=2, predictor_type=predictor_type).training_parameters()


def model(predictor_type: str = "regressor") -> FactorizationMachinesModel:
    v_df = torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0], [1.0, 1.0]])
    return FactorizationMachinesModel(
        torch.tensor([0.5]), torch.tensor([[1.0], [-1.0], [0.0], [2.0]]), v_df, training(predictor_type)
    )


ROWS = Batch(torch.tensor([[1.0, 0.0, 2.0, 0.0], [0.0, 1.0, 0.0, 3.0], [0.0, 0.0, 0.0, 0.0]]))
SCORES = [0.5 + 1 + 0, 0.5 - 1 + 6 + 3 * (2 + 1), 0.5]


def test_a_regressor_answers_with_scores_alone():
    assert {name: values.tolist() for name, values in model().predict(ROWS).items()} == {"score": SCORES}


def test_a_classifier_answers_with_a_probability_and_a_label():
    answer = model("binary_classifier").predict(ROWS)
    assert list(answer) == ["score", "predicted_label"]
    assert torch.allclose(answer["score"], torch.tensor(SCORES).sigmoid())
    assert answer["predicted_label"].tolist() == [1.0, 1.0, 1.0]


def test_sparse_and_dense_rows_are_answered_alike():
    sparse = Batch(SparseRows.from_dense(ROWS.dense()))
    assert torch.equal(model().predict(sparse)["score"], model().predict(ROWS)["score"])


def test_the_arrays_of_the_dense_network_are_understood():
    m = model()
    arrays = {
        "v": m.v_df.T.contiguous(),
        "Linear_Plus_Bias_weight": m.w1_d1.T.contiguous(),
        "Linear_Plus_Bias_bias": m.w0_1,
    }
    assert FactorizationMachinesModel.fits(frozenset(arrays))
    again = FactorizationMachinesModel.from_arrays(arrays, m.settings())
    assert torch.equal(again.predict(ROWS)["score"], m.predict(ROWS)["score"])


def test_shapes_and_settings_that_do_not_fit_are_rejected():
    m = model()
    with pytest.raises(UserError, match=r"got w1_weight \(4, 1\), w0_weight \(1,\), v \(3, 2\); expected"):
        FactorizationMachinesModel.from_arrays(m.arrays() | {"v": m.v_df[:3]}, m.settings())
    with pytest.raises(UserError, match="predictor_type is None, expected regressor or binary_classifier"):
        FactorizationMachinesModel.from_arrays(m.arrays(), {})


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("v", (4,)),
        ("v", (4, 2, 1)),
        ("w0_weight", (2,)),
        ("w0_weight", (0,)),
        ("w1_weight", (4,)),
        ("w1_weight", (3, 1)),
        ("w1_weight", (4, 2)),
    ],
)
def test_every_array_has_to_fit_the_others(name, shape):
    m = model()
    with pytest.raises(UserError, match=r"expected w0_weight \(1,\), w1_weight \(d, 1\), v \(d, factors\)"):
        FactorizationMachinesModel.from_arrays(m.arrays() | {name: torch.zeros(shape)}, m.settings())


def test_arrays_give_the_model_again():
    m = model()
    doubles = {name: array.double() for name, array in m.arrays().items()} | {"w0_weight": torch.tensor(0.5)}
    for again in (FactorizationMachinesModel.from_arrays(doubles, m.settings()), m.to("cpu")):
        assert again.w0_1.shape == (1,) and again.feature_dim == 4 and again.predictor_type == "regressor"
        assert all(torch.equal(array, m.arrays()[name]) for name, array in again.arrays().items())
    assert FactorizationMachinesModel.fits(frozenset(m.arrays())) and not FactorizationMachinesModel.fits(
        frozenset({"v"})
    )


def test_a_probability_of_one_half_is_a_yes():
    even = FactorizationMachinesModel(
        torch.zeros(1), torch.tensor([[1.0], [-1.0]]), torch.zeros(2, 1), training("binary_classifier")
    )
    answer = even.predict(Batch(torch.tensor([[0.0, 0.0], [0.0, 1e-3], [1e-3, 0.0]])))
    assert answer["score"].tolist()[0] == 0.5 and answer["predicted_label"].tolist() == [1, 0, 1]


def test_a_square_v_of_the_dense_network_is_as_it_is():
    """Where there are as many factors as columns, both orientations fit."""
    square = torch.arange(4.0).view(2, 2)
    arrays = {"v": square, "Linear_Plus_Bias_weight": torch.zeros(1, 2), "Linear_Plus_Bias_bias": torch.zeros(1)}
    assert torch.equal(FactorizationMachinesModel.from_arrays(arrays, model().settings()).v_df, square)


def test_metrics_are_those_of_all_batches():
    labels = torch.tensor(SCORES)[:, None] + torch.tensor([[1.0], [-2.0], [3.0]])
    batches = [Batch(ROWS.dense()[:1], labels[:1]), Batch(ROWS.dense()[1:], labels[1:])]
    found = model().evaluate(iter(batches), RunContext())
    assert found == pytest.approx({"rmse": (14 / 3) ** 0.5, "mse": 14 / 3, "absolute_loss": 2})


def test_evaluation_needs_labels_of_the_right_kind():
    with pytest.raises(UserError, match="Channel test: rows have no labels"):
        model().evaluate(iter([ROWS]), RunContext())
    with pytest.raises(UserError, match="Channel test, row 5: label 2, expected 0 or 1"):
        good = Batch(ROWS.features, torch.tensor([[0.0], [1.0], [1.0]]))
        model("binary_classifier").evaluate(
            iter([good, Batch(ROWS.features, torch.tensor([[0.0], [2], [1]]))]), RunContext()
        )
    assert model().evaluate(iter([]), RunContext()) == {}
