"""Which model is the best, by hand: losses, thresholds, lines of the log, and several hosts."""

from __future__ import annotations

import json
import math

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner import losses, selection
from wildsage.algorithms.linear_learner.calibration import Criterion
from wildsage.algorithms.linear_learner.decorrelation import Decorrelation
from wildsage.algorithms.linear_learner.model import LinearModel
from wildsage.algorithms.linear_learner.optimizers import SGD
from wildsage.algorithms.linear_learner.scaler import Scaler
from wildsage.algorithms.linear_learner.selection import ChannelScores, Selection
from wildsage.algorithms.linear_learner.state import State
from wildsage.algorithms.linear_learner.training import LearningRates, LinearTraining, Task
from wildsage.algorithms.linear_learner.variants import Variant

X = torch.tensor([[-2.0], [-1.0], [1.0], [3.0]])
LABELS = torch.tensor([0.0, 1.0, 0.0, 1.0])
WEIGHTS = torch.tensor([[1.0, -1.0, 0.5]])
"""Of three models of one column, without a bias."""
VARIANTS = [Variant(rate, 0.0, 0.0, 10, 0.99, 1e-5) for rate in (0.1, 0.2, 0.3)]


class Watched(RunContext):
    """Keeps what is logged."""

    def __post_init__(self):
        super().__post_init__()
        self.lines: list[str] = []
        self.qualities: list[tuple] = []
        self.models: list[dict] = []

    def log(self, text, level="INFO"):
        self.lines.append(text if level == "INFO" else f"{level}: {text}")

    def quality(self, channel, name, kind, value, *, epoch=None, batch=None):
        self.qualities.append((channel, name, kind, pytest.approx(value), epoch))

    def measured(self, values, **dimensions):
        self.models.append({**values, **dimensions})


def task_of(kind: str = "binary_classifier", loss_type: str = "logistic") -> Task:
    loss = {"logistic": losses.Logistic(), "hinge_loss": losses.Hinge(1.0), "squared_loss": losses.squared()}[loss_type]
    return Task(kind, 2 if kind == "binary_classifier" else 0, 1, loss_type, loss, loss)


def training_of(
    task: Task | None = None, weights: torch.Tensor = WEIGHTS, scaler: Scaler | None = None
) -> LinearTraining:
    task = task or task_of()
    scaler = scaler or Scaler(torch.zeros(1), torch.ones(1), 0.0, 1.0)
    counts = torch.tensor([2.0, 2.0]) if task.classes else torch.zeros(0)
    state = State.start(scaler, Decorrelation.none(), weights, torch.zeros(3), 2, 3, counts, True)
    rates = LearningRates.from_variants(
        VARIANTS, 1, scheduled=False, bias_lr_mult=1.0, bias_wd_mult=0.0, device=torch.device("cpu")
    )
    return LinearTraining(state, VARIANTS, task, rates, SGD(0.0), None, 2, 1, RunContext())


def selection_of(criterion: Criterion | None, run: RunContext, rows: int = 100, **channels: Batch) -> Selection:
    streams = {name: MemoryStream(rows) for name, rows in channels.items()}
    return Selection(criterion, rows, streams or {"train": MemoryStream(Batch(X, LABELS[:, None]))}, run)


def cross_entropy(weight: float) -> float:
    return float(torch.nn.functional.binary_cross_entropy_with_logits(X[:, 0] * weight, LABELS))


BATCH = Batch(X, LABELS[:, None])
OBJECTIVE = "binary_classification_cross_entropy_objective"


def test_without_a_validation_channel_the_loss_of_training_decides():
    run = Watched()
    chosen = selection_of(Criterion("accuracy"), run)
    assert chosen.channel == "train"
    cost, loss = chosen.report(4, torch.tensor([0.5, 0.25, 0.75]), training_of())
    assert (cost, loss) == (0.25, 0.25)
    assert run.models == [
        {f"train_{OBJECTIVE}": value, "epoch": 4, "model": model} for model, value in enumerate((0.5, 0.25, 0.75))
    ]
    assert run.qualities == [("train", OBJECTIVE, "loss", 0.5, 4)]
    assert run.lines == [f"#early_stopping_criteria_metric: host=algo-1, epoch=4, criteria={OBJECTIVE}, value=0.25"]


