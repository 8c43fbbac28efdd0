"""Passes over the training channel: mini-batches, their metrics, and hosts in step."""

import numpy as np
import pytest
import torch

from tests.algorithms.hosts import Host, on_hosts
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.factorization_machines import threads, training
from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines as FM

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(50, 7)) * (RNG.random((50, 7)) < 0.5)).astype(np.float32)
Y = RNG.normal(size=50).astype(np.float32)
SETTINGS = {
    "feature_dim": 7, "num_factors": 3, "mini_batch_size": 10, "epochs": 2,
    "bias_lr": 0.1, "linear_lr": 0.1, "factors_lr": 0.05, "factors_init_sigma": 0.3,
}  # fmt: skip


class Told(RunContext):
    """A run that remembers its metrics, its log and how many rows had been learned at each checkpoint."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.metrics, self.updates, self.kept = {}, [], None

    def quality(self, channel, name, kind, value, *, epoch=None, batch=None):
        self.metrics[name, epoch, batch] = value

    def checkpoint(self, state):
        self.updates.append(state.updates)

    def keep(self, state):
        self.kept = {name: array.clone() for name, array in state.arrays().items()}


def batch(x: np.ndarray, y: np.ndarray) -> Batch:
    return Batch(torch.from_numpy(x), torch.from_numpy(np.float32(y))[:, None])


def fit(x=X, y=Y, run=None, predictor_type="regressor", **settings):
    job = FM(predictor_type=predictor_type, **{**SETTINGS, **settings})
    return job.fit({"train": MemoryStream(batch(x, y))}, run or RunContext())


def plain(
    x: np.ndarray, y: np.ndarray, start: list[torch.Tensor], classifier: bool, rescale: float | None, epochs=2
) -> list[np.ndarray]:
    """The same job by autograd and torch's Adam on all parameters; every column of `x` occurs in every mini-batch."""
    bias, linear, factors = (each.clone().double().requires_grad_() for each in start)
    rates = [{"params": [each], "lr": lr} for each, lr in ((bias, 0.1), (linear, 0.1), (factors, 0.05))]
    adam = torch.optim.Adam(rates)
    for _ in range(epochs):
        for rows, label in zip(
            torch.from_numpy(x).double().split(10), torch.from_numpy(y).double().split(10), strict=True
        ):
            f = bias + (rows @ linear)[:, 0] + ((rows @ factors).square() - rows.square() @ factors.square()).sum(1) / 2
            if classifier:
                loss = torch.nn.functional.binary_cross_entropy_with_logits(f, label, reduction="sum")
            else:
                loss = (f - label).square().sum() / 2
            adam.zero_grad()
            (loss * (1 / len(label) if rescale is None else rescale)).backward()
            adam.step()
    return [each.detach().numpy() for each in (bias, linear, factors)]


@pytest.mark.parametrize("classifier", [False, True])
@pytest.mark.parametrize("rescale", [None, 0.3])
def test_a_job_is_adam_on_the_loss_of_each_mini_batch(classifier, rescale):
    """Against torch's own gradients and optimizer. The last mini-batch has five rows; Adam's epsilon is too small to show."""
    x = RNG.normal(size=(45, 7)).astype(np.float32)
    y = (RNG.random(45) < 0.5).astype(np.float32) if classifier else Y[:45]
    kind = "binary_classifier" if classifier else "regressor"
    still = {"bias_wd": 0.0, "linear_wd": 0.0, "factors_wd": 0.0, "rescale_grad": rescale}
    start = fit(x, y, predictor_type=kind, **still, _learning_rate=0.0)
    model = fit(x, y, predictor_type=kind, **still)
    expected = plain(x, y, [start.w0_1, start.w1_d1, start.v_df], classifier, rescale)
    for ours, theirs in zip((model.w0_1, model.w1_d1, model.v_df), expected, strict=True):
        assert np.allclose(ours, theirs, atol=2e-3)


def test_metrics_of_batches_of_an_epoch_and_of_the_job():
    """Without learning they are those of the first parameters: of every third batch, of all rows, and again at the end."""
    run = Told()
    model = fit(run=run, _learning_rate=0.0, batch_metrics_publish_interval=3)
    error = np.square(model.scores(batch(X, Y)).double().numpy() - Y)
    for epoch in (0, 1):
        assert run.metrics["mse", epoch, 0] == pytest.approx(error[:10].mean(), rel=1e-5)
        assert run.metrics["mse", epoch, 3] == pytest.approx(error[30:40].mean(), rel=1e-5)
        assert run.metrics["mse", epoch, None] == pytest.approx(error.mean(), rel=1e-5)
    assert run.metrics["mse", None, None] == pytest.approx(error.mean(), rel=1e-5)
    assert len(run.metrics) == 3 * (3 + 3 + 1)


@pytest.mark.parametrize(
    ("at_once", "updates"), [(8192, [5, 10]), (30, [3, 5, 8, 10]), (10, [*range(1, 11)]), (9, [*range(1, 11)])]
)
def test_as_many_mini_batches_are_prepared_together_as_rows_at_once(at_once, updates, monkeypatch):
    monkeypatch.setattr(training, "ROWS_AT_ONCE", at_once)
    run = Told()
    fit(run=run, batch_metrics_publish_interval=2)
    assert run.updates == updates
    assert sorted({each for _, _, each in run.metrics if each is not None}) == [0, 2, 4]


