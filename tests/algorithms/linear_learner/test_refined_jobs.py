"""Newton's method on wide rows: against scikit-learn's optimum, its sampled curvature, and what may not change its bytes."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from tests.algorithms.hosts import on_hosts
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.algorithm import LinearLearner
from wildsage.algorithms.linear_learner.refinement import STEP_SIZES

COLUMNS, ROWS, EPOCHS, BATCH_ROWS = 300, 6000, 15, 200
NEWTON = slice(-len(STEP_SIZES), None)


@functools.cache
def wide_rows() -> tuple[np.ndarray, np.ndarray]:
    """Correlated columns of which the last is almost constant, and labels that they tell apart almost always."""
    rng = np.random.default_rng(0)
    x_nd = rng.normal(size=(ROWS, COLUMNS)) @ rng.normal(size=(COLUMNS, COLUMNS)) * 0.9 ** (np.arange(COLUMNS) // 10)
    x_nd[:, -1] = np.where(rng.random(ROWS) < 0.001, 5.0, 0.0)
    x_nd[7, -1] = 0.001
    margin_n = x_nd @ rng.normal(size=COLUMNS)
    labels_n = 5 * margin_n / margin_n.std() + rng.logistic(size=ROWS) > 6
    return x_nd.astype(np.float32), labels_n.astype(np.float32)


def stream() -> MemoryStream:
    x_nd, labels_n = wide_rows()
    return MemoryStream(Batch(torch.from_numpy(x_nd), torch.from_numpy(labels_n)[:, None]))


def learner(**given) -> LinearLearner:
    settings = {"predictor_type": "binary_classifier", "mini_batch_size": BATCH_ROWS, "epochs": EPOCHS}
    settings["binary_classifier_model_selection_criteria"] = "loss_function"
    return LinearLearner(**settings | given)


def loss(model) -> float:
    x_nd, labels_n = map(torch.from_numpy, wide_rows())
    scores_n = (x_nd.double() @ model.weights_dc.double() + model.bias_1c.double())[:, 0]
    return float(functional.binary_cross_entropy_with_logits(scores_n, labels_n.double()))


class Watched(RunContext):
    """Keeps the losses of models, and the state after each pass over the rows."""

    def __post_init__(self):
        super().__post_init__()
        self.losses: list[list[float]] = []
        self.states: list[dict[str, torch.Tensor]] = []

    def measured(self, values, *, epoch, model):
        self.losses.extend([] for _ in range(epoch + 1 - len(self.losses)))
        self.losses[epoch].extend(values.values())

    def checkpoint(self, state):
        self.states.append({name: array.clone() for name, array in state.arrays().items()})


@functools.cache
def finished():
    run = Watched()
    return learner().fit({"train": stream()}, run), run


def test_wide_rows_come_to_the_optimum_which_they_miss_without_it():
    x_nd, labels_n = wide_rows()
    z_nd = (x_nd - x_nd.mean(0)) / x_nd.std(0)
    peer = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-8).fit(z_nd.astype(np.float64), labels_n)
    scores_n = torch.from_numpy(peer.decision_function(z_nd))
    optimum = float(functional.binary_cross_entropy_with_logits(scores_n, torch.from_numpy(labels_n).double()))
    model, run = finished()
    assert loss(model) <= 1.01 * optimum
    assert min(run.losses[-1][: NEWTON.start]) > 1.03 * optimum


def test_the_other_models_learn_as_without_it(monkeypatch):
    monkeypatch.setattr(LinearLearner, "_refines", lambda *_: False)
    plain = Watched()
    learner(epochs=9).fit({"train": stream()}, plain)
    monkeypatch.undo()
    run = Watched()
    learner(epochs=9).fit({"train": stream()}, run)
    assert [epoch[: NEWTON.start] for epoch in run.losses] == [epoch[: NEWTON.start] for epoch in plain.losses]
    assert run.losses[3] == plain.losses[3] and run.losses[4][NEWTON] != plain.losses[4][NEWTON]


@pytest.mark.parametrize("done", [EPOCHS // 2, EPOCHS // 2 + 3], ids=["at its first pass", "later"])
def test_gone_on_from_a_checkpoint_it_gives_the_same_bytes(done):
    model, run = finished()

    class Resumed(RunContext):
        def resumed(self):
            return run.states[done]

        def passes(self, stream, rows, epochs):
            yield done, iter(())
            for epoch in range(done + 1, epochs):
                yield epoch, stream.batches(rows)

    again = learner().fit({"train": stream()}, Resumed())
    assert torch.equal(again.weights_dc, model.weights_dc) and torch.equal(again.bias_1c, model.bias_1c)


def test_two_hosts_make_one_model_that_is_as_good_as_one_hosts():
    x_nd, labels_n = map(torch.from_numpy, wide_rows())

    def train(host):
        rows = Batch(x_nd[host.rank :: 2], labels_n[host.rank :: 2, None])
        return learner().fit({"train": MemoryStream(rows)}, host)

    first, second = on_hosts(2, train)
    assert torch.equal(first.weights_dc, second.weights_dc) and torch.equal(first.bias_1c, second.bias_1c)
    assert loss(first) == pytest.approx(loss(finished()[0]), rel=0.005)


@pytest.mark.parametrize(
    "given",
    [{"learning_rate": 0.1}, {"wd": 0.0}, {"l1": 0.0}, {"optimizer": "adam"}, {"num_models": 31}, {"loss": "hinge_loss"},
     {"use_bias": False}, {"positive_example_weight_mult": "balanced"}, {"epochs": 1}],
    ids=lambda given: next(iter(given)),
)  # fmt: skip
def test_models_that_the_user_chose_are_left_alone(given):
    run = Watched()
    learner(**{"epochs": 2} | given).fit({"train": stream()}, run)
    assert not any(name.startswith("refinement") for name in run.states[-1])


def test_the_first_step_already_helps_a_short_job():
    run = Watched()
    learner(epochs=3).fit({"train": stream()}, run)
    assert len(set(run.losses[1][NEWTON])) == 1
    assert min(run.losses[2][NEWTON]) < run.losses[1][NEWTON][0]


def test_too_few_rows_are_left_alone():
    x_nd, labels_n = wide_rows()
    few = MemoryStream(Batch(torch.from_numpy(x_nd[:3300]), torch.from_numpy(labels_n[:3300])[:, None]))
    run = Watched()
    learner(epochs=3, mini_batch_size=100).fit({"train": few}, run)
    assert len(set(run.losses[2][NEWTON])) > 1
