"""Each step against a plain line of NumPy, or of torch with its own gradients."""

import numpy as np
import pytest
import torch

from algorithms.base.batch import SparseRows
from algorithms.factorization_machines import steps
from algorithms.factorization_machines.incidence import incidences
from algorithms.factorization_machines.state import State
from algorithms.factorization_machines.steps import Gradient, Rates

N, D, F = 20, 9, 4
RNG = torch.Generator().manual_seed(0)
X = torch.randn(N, D, generator=RNG) * (torch.rand(N, D, generator=RNG) < 0.4)
Y = torch.randn(N, 1, generator=RNG)
P = torch.randn(D, F + 1, generator=RNG)
BIAS = torch.tensor([0.3])


def batch_of(x_nd=X, y_n1=Y):
    return incidences(SparseRows.from_dense(x_nd), y_n1, [len(x_nd)])[0]


def by_pairs(x_d: np.ndarray) -> float:
    """The definition: every pair of columns once."""
    w1, v = P[:, 0].double().numpy(), P[:, 1:].double().numpy()
    pairs = sum(v[i] @ v[j] * x_d[i] * x_d[j] for i in range(D) for j in range(i + 1, D))
    return float(BIAS) + x_d @ w1 + pairs


def test_scores_are_the_sum_over_all_pairs():
    batch = batch_of()
    f_n1, _ = steps.scores(BIAS, P[batch.columns_u], batch)
    assert np.allclose(f_n1[:, 0], [by_pairs(x) for x in X.double().numpy()], rtol=1e-5, atol=1e-5)


def test_the_gradient_is_the_one_that_autograd_finds():
    batch = batch_of()
    bias, p = BIAS.clone().requires_grad_(), P.clone().requires_grad_()
    s = X @ p
    f = bias + s[:, 0] + (s[:, 1:].square() - X.square() @ p[:, 1:].square()).sum(1) / 2
    ((f - Y[:, 0]).square().sum() / 2).backward()
    f_n1, s_nc = steps.scores(BIAS, P[batch.columns_u], batch)
    found = steps.gradient(f_n1 - batch.labels_n1, s_nc, P[batch.columns_u], batch)
    assert torch.allclose(found.bias_1, bias.grad, rtol=1e-4)
    assert torch.allclose(found.rows_uc, p.grad[found.columns_u], rtol=1e-4, atol=1e-4)


def test_gradients_of_parts_add_up_to_that_of_the_whole():
    def own(x_nd, y_n1):
        batch = batch_of(x_nd, y_n1)
        f_n1, s_nc = steps.scores(BIAS, P[batch.columns_u], batch)
        return steps.gradient(f_n1 - y_n1, s_nc, P[batch.columns_u], batch)

    whole = own(X, Y)
    parts = steps.added([own(X[:7], Y[:7]), own(X[7:7], Y[7:7]), own(X[7:], Y[7:])])
    assert parts.columns_u.tolist() == whole.columns_u.tolist()
    assert torch.allclose(parts.rows_uc, whole.rows_uc, rtol=1e-4, atol=1e-5)
    assert torch.allclose(parts.bias_1, whole.bias_1, rtol=1e-4)


@pytest.mark.parametrize("clip", [None, 0.05])
def test_adam_is_mxnets_and_moves_only_what_is_touched(clip):
    """Five steps on columns that change from step to step, beside NumPy in float64 as MXNet's `adam_update` reads."""
    wd, lr = np.array([0.1, 0.01]), np.array([0.05, 0.02])
    state = State.start(torch.tensor([0.5]), torch.linspace(-1, 1, 10).reshape(5, 2))
    rates = Rates(torch.tensor(lr).float(), torch.tensor(wd).float(), 0.3, 0.2, 1e-8, clip)
    p, mean, variance = np.linspace(-1, 1, 10).reshape(5, 2), np.zeros((5, 2)), np.zeros((5, 2))
    b, b_mean, b_variance = 0.5, 0.0, 0.0
    rng = np.random.default_rng(0)
    for t in range(1, 6):
        columns = np.sort(rng.choice(5, 3, replace=False))
        slope, b_slope = rng.normal(size=(3, 2)) / 10, rng.normal() / 10
        touched = torch.from_numpy(columns)
        given = Gradient(torch.tensor([b_slope]).float(), touched, torch.from_numpy(slope).float())
        state.move(given, state.fetch(touched), rates)
        step = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        slope, b_slope = slope + wd * p[columns], b_slope + 0.2 * b
        if clip:
            slope, b_slope = np.clip(slope, -clip, clip), np.clip(b_slope, -clip, clip)
        mean[columns] = 0.9 * mean[columns] + 0.1 * slope
        variance[columns] = 0.999 * variance[columns] + 0.001 * slope**2
        p[columns] -= step * lr * mean[columns] / (np.sqrt(variance[columns]) + 1e-8)
        b_mean, b_variance = 0.9 * b_mean + 0.1 * b_slope, 0.999 * b_variance + 0.001 * b_slope**2
        b -= step * 0.3 * b_mean / (np.sqrt(b_variance) + 1e-8)
    assert np.allclose(state.table, np.hstack([p, mean, variance]), rtol=1e-4, atol=1e-6)
    assert np.allclose(state.bias_3, [b, b_mean, b_variance], rtol=1e-4)
    assert state.updates == 5