def test_a_pass_runs_on_one_thread_for_few_numbers(monkeypatch):
    """A mini-batch's stored values times the factors decide."""
    asked, for_numbers = [], threads.for_numbers
    monkeypatch.setattr(threads, "for_numbers", lambda numbers: asked.append(numbers) or for_numbers(numbers))
    fit(epochs=1)
    assert asked == [(X != 0).sum(), (X != 0).sum() / 5 * 3]


@pytest.mark.parametrize(("rows", "fails"), [(9, True), (10, False), (11, False)])
def test_a_first_mini_batch_has_to_be_full(rows, fails):
    if fails:
        with pytest.raises(UserError, match="Got 9 rows, expected at least 10 for a mini-batch"):
            fit(X[:rows], Y[:rows])
    else:
        run = Told()
        fit(X[:rows], Y[:rows], run)
        assert run.kept["updates"].tolist() == [2 * -(-rows // 10)]


def test_a_job_that_has_to_stop_or_goes_on_may_begin_with_less():
    class Stopping(Told):
        stopping = True

    class Resumed(Told):
        def resumed(self):
            return before.kept

    before, after = Told(), Stopping()
    fit(run=before)
    fit(X[:3], Y[:3], after)
    assert after.kept["updates"].tolist() == [1]
    again = Resumed()
    fit(X[:3], Y[:3], again, epochs=1)
    assert again.kept["updates"].tolist() == [11]


def test_a_label_in_a_later_part_of_the_pass_is_named_by_its_place(monkeypatch):
    monkeypatch.setattr(training, "ROWS_AT_ONCE", 20)
    wrong = np.where(np.arange(50) == 36, 3, np.arange(50) % 2)
    with pytest.raises(UserError, match="Channel train, row 37: label 3"):
        fit(y=wrong, predictor_type="binary_classifier")


class ToldHost(Host, Told):
    """One of several hosts."""


def fit_on_hosts(shares: list[slice], kind: type[Host] = ToldHost, **settings) -> list:
    """The model and the run of each host."""

    def work(host):
        share = shares[host.rank]
        return fit(X[share], Y[share], host, **settings), host

    return on_hosts(len(shares), work, kind)


@pytest.mark.parametrize("rescale_grad", [None, 0.05])
def test_two_hosts_with_half_of_every_mini_batch_learn_what_one_learns_of_all(rescale_grad):
    """Five rows each are a mini-batch of ten. Sums in another order differ by about 1e-7."""
    order = np.arange(50).reshape(5, 2, 5).transpose(1, 0, 2).reshape(2, 25)
    run = Told()
    alone = fit(run=run, rescale_grad=rescale_grad)
    for model, host in fit_on_hosts(list(order), rescale_grad=rescale_grad):
        for name, array in alone.arrays().items():
            assert torch.allclose(model.arrays()[name], array, atol=1e-4), name
        assert host.metrics["mse", None, None] == pytest.approx(run.metrics["mse", None, None], rel=1e-4)


@pytest.mark.parametrize("at_once", [8192, 10])
def test_a_host_whose_rows_end_goes_on_with_empty_mini_batches(at_once, monkeypatch):
    """Of 3 and 6 mini-batches the last three are of one host: their gradient is divided by its rows alone. Where two are prepared
    together, the last two of the other host are nothing but empty."""
    monkeypatch.setattr(training, "ROWS_AT_ONCE", at_once)
    (one, first), (other, second) = fit_on_hosts([slice(15), slice(15, 45)], epochs=1)
    assert first.kept["updates"].tolist() == second.kept["updates"].tolist() == [6]
    assert all(torch.equal(array, other.arrays()[name]) for name, array in one.arrays().items())
    assert len(first.metrics) == len(second.metrics)


def test_all_hosts_end_after_a_pass_in_which_one_has_to_stop():
    class Stopped(ToldHost):
        stopping = property(lambda self: self.rank == 1)

    models = fit_on_hosts([slice(25), slice(25, 50)], Stopped, epochs=5)
    assert len({int(run.kept["updates"]) for _, run in models}) == 1
    assert max(epoch for _, epoch, _ in models[0][1].metrics if epoch is not None) == 0


@pytest.mark.parametrize("updates", [(10, 11), (1, None), (None, 10)])
def test_checkpoints_of_different_batches_are_rejected(updates):
    """A host without one has learned nothing."""

    class Resumed(ToldHost):
        def resumed(self):
            count = updates[self.rank]
            return None if count is None else {**before.kept, "updates": torch.tensor([count])}

    before = Told()
    fit(run=before)
    with pytest.raises(UserError, match="The hosts' checkpoints are of different batches"):
        fit_on_hosts([slice(25), slice(25, 50)], Resumed)


@pytest.mark.parametrize("changed", [{"feature_dim": 8}, {"num_factors": 4}])
def test_a_model_of_another_shape_cannot_be_resumed(changed):
    class Resumed(Told):
        def resumed(self):
            return before.kept

    before = Told()
    fit(run=before)
    with pytest.raises(UserError, match="The model to resume from has feature_dim 7 and num_factors 3, expected"):
        fit(np.zeros((50, changed.get("feature_dim", 7)), np.float32), run=Resumed(), **changed)
