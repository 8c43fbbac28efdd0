"""Answers of finished models; those of real artifacts stand in tests/containers/model_files/test_module_zip.py."""

from __future__ import annotations

import math

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.model import LinearModel, loss_of, sparse_product

ROWS = torch.tensor([[1.0, 2.0], [0.0, -1.0]])


def model(predictor_type, loss_type, weights_dc, bias_1c, threshold=0.5):
    settings = {"predictor_type": predictor_type, "loss_type": loss_type, "threshold": threshold, "metrics_params": {}}
    arrays = {"fc0_weight": torch.tensor(weights_dc), "fc0_bias": torch.tensor(bias_1c)}
    return LinearModel.from_arrays(arrays, settings)


def test_a_binary_classifier_says_1_from_its_threshold_on():
    answers = model("binary_classifier", "logistic", [[1.0], [0.5]], [[-1.0]], threshold=0.2).predict(Batch(ROWS))
    assert answers["score"].tolist() == pytest.approx(torch.tensor([1.0, -1.5]).sigmoid().tolist())
    assert answers["predicted_label"].tolist() == [1, 0]
    assert answers["predicted_label"].dtype == torch.int64


def test_hinge_loss_answers_the_margin():
    answers = model("binary_classifier", "hinge_loss", [[1.0], [0.5]], [[-1.0]], threshold=0.0).predict(Batch(ROWS))
    assert answers["score"].tolist() == [1.0, -1.5]


def test_a_multiclass_classifier_answers_probabilities():
    answers = model("multiclass_classifier", "softmax_loss", [[1.0, 0, 0], [0, 1, 0]], [[0.0, 0, 1]]).predict(
        Batch(ROWS)
    )
    assert answers["score"].shape == (2, 3)
    assert answers["score"].sum(1).tolist() == pytest.approx([1, 1])
    assert answers["predicted_label"].tolist() == [1, 2]


def test_a_regressor_answers_the_score_alone_and_sparse_rows_alike():
    found = model("regressor", "squared_loss", [[1.0], [0.5]], [[-1.0]])
    assert {name: column.tolist() for name, column in found.predict(Batch(ROWS)).items()} == {"score": [1.0, -1.5]}
    assert found.predict(Batch(SparseRows.from_dense(ROWS)))["score"].tolist() == pytest.approx([1.0, -1.5])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"predictor_type": "oracle"}, "predictor_type is 'oracle', expected binary_classifier or"),
        ({"loss_type": "squared_loss"}, "loss_type is 'squared_loss', expected logistic or hinge_loss"),
        ({"threshold": None}, "threshold is None, expected a finite number"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"threshold": float("inf")}, "threshold is inf"),
        ({"loss_type": None}, "loss_type is None, expected logistic or hinge_loss"),
        ({"metrics_params": {"class_weights": [1, "x"]}}, "expected a list of numbers"),
        *(
            ({"metrics_params": {name: []}}, f"{name} of metrics_params is \\[\\], expected a number")
            for name in ("quantile", "huber_delta", "loss_insensitivity", "f_beta", "accuracy_top_k")
        ),
        ({"metrics_params": [1]}, r"metrics_params is \[1\], expected an object"),
        ({"metrics_params": {"margin": "x"}}, "margin of metrics_params is 'x', expected a number"),
        (
            {"metrics_params": {"class_weights": "x"}},
            "class_weights of metrics_params are 'x', expected a list of numbers",
        ),
    ],
)
def test_settings_of_another_model_are_rejected(settings, text):
    good = {"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": 0.5}
    arrays = {"fc0_weight": torch.ones(2, 1), "fc0_bias": torch.ones(1, 1)}
    with pytest.raises(UserError, match=text):
        LinearModel.from_arrays(arrays, good | settings)


def test_shapes_that_do_not_fit_are_named():
    arrays = {"fc0_weight": torch.ones(2, 1), "fc0_bias": torch.ones(1, 3)}
    with pytest.raises(UserError, match=r"got fc0_weight \(2, 1\) and fc0_bias \(1, 3\)"):
        LinearModel.from_arrays(arrays, {"predictor_type": "regressor", "loss_type": "squared_loss", "threshold": 0.5})


def test_a_score_at_the_threshold_means_1():
    found = model("binary_classifier", "hinge_loss", [[1.0], [0.5]], [[-1.0]], threshold=1.0).predict(Batch(ROWS))
    assert found["predicted_label"].tolist() == [1, 0]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "parameters", [{}, {"metrics_params": None}, {"metrics_params": {"f_beta": None, "accuracy_top_k": None}}]
)
def test_what_an_artifact_does_not_say_is_the_default(sparse, parameters):
    """A real artifact may have no metrics_params at all, or null for what its job did not use."""
    rows = Batch(SparseRows.from_dense(ROWS) if sparse else ROWS, torch.tensor([[1.0], [0.0]]))
    settings = {"predictor_type": "binary_classifier", "loss_type": "logistic", "threshold": 0.5, **parameters}
    found = LinearModel.from_arrays(
        {"fc0_weight": torch.tensor([[1.0], [0.5]]), "fc0_bias": torch.tensor([[-1.0]])}, settings
    )
    metrics = found.evaluate(iter([rows[:1], rows[1:]]), RunContext())
    assert metrics["binary_classification_accuracy"] == metrics["binary_f_1.000"] == 1
    expected = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(-1.5))) / 2
    assert metrics["binary_classification_cross_entropy_objective"] == pytest.approx(expected)