def test_with_one_the_criterion_decides_and_of_equals_the_loss():
    """The accuracies with the best thresholds are 0.75, 0.5 and 0.75; the third model has the lower loss."""
    run = Watched()
    chosen = selection_of(Criterion("accuracy"), run, train=BATCH, validation=BATCH)
    assert chosen.channel == "validation"
    cost, loss = chosen.report(2, torch.tensor([9.0, 8.0, 7.0]), training_of())
    assert cost == -0.75 and loss == pytest.approx(cross_entropy(0.5))
    assert [each.get(f"validation_{OBJECTIVE}") for each in run.models[3:]] == pytest.approx(
        [cross_entropy(weight) for weight in WEIGHTS[0].tolist()]
    )
    assert run.qualities == [
        ("train", OBJECTIVE, "loss", 9.0, 2),
        ("validation", OBJECTIVE, "loss", cross_entropy(1.0), 2),
    ]
    assert run.lines == ["#early_stopping_criteria_metric: host=algo-1, epoch=2, criteria=sampled_accuracy, value=0.75"]


def test_without_a_criterion_the_loss_on_the_validation_channel_decides():
    run = Watched()
    cost, loss = selection_of(None, run, train=BATCH, validation=BATCH).report(
        0, torch.tensor([9.0, 8.0, 7.0]), training_of()
    )
    assert cost == loss == pytest.approx(cross_entropy(0.5))
    assert f"criteria={OBJECTIVE}" in run.lines[0]


def test_models_that_diverged_are_never_the_best():
    run = Watched()
    assert selection_of(None, run).report(0, torch.tensor([math.nan, 0.5, math.inf]), training_of()) == (0.5, 0.5)


def made(weights_dc, bias_c, threshold, variant, counts_c) -> LinearModel:
    parameters = {
        "predictor_type": "binary_classifier",
        "loss_type": "logistic",
        "threshold": threshold,
        "metrics_params": {},
    }
    return LinearModel(weights_dc, bias_c[None], parameters)


def kept(
    training: LinearTraining, weights: torch.Tensor = WEIGHTS, average: torch.Tensor | None = None
) -> LinearTraining:
    """With these weights as those of the best epoch, at its end and on average."""
    training.state.best_weights[0] = weights
    training.state.best_weights[1] = -10 * torch.ones(1, 3) if average is None else average
    return training


def test_the_best_model_of_the_best_epoch_gets_its_threshold_and_its_metrics():
    run = Watched()
    model = selection_of(Criterion("accuracy"), run).best(kept(training_of()), made)
    assert model.weights_dc.tolist() == [[0.5]]  # as accurate as the first, and of less loss
    assert 1 / (1 + math.exp(-0.5)) < model.threshold < 1 / (1 + math.exp(-1.5)) or model.threshold < 0.5
    scored = {line.split("'")[1] for line in run.lines if line.startswith("#train_score (algo-1) : ")}
    assert scored == {name for _, name, *_ in run.qualities} and "binary_classification_accuracy" in scored
    assert ("train", "binary_classification_accuracy", "score", 0.75, None) in run.qualities
    assert ("train", OBJECTIVE, "loss", cross_entropy(0.5), None) in run.qualities
    shown = run.lines[-1].removeprefix("Best model found for hyperparameters: ")
    assert json.loads(shown) == VARIANTS[2].shown("sgd")


def test_the_average_of_the_epoch_may_be_the_best():
    average = torch.tensor([[0.25, 0.4, -1.0]])
    run = Watched()
    model = selection_of(None, run).best(kept(training_of(), average=average), made)
    weights = [*WEIGHTS[0].tolist(), *average[0].tolist()]
    best = min(range(6), key=lambda model: cross_entropy(weights[model]))
    assert model.weights_dc.item() == pytest.approx(weights[best]) and model.threshold == 0.5
    assert json.loads(run.lines[-1].partition(": ")[2])["learning_rate"] == VARIANTS[best % 3].learning_rate


@pytest.mark.parametrize(("loss_type", "threshold"), [("logistic", 0.5), ("hinge_loss", 0.0)])
def test_without_a_criterion_the_threshold_is_where_both_sides_cost_the_same(loss_type, threshold):
    chosen = selection_of(None, Watched())
    scores = ChannelScores(torch.tensor([math.nan, 2.0, 1.0, 3.0]))
    assert chosen._choice(scores, task_of(loss_type=loss_type)) == (2, selection.ChosenThreshold(threshold, 0.0))


def test_a_target_that_is_not_reached_is_a_warning():
    run = Watched()
    criterion = Criterion("recall_at_target_precision", target_precision=0.999)
    selection_of(criterion, run, train=Batch(X, (1 - LABELS)[:, None])).best(
        kept(training_of(), -torch.ones(1, 3)), made
    )
    assert not any(line.startswith("WARNING") for line in run.lines)
    selection_of(criterion, run).best(kept(training_of(), -torch.ones(1, 3)), made)
    assert sum(line.startswith("WARNING: Hyperparameter target_precision: got 0.999") for line in run.lines) == 1


