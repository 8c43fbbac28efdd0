"""Jobs of linear learner: what each setting decides, what a job goes on from, when it ends, and the messages for bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.algorithms.hosts import on_hosts
from tests.algorithms.linear_learner.fitted import Watched, fit, line, scored, two_classes
from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.algorithm import LinearLearner
from wildsage.algorithms.linear_learner.optimizers import SGD, Adam, RMSProp


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


BINARY, MULTICLASS, REGRESSOR = "binary_classifier", "multiclass_classifier", "regressor"


def binary(**given) -> LinearLearner:
    return LinearLearner(**{"predictor_type": BINARY} | given)


def regressor(**given) -> LinearLearner:
    return LinearLearner(**{"predictor_type": REGRESSOR} | given)


def classes(**given) -> LinearLearner:
    return LinearLearner(**{"predictor_type": MULTICLASS, "num_classes": 4} | given)


@pytest.mark.parametrize(
    ("learner", "loss", "count", "outputs"),
    [
        (binary(), "logistic", 2, 1),
        (binary(loss="hinge_loss", num_classes=9), "hinge_loss", 2, 1),
        (regressor(num_classes=9), "squared_loss", 0, 1),
        (classes(), "softmax_loss", 4, 4),
    ],
)
def test_a_kind_of_prediction_has_its_loss_classes_and_outputs(learner, loss, count, outputs):
    assert (learner.loss_type, learner.classes, learner.outputs) == (loss, count, outputs)


@pytest.mark.parametrize(
    ("given", "name", "beta"),
    [
        ({}, "accuracy", 2.0), ({"binary_classifier_model_selection_criteria": "f_beta"}, "f_beta", 2.0),
        ({"binary_classifier_model_selection_criteria": "f1"}, "f_beta", 1.0),
        ({"binary_classifier_model_selection_criteria": "precision_at_target_recall"}, "precision_at_target_recall", 2.0),
    ],
)  # fmt: skip
def test_a_binary_classifier_has_a_criterion(given, name, beta):
    found = binary(f_beta=2.0, target_recall=0.3, target_precision=0.4, **given).criterion
    assert (found.name, found.f_beta, found.target_recall, found.target_precision) == (name, beta, 0.3, 0.4)


@pytest.mark.parametrize("name", ["loss_function", "cross_entropy_loss"])
def test_the_loss_is_the_criterion_of_everything_else(name):
    assert binary(binary_classifier_model_selection_criteria=name).criterion is None
    assert regressor().criterion is None and classes(binary_classifier_model_selection_criteria="f1").criterion is None


def test_the_optimizer_has_the_settings_that_are_given():
    assert binary()._optimizer() == Adam(0.9, 0.999) and binary(
        optimizer="adam", beta_1=0.5, beta_2=0.0
    )._optimizer() == Adam(0.5, 0)
    assert binary(optimizer="sgd")._optimizer() == SGD(0.0) and binary(
        optimizer="sgd", momentum=0.9
    )._optimizer() == SGD(0.9)
    assert binary(optimizer="rmsprop")._optimizer() == RMSProp()


def test_so_many_models_and_rows_unless_others_are_given():
    assert (binary()._models, binary(num_models=5)._models) == (32, 5)
    assert binary(num_models=5, _tuning_objective_metric="validation:recall")._models == 1
    assert (binary().calibration_rows, binary(num_calibration_samples=7).calibration_rows) == (1_000_000, 7)


def settings_of(**given) -> dict:
    """What the artifact of a small job keeps of its settings."""
    labels_n = np.arange(40) % 2 if given["predictor_type"] == BINARY else np.arange(40) % 4
    model = fit(np.arange(80).reshape(40, 2) % 7, labels_n, epochs=1, mini_batch_size=10, num_models=1, **given)
    return {"threshold": model.settings()["threshold"], **model.settings()["metrics_params"]}


UNUSED = dict.fromkeys(
    ("quantile", "huber_delta", "margin", "loss_insensitivity", "eps_insensitive_loss_type", "class_weights")
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"predictor_type": REGRESSOR}, {"f_beta": None, "accuracy_top_k": 3}),
        ({"predictor_type": REGRESSOR, "loss": "quantile_loss", "quantile": 0.3}, {"quantile": 0.3, "f_beta": None}),
        ({"predictor_type": REGRESSOR, "loss": "huber_loss", "huber_delta": 0.7}, {"huber_delta": 0.7}),
        ({"predictor_type": REGRESSOR, "loss": "eps_insensitive_squared_loss", "loss_insensitivity": 0.2},
         {"loss_insensitivity": 0.2, "eps_insensitive_loss_type": "eps_insensitive_squared_loss"}),
        ({"predictor_type": BINARY, "loss": "hinge_loss", "margin": 0.6, "f_beta": 0.5}, {"margin": 0.6, "f_beta": 0.5}),
        ({"predictor_type": MULTICLASS, "num_classes": 4, "accuracy_top_k": 2}, {"accuracy_top_k": 2, "f_beta": 1.0}),
        ({"predictor_type": MULTICLASS, "num_classes": 4, "balance_multiclass_weights": True}, {"class_weights": [1, 1, 1, 1]}),
    ],
    ids=str,
)  # fmt: skip
def test_the_artifact_keeps_what_its_metrics_need_and_null_for_the_rest(given, kept):
    found = settings_of(**given)
    assert {name: found[name] for name in kept} == kept
    others = {name: value for name, value in found.items() if name in UNUSED and name not in kept}
    assert others == {name: None for name in UNUSED if name not in kept}


def test_errors_of_a_loss_are_in_the_labels_own_units():
    scoring = regressor(loss="huber_loss", huber_delta=3.0)._scoring(None, 2.0)
    assert scoring["huber_delta"] == 1.5
    assert (
        regressor(loss="eps_insensitive_absolute_loss", loss_insensitivity=3.0)._scoring(None, 2.0)[
            "loss_insensitivity"
        ]
        == 1.5
    )


@pytest.mark.parametrize(
    ("given", "weights"),
    [
        ({}, [1.0]), ({"positive_example_weight_mult": 2.5}, [2.5]), ({"positive_example_weight_mult": "balanced"}, [3.0]),
        ({"positive_example_weight_mult": "auto"}, [1.0, 3.0]),
    ],
)  # fmt: skip
def test_a_positive_example_counts_as_often_as_is_asked_for(given, weights):
    assert binary(**given)._positive_weights(torch.tensor([30.0, 10.0])) == weights
    assert regressor(**given)._positive_weights(torch.zeros(0)) == [1.0]


@pytest.mark.parametrize("counts", [[30.0, 0.0], [0.0, 30.0]])
def test_one_class_cannot_be_balanced(counts):
    assert binary(positive_example_weight_mult="balanced")._positive_weights(torch.tensor(counts)) == [1.0]


def test_class_weights_make_each_class_count_as_much_as_any_other():
    counts_c = torch.tensor([60.0, 20.0, 20.0, 0.0])
    weights = classes(balance_multiclass_weights=True)._class_weights(counts_c)
    assert weights == pytest.approx([100 / 240, 1.25, 1.25, 25])
    assert classes()._class_weights(counts_c) is None
    assert binary(balance_multiclass_weights=True)._class_weights(counts_c) is None


ROWS = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 4 + 9
VALUES = torch.arange(50.0)


def scales(learner: LinearLearner, rows=ROWS) -> tuple[bool, bool, bool, bool]:
    """Whether columns are shifted and divided, and labels are."""
    found = learner._scaler(Batch(rows, VALUES[:, None]), VALUES, RunContext())
    return (
        bool(found.mean_d.any()),
        bool((found.deviation_d != 1).any()),
        found.label_mean != 0,
        found.label_deviation != 1,
    )


WIDE = SparseRows.from_dense(torch.cat([ROWS, torch.zeros(50, 300)], 1))


@pytest.mark.parametrize(
    ("learner", "scaled"),
    [
        (regressor(), (True, True, True, True)),
        (binary(), (True, True, False, False)),
        (classes(), (True, True, False, False)),
        (regressor(use_bias=False), (False, True, False, True)),
        (regressor(normalize_data=False), (True, False, True, True)),
        (regressor(normalize_data="auto", normalize_label=False), (True, True, True, False)),
        (regressor(unbias_data=False, unbias_label=False), (False, True, False, True)),
        (regressor(use_bias=False, unbias_data=True, unbias_label=True), (True, True, True, True)),
        (binary(normalize_label=True, unbias_label=True), (True, True, False, False)),
    ],
    ids=str,
)
def test_columns_and_labels_are_standardised_as_is_asked_for(learner, scaled):
    assert scales(learner) == scaled


def test_wide_sparse_rows_are_shifted_only_if_that_is_asked_for():
    assert scales(regressor(), WIDE)[0] is False and scales(regressor(unbias_data=True), WIDE)[0] is True
    narrow = SparseRows.from_dense(ROWS)
    assert scales(regressor(), narrow)[0] is True


def initial(**given) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights and bias of a job that hardly learns, on columns as they are."""
    how = {
        "normalize_data": False,
        "unbias_data": False,
        "normalize_label": False,
        "unbias_label": False,
        "num_models": 1,
    }
    x_nd = np.random.default_rng(0).normal(size=(20, 4000))
    model = fit(
        x_nd, np.arange(20), predictor_type=REGRESSOR, epochs=1, mini_batch_size=20, learning_rate=1e-12, **how, **given
    )
    return model.weights_dc[:, 0], model.bias_1c[0, 0]


