"""Linear learner as a whole: against scikit-learn, the recorded job of SageMaker, and the messages for bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.algorithm import LinearLearner
from wildsage.algorithms.linear_learner.optimizers import Adam

RECORDED = (
    0.136012, 0.039508, 0.032119, 0.029230, 0.027583, 0.026497, 0.025697, 0.025088, 0.024615, 0.024245, 0.023956,
    0.023729, 0.023549, 0.023407, 0.023294,
)  # fmt: skip
"""Train objective of model 0 by epoch in a real job: MNIST's first 50,000 rows, digit 0 against the rest, batches of 200."""


class Watched(RunContext):
    """Keeps what is logged."""

    def __post_init__(self):
        super().__post_init__()
        self.lines: list[str] = []
        self.qualities: list[tuple] = []
        self.models: list[dict] = []

    def log(self, text, level="INFO"):
        self.lines.append(text)

    def quality(self, channel, name, kind, value, *, epoch=None, batch=None):
        self.qualities.append((channel, name, kind, value, epoch))

    def measured(self, values, **dimensions):
        self.models.append({**values, **dimensions})


def stream(x_nd, labels_n) -> MemoryStream:
    features = x_nd if isinstance(x_nd, SparseRows) else torch.as_tensor(np.asarray(x_nd), dtype=torch.float32)
    return MemoryStream(Batch(features, torch.as_tensor(np.asarray(labels_n), dtype=torch.float32)[:, None]))


def fit(x_nd, labels_n, run=None, validation=None, **given):
    channels = {"train": stream(x_nd, labels_n)} | ({"validation": stream(*validation)} if validation else {})
    return LinearLearner(**given).fit(channels, run or Watched())


def scored(model, x_nd, labels_n):
    return model.scored(iter([stream(x_nd, labels_n).rows]), "train", RunContext())


def two_classes(rows=2000, columns=5, seed=0):
    rng = np.random.default_rng(seed)
    x_nd = rng.normal(size=(rows, columns)) * [1, 50, 0.1, 3, 10][:columns] + 7
    z_n = (x_nd - 7) @ np.array([1, -0.02, 8, 0.1, 0.1])[:columns] + 0.5
    return x_nd, (rng.random(rows) < 1 / (1 + np.exp(-z_n))).astype(float)


def line(rows=2000, seed=0):
    rng = np.random.default_rng(seed)
    x_nd = rng.normal(size=(rows, 3)) * [1, 20, 0.1] + [0, 100, 5]
    return x_nd, x_nd @ [3, -0.5, 10] + 40 + rng.standard_t(3, rows)


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


@pytest.mark.parametrize(
    ("rows", "given", "updates"),
    [
        (400, {}, 32),
        (400, {"mini_batch_size": 100}, 4 * 8),
        (400, {"learning_rate": 0.1}, 1),
        (8300, {"mini_batch_size": 4100}, 3),
    ],
    ids=["one mini-batch", "four", "a given rate", "many rows"],
)
def test_a_pass_over_few_rows_has_32_updates_unless_the_learning_rate_is_given(rows, given, updates, monkeypatch):
    steps, move = [], Adam.move

    def counted(self, *given):
        steps.append(given[-1])
        move(self, *given)

    monkeypatch.setattr(Adam, "move", counted)
    x_nd, labels_n = line(rows)
    fit(x_nd, labels_n, predictor_type="regressor", epochs=1, num_models=1, **{"mini_batch_size": rows} | given)
    assert max(steps) == updates


