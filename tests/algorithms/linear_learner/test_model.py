"""Answers of finished models; those of real artifacts stand in tests/containers/model_files/test_module_zip.py."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.linear_learner.model import LinearModel

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