def test_weights_begin_as_is_asked_for():
    weights_d, bias = initial(init_bias=2.0)
    assert float(weights_d.abs().max()) == pytest.approx(0.07, rel=0.01) and float(weights_d.abs().max()) <= 0.07
    assert float(weights_d.std()) == pytest.approx(0.07 / 3**0.5, rel=0.05) and float(bias) == pytest.approx(2)
    weights_d, bias = initial(init_method="normal", init_sigma=0.5, use_bias=False, init_bias=2.0)
    assert float(weights_d.std()) == pytest.approx(0.5, rel=0.05) and float(weights_d.abs().max()) > 1
    assert float(weights_d.mean()) == pytest.approx(0, abs=0.05) and float(bias) == 0


@pytest.mark.parametrize(
    ("given", "width", "count", "refines"),
    [
        ({}, 257, 32, True), ({}, 256, 32, False), ({}, 1024, 32, True), ({}, 1025, 32, False), ({}, 300, 31, False),
        ({"epochs": 1}, 300, 32, False), ({"epochs": 2}, 300, 32, True), ({"num_models": 40}, 300, 40, True), ({"wd": 0.0}, 300, 32, False),
        ({"optimizer": "adam"}, 300, 32, False), ({"l1": 0.0}, 300, 32, False), ({"learning_rate": 0.1}, 300, 32, False),
        ({"use_bias": False}, 300, 32, False), ({"loss": "hinge_loss"}, 300, 32, False),
        ({"positive_example_weight_mult": 2.0}, 300, 32, False),
    ],
    ids=str,
)  # fmt: skip
def test_models_are_refined_where_their_choice_is_ours_and_columns_are_many(given, width, count, refines):
    assert binary(**given)._refines(width, [None] * count) is refines