def test_scores_are_those_of_the_labels_own_units_and_of_so_many_rows_at_most(monkeypatch):
    monkeypatch.setattr(selection, "ROWS", 3)
    scaler = Scaler(torch.tensor([1.0]), torch.tensor([2.0]), 0.0, 1.0)
    training = training_of(scaler=scaler)
    for held in (1, 3, 4, 9):
        found = selection_of(Criterion("accuracy"), Watched())._scored(*training.weights(), training, held)
        scores_nm, labels_n = torch.cat(found.scores), torch.cat(found.labels)
        assert len(scores_nm) == len(labels_n) == min(held, 4)
        assert torch.allclose(scores_nm, (((X - 1) / 2) @ WEIGHTS).sigmoid()[:held])
        assert torch.equal(labels_n, LABELS[:held])
    assert found.rows == 4 and found.losses_m.dtype == torch.float64


def test_a_regressors_rows_have_losses_and_no_scores():
    scaler = Scaler(torch.zeros(1), torch.ones(1), 10.0, 2.0)
    training = training_of(task_of("regressor", "squared_loss"), scaler=scaler)
    found = selection_of(None, Watched())._scored(*training.weights(), training, 100)
    expected = ((X @ WEIGHTS * 2 + 10 - LABELS[:, None]) ** 2).mean(0)
    assert found.losses_m.tolist() == pytest.approx(expected.tolist()) and found.scores == []


class TwoHosts(Watched):
    """Another host has read the same rows."""

    def gather(self, arrays):
        return [arrays, arrays]


class WithoutRows(Watched):
    """The other hosts have no rows."""

    def gather(self, arrays):
        return [arrays, {name: torch.zeros_like(array) for name, array in arrays.items()} if "tensor" in arrays else {}]


def test_rows_of_all_hosts_count():
    training = training_of()
    for run, times in ((TwoHosts(), 2), (WithoutRows(), 1)):
        found = selection_of(Criterion("accuracy"), run)._scored(*training.weights(), training, 100)
        assert found.losses_m.tolist() == pytest.approx([cross_entropy(weight) for weight in WEIGHTS[0].tolist()])
        assert torch.equal(torch.cat(found.labels), LABELS.repeat(times))
        assert len(found.choices(Criterion("accuracy"))) == 3


def test_a_channel_without_rows_costs_nothing_and_chooses_by_loss():
    none = Batch(torch.empty(0, 1), torch.empty(0, 1))
    training = training_of()
    chosen = selection_of(Criterion("accuracy"), Watched(), train=BATCH, validation=none)
    found = chosen._scored(*training.weights(), training, 100)
    assert found.losses_m.tolist() == [0, 0, 0] and found.scores == []
    assert chosen._choice(found, training.task)[1].threshold == 0.5


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (
            Batch(torch.zeros(4, 2), LABELS[:, None]),
            "Channel validation, row 4: 2 columns, expected 1 as in channel train",
        ),
        (Batch(X, torch.tensor([[0.0], [1.0], [1.0], [2.0]])), "Channel validation, row 7: label 2, expected 0 or 1"),
    ],
)
def test_a_row_that_cannot_be_judged_is_named(monkeypatch, batch, text):
    class Both:
        def batches(self, rows, epoch=0):
            yield Batch(X[:3], LABELS[:3, None])
            yield batch

    training = training_of()
    chosen = Selection(None, 100, {"validation": Both()}, Watched())
    with pytest.raises(UserError, match=text):
        chosen._scored(*training.weights(), training, 100)


class Stopping(Watched):
    """Is asked to stop."""

    @property
    def stopping(self) -> bool:
        return True


def test_a_job_that_is_to_stop_judges_by_one_piece(monkeypatch):
    monkeypatch.setattr(selection, "ROWS", 3)
    training = training_of()
    assert selection_of(None, Stopping())._scored(*training.weights(), training, 100).rows == 3
    assert selection_of(None, Watched())._scored(*training.weights(), training, 100).rows == 4


def test_after_an_epoch_thresholds_are_chosen_by_fewer_rows(monkeypatch):
    assert selection.EPOCH_ROWS == 100_000
    monkeypatch.setattr(selection, "EPOCH_ROWS", 2)
    monkeypatch.setattr(selection, "ROWS", 2)
    run = Watched()
    cost, _ = selection_of(Criterion("accuracy"), run, train=BATCH, validation=BATCH).report(
        0, torch.ones(3), training_of()
    )
    assert cost == -1  # of the first two rows, which the first model tells apart
    cost, _ = selection_of(Criterion("accuracy"), run, 1, train=BATCH, validation=BATCH).report(
        0, torch.ones(3), training_of()
    )
    assert cost == -1
