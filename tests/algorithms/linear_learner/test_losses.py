"""Losses and their slopes, against autograd and against PyTorch's and scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import hinge_loss, mean_pinball_loss
from torch.nn import functional

from wildsage.algorithms.linear_learner import losses

RNG = torch.Generator().manual_seed(3)
SCORES = torch.randn(40, 3, 1, generator=RNG, dtype=torch.float64) * 2
TARGETS = torch.randn(40, generator=RNG, dtype=torch.float64) * 2
SIDES = (torch.rand(40, generator=RNG) > 0.5).double()

CASES = {
    "logistic": (losses.Logistic(), SIDES, 1.0),
    "hinge": (losses.Hinge(0.7), SIDES, 1.0),
    "squared": (losses.squared(), TARGETS, 2.0),  # MXNet's slope is that of half the square
    "absolute": (losses.absolute(), TARGETS, 1.0),
    "eps_insensitive_squared": (losses.eps_insensitive_squared(0.3), TARGETS, 2.0),
    "eps_insensitive_absolute": (losses.eps_insensitive_absolute(0.3), TARGETS, 1.0),
    "quantile": (losses.quantile(0.8), TARGETS, 1.0),
    "huber": (losses.huber(0.6), TARGETS, 1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_the_slope_is_the_gradient(name):
    loss, labels_n, factor = CASES[name]
    f_nmc = SCORES.clone().requires_grad_()
    loss_nm, slope_nmc = loss.rows(f_nmc, labels_n)
    loss_nm.sum().backward()
    assert loss_nm.shape == (40, 3) and slope_nmc.shape == (40, 3, 1)
    assert torch.allclose(slope_nmc.detach() * factor, f_nmc.grad)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 0.5, 3.0, 2.0], dtype=torch.float64)])
def test_softmax_is_pytorchs_cross_entropy(weights):
    f_nmc = torch.randn(40, 2, 4, generator=RNG, dtype=torch.float64).requires_grad_()
    class_n = torch.randint(4, (40,), generator=RNG)
    loss_nm, slope_nmc = losses.Softmax(weights).rows(f_nmc, class_n.double())
    for model in range(2):
        own = functional.cross_entropy(f_nmc[:, model], class_n, weights, reduction="none")
        assert torch.allclose(loss_nm[:, model], own)
    loss_nm.sum().backward()
    assert torch.allclose(slope_nmc.detach(), f_nmc.grad)


def test_logistic_is_pytorchs_cross_entropy_and_finite_far_out():
    f_nmc = torch.tensor([-1000.0, 0.0, 1000.0])[:, None, None]
    loss_nm, slope_nmc = losses.Logistic().rows(f_nmc, torch.tensor([1.0, 1.0, 1.0]))
    assert loss_nm[:, 0].tolist() == pytest.approx([1000.0, np.log(2), 0.0])
    assert bool(slope_nmc.isfinite().all())


def test_hinge_and_quantile_are_scikit_learns():
    f_n = SCORES[:, 0, 0]
    hinge = losses.Hinge(1.0).rows(SCORES, SIDES)[0][:, 0].mean()
    assert float(hinge) == pytest.approx(hinge_loss(SIDES.numpy() * 2 - 1, f_n.numpy()))
    pinball = losses.quantile(0.9).rows(SCORES, TARGETS)[0][:, 0].mean()
    assert float(pinball) == pytest.approx(mean_pinball_loss(TARGETS.numpy(), f_n.numpy(), alpha=0.9))


def test_huber_is_pytorchs():
    ours = losses.huber(0.6).rows(SCORES, TARGETS)[0][:, 0]
    theirs = functional.huber_loss(SCORES[:, 0, 0], TARGETS, reduction="none", delta=0.6)
    assert torch.allclose(ours, theirs)


EDGES = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None, None]
NONE = torch.zeros(5)


@pytest.mark.parametrize(
    ("loss", "values", "slopes"),
    [
        (losses.squared(), [1, 0.25, 0, 0.25, 1], [-1, -0.5, 0, 0.5, 1]),
        (losses.absolute(), [1, 0.5, 0, 0.5, 1], [-1, -1, 0, 1, 1]),
        (losses.eps_insensitive_squared(0.5), [0.25, 0, 0, 0, 0.25], [-0.5, 0, 0, 0, 0.5]),
        (losses.eps_insensitive_absolute(0.5), [0.5, 0, 0, 0, 0.5], [-1, 0, 0, 0, 1]),
        (losses.quantile(0.75), [0.75, 0.375, 0, 0.125, 0.25], [-0.75, -0.75, 0, 0.25, 0.25]),
        (losses.huber(0.5), [0.375, 0.125, 0, 0.125, 0.375], [-0.5, -0.5, 0, 0.5, 0.5]),
        (losses.Hinge(0.5), [0, 0, 0.5, 1, 1.5], [0, 0, 1, 1, 1]),
    ],
    ids=lambda loss: getattr(loss, "name", None),
)
def test_losses_and_slopes_at_their_corners(loss, values, slopes):
    """Labels are 0; for the hinge that is the negative side, whose margin ends at -0.5."""
    loss_nm, slope_nmc = loss.rows(EDGES, NONE)
    assert loss_nm[:, 0].tolist() == pytest.approx(values)
    assert slope_nmc[:, 0, 0].tolist() == pytest.approx(slopes)


def test_the_log_calls_each_by_the_name_of_the_original():
    assert [loss.name for loss, *_ in CASES.values()] == [
        "binary_classification_cross_entropy", "hinge_loss", "squared_loss", "absolute_loss", "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss", "quantile_loss", "huber_loss",
    ]  # fmt: skip
    assert losses.Softmax().name == "multiclass_cross_entropy"