class From(Watched):
    """A job that goes on from given arrays."""

    def __init__(self, arrays):
        super().__init__()
        self._arrays = arrays

    def resumed(self):
        return self._arrays


def test_an_earlier_model_of_another_shape_is_rejected():
    x_nd, labels_n = line(200)
    earlier = {"fc0_weight": torch.zeros(2, 1), "fc0_bias": torch.zeros(1, 1)}
    with pytest.raises(
        UserError, match=r"weights of shape \(2, 1\), expected \(3, 1\) \(feature_dim, outputs\) as in this job"
    ):
        fit(x_nd, labels_n, From(earlier), predictor_type=REGRESSOR, mini_batch_size=100)


def test_an_earlier_model_answers_the_same_before_it_goes_on():
    x_nd, labels_n = line(200)
    earlier = {"fc0_weight": torch.tensor([[3.0], [-0.5], [10.0]]), "fc0_bias": torch.tensor([[40.0]])}
    for models in (1, 32):
        model = fit(
            x_nd,
            labels_n,
            From(earlier),
            predictor_type=REGRESSOR,
            mini_batch_size=100,
            epochs=1,
            learning_rate=1e-12,
            num_models=models,
        )
        assert model.weights_dc.flatten().tolist() == pytest.approx([3, -0.5, 10], rel=1e-3)
        assert float(model.bias_1c) == pytest.approx(40, rel=1e-3)


class Kept(Watched):
    """Keeps the last state that was saved."""

    def checkpoint(self, state):
        self.state = {name: array.clone() for name, array in state.arrays().items()}


def test_a_checkpoint_of_another_job_is_rejected():
    x_nd, labels_n = line(200)
    how = {"predictor_type": REGRESSOR, "mini_batch_size": 100, "epochs": 1}
    run = Kept()
    fit(x_nd, labels_n, run, num_models=2, **how)
    with pytest.raises(UserError, match="has 3 columns and 2 outputs of all models, expected 3 and 3 as in this job"):
        fit(x_nd, labels_n, From(run.state), num_models=3, **how)
    with pytest.raises(UserError, match="has 3 columns and 2 outputs of all models, expected 4 and 2 as in this job"):
        fit(x_nd, labels_n, From(run.state), num_models=2, feature_dim=4, **how)
    assert fit(x_nd, labels_n, From(run.state), num_models=2, **how).feature_dim == 3


def improvements(run: Watched) -> list[int]:
    return [
        int(text.split()[1].rstrip(":")) for text in run.lines if text.endswith("Loss improved. Updating best model")
    ]


@pytest.mark.parametrize("patience", [1, 2])
def test_training_ends_after_so_many_epochs_without_improvement(patience):
    x_nd, labels_n = line(200)
    run = Watched()
    fit(
        x_nd, labels_n, run, predictor_type=REGRESSOR, mini_batch_size=100, epochs=30, num_models=1, learning_rate=1e-12,
        early_stopping_patience=patience,
    )  # fmt: skip
    assert improvements(run) == [0]
    assert [text for text in run.lines if text.startswith("Saving")] == [
        f"Saving model for epoch: {epoch}" for epoch in range(1 + patience)
    ]
    assert run.lines.count("Early stop condition met. Stopping training.") == 1


