"""Updates of all models against a plain loop for one, and what a pass and its mini-batches are."""

from __future__ import annotations

import math

import pytest
import torch

from tests.algorithms.hosts import on_hosts
from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner import losses
from wildsage.algorithms.linear_learner.decorrelation import Decorrelation
from wildsage.algorithms.linear_learner.optimizers import SGD
from wildsage.algorithms.linear_learner.scaler import Scaler
from wildsage.algorithms.linear_learner.state import State
from wildsage.algorithms.linear_learner.training import LearningRates, LinearTraining, Task, first_rows, improved
from wildsage.algorithms.linear_learner.variants import Variant

RNG = torch.Generator().manual_seed(9)
X = torch.randn(40, 3, generator=RNG)
LABELS = (X[:, 0] - X[:, 1] + torch.randn(40, generator=RNG) > 0).float()
VARIANTS = (
    Variant(0.5, 0.0, 0.0, 2, 0.5, 1e-5),
    Variant(0.1, 0.3, 0.0, 10, 0.9, 1e-5),
    Variant(0.2, 0.1, 0.05, 1, 0.5, 0.1, positive_weight=3.0),
)


def training_of(
    width: int = 3,
    rows_here: int = 10,
    least_updates: int = 1,
    run: RunContext | None = None,
    weights: torch.Tensor | None = None,
    dense: bool = True,
    task: Task | None = None,
    scheduled: bool = True,
    variants: tuple[Variant, ...] = VARIANTS,
) -> LinearTraining:
    """Three models on columns as they are, by plain gradient descent."""
    task = task or Task("binary_classifier", 2, 1, "logistic", losses.Logistic(), losses.Logistic())
    scaler = Scaler(torch.zeros(width), torch.ones(width), 0.0, 1.0)
    models = len(variants) * task.outputs
    learned = torch.zeros(width, models) if weights is None else weights
    counts_c = torch.zeros(task.classes)
    state = State.start(scaler, Decorrelation.none(), learned, torch.zeros(models), 2, len(variants), counts_c, dense)
    rates = LearningRates.from_variants(
        variants, task.outputs, scheduled=scheduled, bias_lr_mult=10.0, bias_wd_mult=0.5, device=torch.device("cpu")
    )
    positive_m = torch.tensor([each.positive_weight for each in variants]) if task.classes == 2 else None
    return LinearTraining(
        state, variants, task, rates, SGD(0.0), positive_m, rows_here, least_updates, run or RunContext()
    )


