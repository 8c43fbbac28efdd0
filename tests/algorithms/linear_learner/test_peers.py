"""Linear learner as a whole against scikit-learn and the recorded job of SageMaker."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor

from tests.algorithms.linear_learner.fitted import Watched, fit, line, scored, two_classes
from wildsage.algorithms.base.batch import SparseRows

RECORDED = (
    0.136012, 0.039508, 0.032119, 0.029230, 0.027583, 0.026497, 0.025697, 0.025088, 0.024615, 0.024245, 0.023956,
    0.023729, 0.023549, 0.023407, 0.023294,
)  # fmt: skip
"""Train objective of model 0 by epoch in a real job: MNIST's first 50,000 rows, digit 0 against the rest, batches of 200."""


def test_the_recorded_epochs_of_mnist_are_followed(mnist):
    """The first epoch depends on how weights begin, which the original does not tell."""
    images, digits = mnist
    run = Watched()
    x_nd = images[:50_000] * np.float32(255 / 256)
    model = fit(
        x_nd, digits[:50_000] == 0, run, predictor_type="binary_classifier", feature_dim=784, mini_batch_size=200
    )
    curve = [value for _, name, _, value, epoch in run.qualities if epoch is not None and name.endswith("_objective")]
    assert curve[1:] == pytest.approx(RECORDED[1:], rel=0.05)
    final = {name: value for _, name, _, value, epoch in run.qualities if epoch is None}
    assert final["binary_classification_cross_entropy_objective"] <= 0.0230
    assert final["binary_classification_accuracy"] >= 0.9925
    assert len(run.models) == 15 * 32
    assert model.arrays()["fc0_weight"].shape == (784, 1)


def test_a_regressor_comes_to_least_squares():
    x_nd, labels_n = line()
    best = np.mean((LinearRegression().fit(x_nd, labels_n).predict(x_nd) - labels_n) ** 2)
    model = fit(x_nd, labels_n, predictor_type="regressor", mini_batch_size=100)
    assert scored(model, x_nd, labels_n)["mse"] <= 1.01 * best


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantiles_come_to_linear_programming(quantile):
    x_nd, labels_n = line()
    peer = QuantileRegressor(quantile=quantile, alpha=0).fit(x_nd, labels_n)
    error_n = peer.predict(x_nd) - labels_n
    best = np.mean(np.where(error_n > 0, (1 - quantile) * error_n, -quantile * error_n))
    model = fit(
        x_nd, labels_n, predictor_type="regressor", loss="quantile_loss", quantile=quantile, mini_batch_size=100
    )
    assert scored(model, x_nd, labels_n)["quantile_loss_objective"] <= 1.01 * best


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_a_classifier_comes_to_logistic_regression(optimizer):
    x_nd, labels_n = two_classes()
    scale = x_nd.std(0)
    peer = LogisticRegression(C=1e6, max_iter=1000).fit(x_nd / scale, labels_n)
    best = -np.mean(peer.predict_log_proba(x_nd / scale)[np.arange(len(x_nd)), labels_n.astype(int)])
    model = fit(
        x_nd, labels_n, predictor_type="binary_classifier", mini_batch_size=100, optimizer=optimizer,
        binary_classifier_model_selection_criteria="loss_function",
    )  # fmt: skip
    assert scored(model, x_nd, labels_n)["binary_classification_cross_entropy_objective"] <= 1.01 * best


def test_several_classes_come_to_multinomial_regression():
    rng = np.random.default_rng(2)
    x_nd = rng.normal(size=(3000, 4))
    labels_n = np.argmax(x_nd @ rng.normal(size=(4, 4)) + rng.gumbel(size=(3000, 4)), 1).astype(float)
    peer = LogisticRegression(C=1e6, max_iter=1000).fit(x_nd, labels_n)
    best = -np.mean(peer.predict_log_proba(x_nd)[np.arange(3000), labels_n.astype(int)])
    model = fit(x_nd, labels_n, predictor_type="multiclass_classifier", num_classes=4, mini_batch_size=100)
    found = scored(model, x_nd, labels_n)
    assert found["multiclass_cross_entropy_objective"] <= 1.01 * best
    assert found["multiclass_accuracy"] == pytest.approx(peer.score(x_nd, labels_n), abs=0.01)
    assert found["multiclass_top_k_accuracy_3"] > 0.9