def test_training_goes_on_while_it_improves():
    x_nd, labels_n = line(400)
    run = Watched()
    fit(
        x_nd,
        labels_n,
        run,
        predictor_type=REGRESSOR,
        mini_batch_size=100,
        epochs=4,
        num_models=1,
        learning_rate=0.01,
        early_stopping_patience=1,
    )
    assert improvements(run) == [0, 1, 2, 3] and "Early stop condition met. Stopping training." not in run.lines


def test_an_empty_channel_says_that_no_data_was_processed():
    with pytest.raises(UserError, match="No training data processed"):
        fit(np.empty((0, 2)), [], predictor_type=REGRESSOR)


def learned(kind: str = BINARY, **given) -> tuple[list[float], float]:
    """Weights and bias of a small job."""
    x_nd, labels_n = two_classes(200) if kind == BINARY else line(200)
    how = {"mini_batch_size": 50, "epochs": 2, "num_models": 1, "learning_rate": 0.05, "wd": 0.1}
    model = fit(x_nd, labels_n, predictor_type=kind, **how | given)
    return model.weights_dc.flatten().tolist(), float(model.bias_1c[0, 0])


@pytest.mark.parametrize(
    ("beside", "given"),
    [
        ({}, {"bias_lr_mult": 10.0}), ({}, {"bias_wd_mult": 0.0}), ({"optimizer": "sgd"}, {"momentum": 0.0}), ({}, {"beta_1": 0.9}),
        ({}, {"beta_2": 0.999}), ({}, {"l1": 0.0}), ({"lr_scheduler_step": 1}, {"lr_scheduler_factor": 0.99}), ({}, {"optimizer": "adam"}),
        ({}, {"normalize_data": True}), ({}, {"unbias_data": True}), ({"kind": REGRESSOR}, {"normalize_label": True}),
        ({"kind": REGRESSOR}, {"unbias_label": True}), ({}, {"positive_example_weight_mult": 1.0}), ({}, {"loss": "logistic"}),
        ({"num_models": 3}, {"lr_scheduler_minimum_lr": 1e-5}),
    ],
    ids=str,
)  # fmt: skip
def test_auto_is_the_value_that_the_page_names(beside, given):
    assert learned(**beside) == learned(**beside | given)


def test_positive_examples_count_as_often_as_they_would_occur():
    """Twice the weight is twice the row, in one mini-batch of which the mean is taken over rows."""
    x_nd, labels_n = two_classes(60)
    how = {"predictor_type": BINARY, "epochs": 1, "num_models": 1, "learning_rate": 1e-3, "optimizer": "sgd", "wd": 0.0}
    columns = {"normalize_data": False, "unbias_data": False}
    start = fit(x_nd, labels_n, mini_batch_size=60, **how | columns | {"learning_rate": 1e-30}).weights_dc
    weighted = fit(x_nd, labels_n, mini_batch_size=60, positive_example_weight_mult=2.0, **how | columns).weights_dc
    ones = labels_n == 1
    twice_x, twice_labels = np.concatenate([x_nd, x_nd[ones]]), np.concatenate([labels_n, labels_n[ones]])
    repeated = fit(twice_x, twice_labels, mini_batch_size=len(twice_labels), **how | columns).weights_dc
    moved, expected = weighted - start, (repeated - start) * len(twice_labels) / 60
    assert torch.allclose(moved, expected, rtol=0.02, atol=1e-5)
    assert bool((moved != 0).all())


NARROW, SPARSE = Batch(ROWS), Batch(WIDE)


@pytest.mark.parametrize(
    ("head", "shifted", "dense"),
    [(NARROW, False, True), (NARROW, True, True), (SPARSE, False, False), (SPARSE, True, True)],
)
def test_wide_sparse_rows_stay_sparse_unless_columns_are_shifted(head, shifted, dense):
    learner = regressor(unbias_data=shifted)
    scaler = learner._scaler(Batch(head.features, VALUES[:, None]), VALUES, RunContext())
    assert learner._learns_dense(head, scaler) is dense


@pytest.mark.parametrize("kind", [BINARY, REGRESSOR])
def test_a_host_without_rows_learns_the_same_model(kind):
    x_nd, labels_n = two_classes(80) if kind == BINARY else line(80)
    shares = [(x_nd, labels_n), (x_nd[:0], labels_n[:0])]

    def learn(host):
        return fit(*shares[host.rank], host, predictor_type=kind, mini_batch_size=20, epochs=2)

    first, second = on_hosts(2, learn)
    assert torch.equal(first.weights_dc, second.weights_dc) and torch.equal(first.bias_1c, second.bias_1c)