def by_hand(variant: Variant, start: torch.Tensor, batches: list[slice]) -> tuple[torch.Tensor, float, float]:
    """Weights, bias and mean loss of one model that PyTorch differentiates."""
    weights, bias = start.clone().requires_grad_(), torch.zeros(1, requires_grad=True)
    total, count = 0.0, 0.0
    for number, rows in enumerate(batches):
        scores, labels = X[rows] @ weights + bias, LABELS[rows]
        weight = torch.where(labels > 0.5, variant.positive_weight, 1.0)
        each = torch.nn.functional.binary_cross_entropy_with_logits(scores, labels, weight, reduction="none")
        total, count = total + float(each.sum().detach()), count + float(weight.sum())
        each.mean().backward()
        rate = max(
            variant.learning_rate * variant.lr_scheduler_factor ** (number // variant.lr_scheduler_step),
            variant.lr_scheduler_minimum_lr,
        )
        with torch.no_grad():
            weights -= rate * (weights.grad + variant.wd * weights + variant.l1 * weights.sign())
            bias -= 10 * rate * (bias.grad + 0.5 * variant.wd * bias)
            weights.grad, bias.grad = None, None
    return weights.detach(), float(bias.detach()), total / count


BATCHES = [slice(first, first + 10) for first in range(0, 40, 10)]
START = torch.randn(3, generator=RNG) / 10


def stream(x_nd: torch.Tensor | SparseRows = X, labels_n: torch.Tensor = LABELS) -> MemoryStream:
    return MemoryStream(Batch(x_nd, labels_n[:, None]))


def test_a_pass_is_that_of_a_plain_loop_for_each_model():
    training = training_of(weights=START[:, None].repeat(1, 3))
    losses_m = training.one_pass(stream().batches(10))
    weights_do, bias_1o = training.weights()
    for model, variant in enumerate(VARIANTS):
        weights, bias, loss = by_hand(variant, START, BATCHES)
        assert torch.allclose(weights_do[:, model], weights, atol=1e-6)
        assert float(bias_1o[0, model]) == pytest.approx(bias, abs=1e-6)
        assert float(losses_m[model]) == pytest.approx(loss, rel=1e-6)
    assert training.state.updates == training.state.pass_updates == 4
    assert training.state.classes_seen.tolist() == [True, True]


def test_wide_sparse_rows_are_learned_as_dense_ones_are_where_nothing_decays(monkeypatch):
    """Decay touches the columns of a mini-batch alone, so that models with it differ."""
    width = 300
    x_nd = torch.zeros(40, width)
    x_nd[torch.arange(40), torch.arange(40) * 7] = X[:, 0]
    x_nd[:, 5] = X[:, 1]
    weights = torch.randn(width, generator=RNG)[:, None].repeat(1, 3)
    both = []
    for features in (x_nd, SparseRows.from_dense(x_nd)):
        training = training_of(width, weights=weights)
        losses_m = training.one_pass(stream(features).batches(10))
        both.append((training.weights()[0][:, 0], training.weights()[1][0, 0], losses_m[0]))
    for dense, sparse in zip(*both, strict=True):
        assert torch.allclose(dense, sparse, atol=1e-6)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("split", [(20, 40), (30, 40)], ids=["alike", "one ends earlier"])
def test_hosts_learn_what_one_would_from_their_rows_together(wide, split):
    """Each mini-batch has 5 rows of either host, as long as it has some."""
    width = 300 if wide else 3
    x_nd = torch.cat([X, torch.zeros(40, width - 3)], 1)
    x_nd = x_nd * (torch.rand(40, width, generator=RNG) < 0.7)
    features = SparseRows.from_dense(x_nd) if wide else x_nd
    middle, _ = split
    shares = (slice(0, middle), slice(middle, 40))

    def learn(host):
        training = training_of(width, rows_here=5, run=host, dense=not wide)
        batch = Batch(features, LABELS[:, None])[shares[host.rank]]
        losses_m = training.one_pass(MemoryStream(batch).batches(5))
        return training.weights()[0][:, 0], training.weights()[1][0, 0], losses_m[0], training.state.updates

    first, second = on_hosts(2, learn)
    assert all(
        torch.equal(torch.as_tensor(one), torch.as_tensor(other)) for one, other in zip(first, second, strict=True)
    )
    alone, orders = training_of(width, dense=not wide), []
    own = [list(range(share.start, share.stop)) for share in shares]
    for start in range(0, max(map(len, own)), 5):
        orders.append([row for rows in own for row in rows[start : start + 5]])
    dense = Batch(features).dense()
    batches = [
        Batch(SparseRows.from_dense(dense[rows]) if wide else dense[rows], LABELS[rows, None]) for rows in orders
    ]
    losses_m = alone.one_pass(iter(batches))
    assert first[3] == alone.state.updates == len(orders)
    assert torch.allclose(first[0], alone.weights()[0][:, 0], atol=1e-5)
    assert float(first[1]) == pytest.approx(float(alone.weights()[1][0, 0]), abs=1e-5)
    assert float(first[2]) == pytest.approx(float(losses_m[0]), rel=1e-5)


def test_a_host_with_dense_rows_and_one_with_wide_sparse_ones_learn_together():
    width = 300
    x_nd = torch.cat([X, torch.zeros(40, width - 3)], 1)
    shares = (Batch(x_nd[:20], LABELS[:20, None]), Batch(SparseRows.from_dense(x_nd[20:]), LABELS[20:, None]))

    def learn(host: RunContext):
        training = training_of(width, rows_here=5, run=host, dense=False)
        training.one_pass(MemoryStream(shares[host.rank]).batches(5))
        return training.weights()[0]

    first, second = on_hosts(2, learn)
    alone = training_of(width, dense=False)
    orders = [[*range(start, start + 5), *range(20 + start, 25 + start)] for start in range(0, 20, 5)]
    alone.one_pass(Batch(x_nd[rows], LABELS[rows, None]) for rows in orders)
    assert torch.equal(first, second) and torch.allclose(first, alone.weights()[0], atol=1e-5)
    assert bool(first[:3].any())


@pytest.mark.parametrize(
    ("rows", "rows_here", "least", "updates"),
    [(40, 10, 1, 4), (40, 10, 4, 4), (40, 10, 5, 8), (40, 40, 32, 32), (35, 10, 6, 8), (10, 10, 3, 3)],
)
def test_a_channel_of_few_mini_batches_is_learned_from_until_there_are_enough_updates(rows, rows_here, least, updates):
    training = training_of(rows_here=rows_here, least_updates=least)
    training.one_pass(stream(X[:rows], LABELS[:rows]).batches(rows_here))
    assert training.state.updates == updates


@pytest.mark.parametrize(("at_once", "updates"), [(40, 16), (30, 4)])
def test_a_channel_that_goes_on_is_learned_from_once(monkeypatch, at_once, updates):
    """Whether the rows that are read at a time are the whole channel is known where fewer come than could."""
    monkeypatch.setattr("wildsage.algorithms.linear_learner.training.ROWS_AT_ONCE", at_once + 10)
    training = training_of(least_updates=16)
    training.one_pass(stream().batches(10))
    assert training.state.updates == updates


def test_the_first_mini_batch_of_a_job_must_be_full_and_the_last_need_not():
    training = training_of()
    with pytest.raises(UserError, match="Got 9 rows, expected at least 10 for a mini-batch: lower mini_batch_size"):
        training.one_pass(stream(X[:9], LABELS[:9]).batches(10))
    training.one_pass(stream(X[:19], LABELS[:19]).batches(10))
    assert training.state.updates == 2
    training.one_pass(stream(X[:9], LABELS[:9]).batches(10))
    assert training.state.updates == 3


def test_a_label_that_is_wrong_is_named_by_its_row_in_the_channel():
    labels_n = LABELS.clone()
    labels_n[33] = 2
    with pytest.raises(UserError, match="Channel train, row 34: label 2"):
        training_of().one_pass(stream(X, labels_n).batches(10))
    with pytest.raises(UserError, match="Channel train, row 34: label 2"):
        training_of(least_updates=99).one_pass(stream(X, labels_n).batches(10))


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_alone_are_rejected(label):
    training = training_of()
    training.one_pass(stream(X, torch.full((40,), float(label))).batches(10))
    with pytest.raises(
        UserError, match=f"Channel train: every row has the label {label}, expected rows of two classes"
    ):
        training.reject_one_class()


def test_rows_of_two_classes_and_a_regressor_are_not_rejected():
    training = training_of()
    training.one_pass(stream().batches(10))
    training.reject_one_class()
    regressor = training_of(task=Task("regressor", 0, 1, "squared_loss", losses.squared(), losses.squared()))
    regressor.one_pass(stream(X, torch.ones(40)).batches(10))
    regressor.reject_one_class()


def test_several_outputs_of_a_model_move_at_its_rate():
    task = Task("multiclass_classifier", 3, 3, "softmax_loss", losses.Softmax(), losses.Softmax())
    training = training_of(task=task)
    labels_n = torch.arange(40) % 3
    training.one_pass(stream(X[:10], labels_n[:10].float()).batches(10))
    error = torch.full((10, 3), 1 / 3) - torch.eye(3)[labels_n[:10]]
    slope = X[:10].T @ error / 10
    expected = torch.cat([-variant.learning_rate * slope for variant in VARIANTS], 1)
    assert torch.allclose(training.weights()[0], expected, atol=1e-6)
    assert torch.allclose(training.weights()[1][0, 3:6], -1.0 * error.mean(0), atol=1e-6)


def test_a_rate_falls_after_each_step_down_to_the_least():
    training = training_of()
    expected = {
        1: (0.5, 0.1, 0.2),
        2: (0.5, 0.1, 0.1),
        3: (0.25, 0.1, 0.1),
        10: (0.03125, 0.1, 0.1),
        11: (0.015625, 0.09, 0.1),
    }
    for updates, rates in expected.items():
        assert training.rates.after(updates).tolist() == pytest.approx(rates)
    assert training.rates.after(10_000)[0] == pytest.approx(1e-5)
    assert training_of(scheduled=False).rates.after(11).tolist() == pytest.approx([0.5, 0.1, 0.2])


def test_a_rate_that_begins_below_the_least_stays():
    slow = [Variant(1e-6, 0.0, 0.0, 1, 0.5, 1e-3)]
    rates = LearningRates.from_variants(
        slow, 2, scheduled=True, bias_lr_mult=1.0, bias_wd_mult=0.0, device=torch.device("cpu")
    )
    assert rates.after(9).tolist() == pytest.approx([1e-6, 1e-6])
    assert not rates.sparsifies and training_of().rates.sparsifies


@pytest.mark.parametrize(("rows", "held"), [(1, 10), (10, 10), (11, 20), (40, 40), (99, 40)])
def test_the_first_rows_are_read_once(rows, held):
    head, batches = first_rows(stream().batches(10), rows)
    assert torch.equal(head.features, X[:held])
    assert torch.equal(torch.cat([batch.features for batch in batches]), X)


def test_a_channel_without_rows_has_no_first():
    head, batches = first_rows(iter(()), 5)
    assert head is None and list(batches) == []


@pytest.mark.parametrize(
    ("value", "best", "better"),
    [
        (1e9, math.inf, True), (0.89, 1.0, True), (0.9, 1.0, False), (0.95, 1.0, False), (-0.95, -1.0, False),
        (-1.05, -1.0, False), (-1.2, -1.0, True), (math.nan, 1.0, False), (0.0, 0.0, False), (-1e-9, 0.0, True),
    ],
)  # fmt: skip
def test_an_improvement_is_more_than_a_share_of_the_best(value, best, better):
    assert improved(value, best, 0.1) is better


class Stopping(RunContext):
    """Is asked to stop from the beginning on."""

    @property
    def stopping(self) -> bool:
        return True


def test_a_job_that_is_to_stop_takes_a_partial_mini_batch_once():
    training = training_of(least_updates=32, run=Stopping())
    training.one_pass(stream(X[:9], LABELS[:9]).batches(10))
    assert training.state.updates == 1


class Refinement:
    """Stands in for Newton's method: keeps what it is given, and moves the refined models to 7."""

    just_began = True

    def __init__(self, active: bool) -> None:
        self.active, self.rows, self.read_rows, self.slopes = active, [], [], []

    def read(self, x_nd, margins_no, errors_no):
        self.read_rows.append(x_nd)

    def add_slopes(self, slope_do, slope_1o, rows):
        self.slopes.append(rows)

    def fold(self, rows):
        self.rows.append(rows(torch.tensor([0, 9, 10, 34])))

    def end_pass(self, weights_as, best_a, losses_s, total):
        self.weights_as, self.best_a, self.losses_s = weights_as.clone(), best_a, losses_s
        weights_as[:] = 7


class Logged(RunContext):
    """Keeps what is logged."""

    lines = ()

    def log(self, text, level="INFO"):
        self.lines = (*self.lines, text)


def test_refined_models_are_the_last_four_and_begin_from_the_mean_of_the_best():
    training = training_of(variants=VARIANTS * 2, least_updates=8, run=Logged())
    training.state.refinement = refinement = Refinement(active=False)
    training.one_pass(stream().batches(10))
    assert all(torch.equal(rows_rd, X[[0, 9, 10, 34]]) for rows_rd in refinement.rows) and len(refinement.rows) == 2
    assert torch.equal(torch.cat(refinement.read_rows), torch.cat([X, X])) and refinement.slopes == [10] * 8
    before, sums = torch.cat([training.state.weights[0], training.state.bias[0]]), training.state.sums.clone()
    losses_m = torch.tensor([math.nan, 0.5, 0.3, 0.4, 0.6, math.nan])
    training.end_pass(losses_m)
    assert torch.allclose(refinement.best_a, sums[:, 2] / 8) and torch.equal(refinement.weights_as, before[:, -4:])
    assert refinement.losses_s[:3].tolist() == pytest.approx([0.3, 0.4, 0.6])
    after = torch.cat([training.state.weights[0], training.state.bias[0]])
    assert bool((after[:, -4:] == 7).all()) and torch.equal(after[:, :2], before[:, :2])
    assert training.run.lines == ("The last 4 models refine the best one by Newton's method from now on.",)
    assert training.state.pass_updates == 0 and not training.state.sums.any()


def test_models_that_are_refined_stand_still_within_a_pass():
    training = training_of(variants=VARIANTS * 2, weights=START[:, None].repeat(1, 6))
    training.state.refinement = Refinement(active=True)
    training.one_pass(stream().batches(10))
    moved_m = (training.weights()[0] != START[:, None]).any(0)
    assert moved_m.tolist() == [True, True, False, False, False, False]
    assert (training.weights()[1][0] != 0).tolist() == moved_m.tolist()


def test_a_pass_without_rows_refines_nothing():
    training = training_of(variants=VARIANTS * 2)
    training.state.refinement = refinement = Refinement(active=True)
    training.end_pass(torch.zeros(6))
    assert not hasattr(refinement, "best_a") and not training.state.weights.any()