def test_a_multiclass_model_counts_the_first_three_unless_it_says_otherwise():
    rows = Batch(ROWS, torch.tensor([[0.0], [2.0]]))
    weights, bias = [[1.0, 0, 0, 0], [0, 1, 0, 0]], [[0.0, 0, 1, 2]]
    found = model("multiclass_classifier", "softmax_loss", weights, bias).evaluate(iter([rows]), RunContext())
    assert found["multiclass_top_k_accuracy_3"] == 1 and found["multiclass_accuracy"] == 0 and "macro_f_1.000" in found
    settings = {"predictor_type": "multiclass_classifier", "loss_type": "softmax_loss", "threshold": 0.5}
    given = settings | {"metrics_params": {"accuracy_top_k": 2, "f_beta": 0.5, "class_weights": [2.0, 1, 1, 1]}}
    arrays = {"fc0_weight": torch.tensor(weights), "fc0_bias": torch.tensor(bias)}
    other = LinearModel.from_arrays(arrays, given).evaluate(iter([rows]), RunContext())
    assert other["multiclass_top_k_accuracy_2"] == 0.5 and "macro_f_0.500" in other
    name = "multiclass_cross_entropy_objective"
    loss_n = -(ROWS @ torch.tensor(weights) + torch.tensor(bias)).log_softmax(1)[[0, 1], [0, 2]]
    assert found[name] == pytest.approx(float(loss_n.mean()))
    assert other[name] == pytest.approx(float((loss_n * torch.tensor([2.0, 1])).mean()))


def test_a_row_that_cannot_be_judged_is_named_by_its_channel_and_number():
    found = model("binary_classifier", "logistic", [[1.0], [0.5]], [[-1.0]])
    good, bad = Batch(ROWS, torch.tensor([[1.0], [0.0]])), Batch(ROWS, torch.tensor([[1.0], [3.0]]))
    with pytest.raises(UserError, match="Channel test, row 4: label 3, expected 0 or 1"):
        found.evaluate(iter([good, bad]), RunContext())
    narrow = Batch(ROWS[:, :1], torch.tensor([[1.0], [0.0]]))
    with pytest.raises(UserError, match="Channel validation, row 3: 1 columns, expected 2 as in channel train"):
        found.scored(iter([good, narrow]), "validation", RunContext())


@pytest.mark.parametrize(
    ("name", "key", "default", "other"),
    [
        ("hinge_loss", "margin", 1.0, 0.5),
        ("eps_insensitive_squared_loss", "loss_insensitivity", 0.01, 0.5),
        ("eps_insensitive_absolute_loss", "loss_insensitivity", 0.01, 0.5),
        ("quantile_loss", "quantile", 0.5, 0.9),
        ("huber_loss", "huber_delta", 1.0, 0.25),
    ],
)
def test_a_loss_has_its_default_where_nothing_is_given(name, key, default, other):
    scores, labels = torch.linspace(-2, 2, 81)[:, None, None], torch.zeros(81)
    device = torch.device("cpu")

    def values(given: dict) -> torch.Tensor:
        return loss_of(name, given, device).rows(scores, labels)[0]

    assert torch.equal(values({}), values({key: default})) and torch.equal(values({key: None}), values({}))
    assert not torch.equal(values({}), values({key: other}))


def test_a_product_with_sparse_rows_is_that_with_their_table():
    x_nd = torch.randn(6, 9, generator=torch.Generator().manual_seed(0)) * (torch.arange(9) % 3 > 0)
    x_nd[2] = 0
    weights_do = torch.randn(9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(sparse_product(SparseRows.from_dense(x_nd), weights_do), x_nd.double() @ weights_do)


def test_a_file_has_the_arrays_and_the_rate_of_the_bias():
    found = model("regressor", "squared_loss", [[1.0], [0.5]], [-1.0])
    assert found.feature_dim == 2 and found.bias_1c.shape == (1, 1)
    assert {name: array.tolist() for name, array in found.arrays().items()} == {
        "fc0_weight": [[1.0], [0.5]],
        "fc0_bias": [[-1.0]],
    }
    assert found.graph().nodes[3].attributes["__lr_mult__"] == "10.0"
    moved = LinearModel(found.weights_dc, found.bias_1c, found.parameters, 2.0).to("cpu")
    assert moved.bias_lr_mult == 2 and torch.equal(moved.weights_dc, found.weights_dc)


@pytest.mark.parametrize(
    "arrays",
    [
        {"fc0_weight": torch.ones(2), "fc0_bias": torch.ones(2)},
        {"fc0_weight": torch.ones(0, 1), "fc0_bias": torch.ones(1, 1)},
        {"fc0_weight": torch.ones(2, 0), "fc0_bias": torch.ones(1, 0)},
        {"fc0_weight": torch.ones(2, 2, 1), "fc0_bias": torch.ones(1, 2)},
    ],
)
def test_weights_that_are_not_a_table_are_rejected(arrays):
    with pytest.raises(UserError, match=r"expected \(feature_dim, outputs\) and \(1, outputs\)"):
        LinearModel.from_arrays(arrays, {"predictor_type": "regressor", "loss_type": "squared_loss", "threshold": 0.5})