@pytest.mark.parametrize("rows", [30, 100, 1000])
def test_few_rows_in_one_mini_batch_come_to_the_optimum(rows):
    """As SageMaker's SDK has it for up to 1000 rows: mini_batch_size is the number of rows, so a pass has one mini-batch."""
    rng = np.random.default_rng(rows)
    z_nd = rng.normal(size=(rows, 3))
    x_nd = z_nd * [1, 100, 0.1] + [5, 0, 3]
    values_n = z_nd @ [1, -2, 0.5] + rng.logistic(size=rows)
    least = np.mean((LinearRegression().fit(x_nd, values_n).predict(x_nd) - values_n) ** 2)
    model = fit(x_nd, values_n, predictor_type="regressor", mini_batch_size=rows)
    assert scored(model, x_nd, values_n)["mse"] <= 1.001 * least
    for classes in (2, 3):
        labels_n = np.digitize(values_n, np.quantile(values_n, np.arange(1, classes) / classes)).astype(float)
        peer = LogisticRegression(C=1e6, max_iter=1000).fit(z_nd, labels_n)
        least = -np.mean(peer.predict_log_proba(z_nd)[np.arange(rows), labels_n.astype(int)])
        kind = {"predictor_type": "multiclass_classifier", "num_classes": 3}
        if classes == 2:
            kind = {
                "predictor_type": "binary_classifier",
                "binary_classifier_model_selection_criteria": "loss_function",
            }
        found = scored(fit(x_nd, labels_n, mini_batch_size=rows, **kind), x_nd, labels_n)
        assert next(value for name, value in found.items() if name.endswith("_objective")) <= 1.01 * least


@pytest.mark.parametrize("validated", [False, True])
def test_few_separable_rows_are_told_apart_as_scikit_learn_does(validated):
    """By the validation rows, many models and epochs are right for every row: the one of the least loss is the best."""
    rng = np.random.default_rng(0)
    x_nd = rng.normal(size=(2500, 3))
    labels_n = (x_nd[:, 0] > 2 * x_nd[:, 1]).astype(float)
    train, validation, test = slice(400), slice(400, 500), slice(500, None)
    peer = LogisticRegression().fit(x_nd[train], labels_n[train])
    others = (x_nd[validation], labels_n[validation]) if validated else None
    run = Watched()
    model = fit(x_nd[train], labels_n[train], run, others, predictor_type="binary_classifier", mini_batch_size=400)
    assert sum("Updating best model" in text for text in run.lines) > 10
    found = scored(model, x_nd[test], labels_n[test])["binary_classification_accuracy"]
    assert found >= peer.score(x_nd[test], labels_n[test]) - 0.005


def test_sparse_rows_of_any_width_come_to_the_same_answers():
    """Those that are narrow are made dense; those that are wide are not shifted, so weights differ, and answers little."""
    rng = np.random.default_rng(4)
    x_nd = (rng.random((2000, 300)) < 0.02).astype(np.float32)
    labels_n = (x_nd @ rng.normal(size=300) > 0).astype(float)
    how = {"predictor_type": "binary_classifier", "mini_batch_size": 100}
    dense = scored(fit(x_nd, labels_n, **how), x_nd, labels_n)["binary_classification_accuracy"]
    sparse_rows = SparseRows.from_dense(torch.from_numpy(x_nd))
    sparse = scored(fit(sparse_rows, labels_n, **how), x_nd, labels_n)["binary_classification_accuracy"]
    assert sparse == pytest.approx(dense, abs=0.02)


def test_balanced_weights_find_the_rare_class():
    rng = np.random.default_rng(6)
    x_nd = rng.normal(size=(4000, 2))
    labels_n = (x_nd[:, 0] + rng.normal(size=4000) > 2.7).astype(float)
    how = {"predictor_type": "binary_classifier", "mini_batch_size": 100}
    how["binary_classifier_model_selection_criteria"] = "loss_function"
    plain = scored(fit(x_nd, labels_n, **how), x_nd, labels_n)
    balanced = scored(fit(x_nd, labels_n, positive_example_weight_mult="balanced", **how), x_nd, labels_n)
    assert balanced["recall"] > plain["recall"] + 0.3


def test_class_weights_make_classes_count_alike():
    rng = np.random.default_rng(7)
    labels_n = rng.choice(3, 3000, p=[0.9, 0.05, 0.05]).astype(float)
    x_nd = rng.normal(size=(3000, 2)) + np.array([[0, 0], [1, 0], [0, 1]])[labels_n.astype(int)]
    how = {"predictor_type": "multiclass_classifier", "num_classes": 3, "mini_batch_size": 100}
    plain = scored(fit(x_nd, labels_n, **how), x_nd, labels_n)
    balanced = scored(fit(x_nd, labels_n, balance_multiclass_weights=True, **how), x_nd, labels_n)
    assert balanced["macro_recall"] > plain["macro_recall"] + 0.2
