"""Training of factorization machines: which parameters move, at which rates, and what is logged."""

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.factorization_machines import training
from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines as FM

SMALL = {"feature_dim": 8, "num_factors": 2, "predictor_type": "regressor", "mini_batch_size": 20}


def rows(n: int = 100, width: int = 8, columns: int = 6) -> Batch:
    """Two ones a row, in the first columns alone; the label is the sum of their numbers."""
    rng = torch.Generator().manual_seed(0)
    first_n = torch.randint(columns // 2, (n,), generator=rng)
    second_n = columns // 2 + torch.randint(columns // 2, (n,), generator=rng)
    pairs = torch.stack([first_n, second_n], 1)
    features = SparseRows(torch.arange(0, 2 * n + 1, 2), pairs.reshape(-1), torch.ones(2 * n), width)
    return Batch(features, pairs.sum(1, keepdim=True).float())


def labelled(label: float) -> Batch:
    """The same rows, the seventh with this label."""
    plain = rows()
    return Batch(plain.features, torch.where(torch.arange(100)[:, None] == 6, label, plain.labels_nl))


def fit(data: Batch, run: RunContext | None = None, **settings):
    return FM(**{**SMALL, **settings}).fit({"train": MemoryStream(data)}, run or RunContext())


class Listening(RunContext):
    """A run that records its metrics in the order in which they are reported."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.reported: list[tuple] = []

    def quality(self, channel, name, kind, value, *, epoch=None, batch=None):
        self.reported.append((name, epoch, batch))


def test_columns_that_never_occur_keep_their_first_values():
    """A million of them: a step that touched all would take seconds, not milliseconds."""
    width = 1_000_000
    model = fit(rows(width=width), feature_dim=width, factors_init_method="constant", factors_init_value=0.5)
    assert bool((model.v_df[6:] == 0.5).all()) and bool((model.v_df[:6] != 0.5).all())


def test_weights_begin_as_the_hyperparameters_say():
    still = {"bias_lr": 0.0, "linear_lr": 0.0, "factors_lr": 0.0, "feature_dim": 2000, "num_factors": 8}
    data = rows(width=2000)
    model = fit(data, **still, factors_init_sigma=0.3, bias_init_method="constant", bias_init_value=3.5)
    assert model.w0_1.tolist() == [3.5]
    assert float(model.v_df.std()) == pytest.approx(0.3, rel=0.02)
    assert float(model.w1_d1.std()) == pytest.approx(0.01, rel=0.1)
    spread = fit(data, **still, linear_init_method="uniform", factors_init_method="uniform", factors_init_scale=2.0)
    assert 1.9 < float(spread.v_df.max()) <= 2 and 1.9 < float(-spread.v_df.min()) <= 2
    assert 0.06 < float(spread.w1_d1.abs().max()) <= 0.07  # MXNet's scale, as none is given
    assert not torch.equal(model.v_df, fit(data, RunContext(1), **still, factors_init_sigma=0.3).v_df)


def test_terms_that_are_not_used_stay_zero():
    model = fit(rows(), use_bias=False, use_linear=False, epochs=3)
    assert float(model.w0_1) == 0 and not bool(model.w1_d1.any()) and bool(model.v_df.any())


def test_the_common_rate_and_decay_multiply_those_of_the_terms():
    one = fit(rows(), _learning_rate=10.0, _wd=3.0)
    other = fit(
        rows(), bias_lr=1.0, linear_lr=0.01, factors_lr=0.001, bias_wd=0.03, linear_wd=0.003, factors_wd=0.00003
    )
    assert all(torch.allclose(a, b) for a, b in zip(one.arrays().values(), other.arrays().values(), strict=True))


def test_a_gradient_may_be_rescaled_and_clipped():
    """Adam hides the size of a gradient, so decay is what shows it: against a gradient of zero it is all there is."""
    free = {"factors_wd": 1.0, "linear_wd": 1.0, "bias_wd": 1.0, "epochs": 3, "linear_init_sigma": 1.0}
    plain = fit(rows(), rescale_grad=1 / 20, **free)
    assert torch.equal(plain.w1_d1, fit(rows(), **free).w1_d1)
    still = fit(rows(), rescale_grad=0.0, **free)
    assert bool((still.w1_d1[:6].abs() <= fit(rows(), linear_lr=0.0, **free).w1_d1[:6].abs()).all())
    still = fit(rows(), linear_lr=0.0).w1_d1
    assert torch.allclose(fit(rows(), clip_gradient=1e-15).w1_d1, still, rtol=0, atol=1e-7)
    free = fit(rows()).w1_d1
    assert not torch.allclose(free, still, rtol=0, atol=1e-4)
    assert all(torch.equal(fit(rows(), clip_gradient=clip).w1_d1, free) for clip in (0.0, -1.0))  # as MXNet reads them


def test_batches_are_reported_at_their_interval_then_the_epoch_then_the_job():
    run = Listening()
    fit(rows(), run, epochs=2, batch_metrics_publish_interval=2)
    names = ("rmse", "mse", "absolute_loss")
    places = [(e, b) for e in (0, 1) for b in (0, 2, 4, None)] + [(None, None)]
    assert run.reported == [(name, epoch, batch) for epoch, batch in places for name in names]


def test_how_many_rows_are_prepared_together_changes_nothing(monkeypatch):
    whole = fit(rows(), epochs=2)
    monkeypatch.setattr(training, "ROWS_AT_ONCE", 1)
    one_by_one = fit(rows(), epochs=2)
    assert all(torch.equal(a, b) for a, b in zip(whole.arrays().values(), one_by_one.arrays().values(), strict=True))


@pytest.mark.parametrize(
    ("data", "settings", "problem"),
    [
        (Batch(rows().features), {}, "Channel train: rows have no labels, expected one each"),
        (Batch(rows().features, torch.ones(100, 2)), {}, "Channel train: rows have 2 labels"),
        (rows(), {"predictor_type": "binary_classifier"}, r"Channel train, row \d+: label \d, expected 0 or 1"),
        (labelled(torch.nan), {}, "Channel train, row 7: label nan, expected a finite float32"),
        (rows(19), {}, "No training data processed. .* Got 19 rows, expected at least 20"),
        (rows(), {"bias_lr": 1e30}, "Training diverged in epoch 0"),
    ],
)
def test_data_and_settings_that_cannot_be_learned_are_rejected(data, settings, problem):
    with pytest.raises(UserError, match=problem):
        fit(data, **settings)


def test_the_configuration_of_a_model_leaves_out_what_is_not_given():
    parameters = FM(**SMALL, eps=0.5).training_parameters()
    assert (parameters["feature_dim"], parameters["eps"], parameters["use_bias"]) == ("8", "0.5", "true")
    assert not {"clip_gradient", "rescale_grad", "bias_init_value"} & set(parameters)
    assert list(parameters) == sorted(parameters) and all(isinstance(value, str) for value in parameters.values())