def test_wide_sparse_rows_move_the_columns_they_hold_and_no_other(monkeypatch):
    """An update gets the columns of its mini-batch, and all others keep the bytes of their initial weights."""
    rng = np.random.default_rng(1)
    rows, width, each = 600, 1_000_000, 5
    columns_z = np.concatenate([rng.choice(200, each, replace=False) * 4999 for _ in range(rows)])
    values_z = torch.ones(rows * each)
    starts_n1 = torch.arange(0, rows * each + 1, each)
    weight = rng.normal(size=200)
    labels_n = weight[columns_z.reshape(rows, each) // 4999].sum(1) > 0
    x_nd = SparseRows(starts_n1, torch.from_numpy(columns_z), values_z, width)
    moved, move = [], Adam.move

    def watched(self, slots_pao, *given):
        moved.append(slots_pao.shape[1])
        move(self, slots_pao, *given)

    monkeypatch.setattr(Adam, "move", watched)
    how = {"predictor_type": "binary_classifier", "mini_batch_size": 50, "num_models": 2, "wd": 0.001, "l1": 0.0001}
    model = fit(x_nd, labels_n, RunContext(seed=3), **how)
    assert (
        max(moved) <= 200 and len(moved) == 2 * 15 * 12 * 3
    )  # weights and bias, 15 passes of 12 mini-batches, 3 times each
    assert scored(model, x_nd, labels_n)["binary_classification_accuracy"] > 0.95
    weights_d = model.arrays()["fc0_weight"][:, 0]
    initial_d = torch.empty(width, 1).uniform_(-0.07, 0.07, generator=RunContext(seed=3).shared_rng)[:, 0]
    touched_d = torch.zeros(width, dtype=torch.bool)
    touched_d[columns_z] = True
    assert torch.equal(weights_d[~touched_d], initial_d[~touched_d])
    assert not bool((weights_d[touched_d] == initial_d[touched_d]).any())


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


def test_training_ends_when_nothing_improves_and_the_best_epoch_is_kept():
    run = Watched()
    x_nd, labels_n = two_classes(500)
    fit(x_nd, labels_n, run, predictor_type="binary_classifier", mini_batch_size=50, epochs=200)
    assert "Early stop condition met. Stopping training." in run.lines
    assert len({epoch for *_, epoch in run.qualities if epoch is not None}) < 200


def test_the_validation_channel_decides_where_there_is_one():
    run = Watched()
    x_nd, labels_n = two_classes(1000)
    fit(
        x_nd, labels_n, run, two_classes(300, seed=1), predictor_type="binary_classifier", mini_batch_size=100, epochs=2
    )
    criteria = [text for text in run.lines if text.startswith("#early_stopping_criteria_metric")]
    assert len(criteria) == 2 and all("criteria=sampled_accuracy" in text for text in criteria)
    finals = [text for text in run.lines if text.startswith("#validation_score (algo-1) : ")]
    names = [text.split("'")[1] for text in finals]
    assert names == [
        "binary_classification_cross_entropy_objective", "binary_classification_accuracy", "binary_f_1.000", "precision",
        "recall", "roc_auc_score",
    ]  # fmt: skip


def test_a_tuning_jobs_jobs_train_one_model_as_it_is_given():
    run = Watched()
    x_nd, labels_n = line(500)
    given = {"learning_rate": 0.02, "wd": 0.001, "l1": 0.01, "lr_scheduler_step": 7, "lr_scheduler_minimum_lr": 0.001}
    fit(
        x_nd, labels_n, run, predictor_type="regressor", mini_batch_size=100, epochs=1,
        _tuning_objective_metric="validation:objective_loss", **given,
    )  # fmt: skip
    assert len(run.models) == 1
    assert any('"learning_rate": 0.02, "wd": 0.001, "l1": 0.01, "lr_scheduler_step": 7' in text for text in run.lines)


@pytest.mark.parametrize("count", [1, 5, 32, 50])
def test_as_many_models_learn_as_are_asked_for(count):
    run = Watched()
    x_nd, labels_n = line(500)
    fit(x_nd, labels_n, run, predictor_type="regressor", mini_batch_size=100, epochs=1, num_models=count)
    assert [measured["model"] for measured in run.models] == list(range(count))


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


def test_an_earlier_model_is_gone_on_from():
    x_nd, labels_n = line()
    first = fit(x_nd, labels_n, predictor_type="regressor", mini_batch_size=100)

    class After(Watched):
        def resumed(self):
            return first.arrays()

    run = After()
    fit(x_nd, labels_n, run, predictor_type="regressor", mini_batch_size=100, epochs=1, learning_rate=1e-5)
    begun = next(value for _, _, _, value, epoch in run.qualities if epoch == 0)
    fresh = Watched()
    fit(x_nd, labels_n, fresh, predictor_type="regressor", mini_batch_size=100, epochs=1, learning_rate=1e-5)
    assert begun < 0.1 * next(value for _, _, _, value, epoch in fresh.qualities if epoch == 0)


@pytest.mark.parametrize(
    ("labels", "given", "text"),
    [
        ([0, 1, 2, 1], {"predictor_type": "binary_classifier"}, "row 3: label 2, expected 0 or 1"),
        ([0, 1, 0.5, 1], {"predictor_type": "binary_classifier"}, "row 3: label 0.5, expected 0 or 1"),
        ([0, 1, 3, 1], {"predictor_type": "multiclass_classifier", "num_classes": 3}, "a whole number from 0 to 2"),
        ([0, 1, -1, 1], {"predictor_type": "multiclass_classifier", "num_classes": 3}, "row 3: label -1"),
        ([1, 1, 1, 1], {"predictor_type": "binary_classifier"}, "every row has the label 1"),
        ([0, 1, math.nan, 1], {"predictor_type": "regressor"}, "row 3: label nan"),
    ],
)
def test_labels_that_cannot_be_learned_are_named(labels, given, text):
    with pytest.raises(UserError, match=text):
        fit(np.arange(8).reshape(4, 2), labels, mini_batch_size=2, **given)


def test_hosts_with_rows_of_different_widths_are_rejected():
    class TwoHosts(Watched):
        def gather(self, arrays):
            return [arrays, {"width": torch.tensor([3])}] if "width" in arrays else [arrays, arrays]

    with pytest.raises(UserError, match="Channel train: hosts read rows of 2 and 3 columns, expected one width"):
        fit(np.arange(8).reshape(4, 2), [0, 1, 0, 1], TwoHosts(), predictor_type="binary_classifier", mini_batch_size=2)


def test_a_channel_smaller_than_a_batch_says_so():
    with pytest.raises(UserError, match=r"Got 4 rows, expected at least 1000 for a mini-batch: lower mini_batch_size"):
        fit(np.arange(8).reshape(4, 2), [0, 1, 0, 1], predictor_type="binary_classifier")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"predictor_type": "multiclass_classifier"}, "Hyperparameter num_classes: got 1, expected an integer ≥ 3"),
        ({"predictor_type": "regressor", "loss": "logistic"}, "Hyperparameter loss: got logistic, expected one of auto, squared_loss"),
        ({"predictor_type": "regressor", "learning_rate": "0"}, "Hyperparameter learning_rate: got '0', expected a number > 0 or auto"),
        ({"predictor_type": "regressor", "beta_1": "1"}, "Hyperparameter beta_1: got '1', expected a number ≥ 0 and < 1 or auto"),
        ({"predictor_type": "regressor", "quantile": "1"}, "Hyperparameter quantile: got '1', expected a number > 0 and < 1"),
        ({}, "Hyperparameter predictor_type: missing"),
    ],
)  # fmt: skip
def test_settings_that_do_not_go_are_named(given, text):
    with pytest.raises(UserError, match=text):
        hyperparameters.parse(LinearLearner, given, LinearLearner.internal_settings())


def test_a_model_that_diverges_says_what_to_do():
    x_nd, labels_n = line(400)
    with pytest.raises(UserError, match=r"no model.s loss is finite. Lower learning_rate"):
        fit(
            x_nd, labels_n, predictor_type="regressor", mini_batch_size=50, optimizer="sgd", learning_rate=1e30,
            normalize_data=False, unbias_data=False, num_models=1,
        )  # fmt: skip


class AnotherHostStops(RunContext):
    """A host whose neighbour was asked to stop, and itself was not yet."""

    def sum(self, tensor):
        return tensor + 1 if tensor.shape == (1,) else tensor


def test_a_host_ends_with_the_one_that_was_asked_to_stop():
    """Whether all labels are alike is looked at together, so either all hosts look or none does."""
    rows = Batch(torch.randn(40, 2, generator=torch.Generator().manual_seed(0)), torch.ones(40, 1))
    learner = LinearLearner(predictor_type="binary_classifier", mini_batch_size=10, num_models=2)
    assert learner.fit({"train": MemoryStream(rows)}, AnotherHostStops()).feature_dim == 2
