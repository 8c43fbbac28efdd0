"""Each step against a plain line of NumPy, or of torch with its own gradients."""

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import SparseRows
from wildsage.algorithms.factorization_machines import steps
from wildsage.algorithms.factorization_machines.mini_batch import mini_batches
from wildsage.algorithms.factorization_machines.state import AdamState
from wildsage.algorithms.factorization_machines.steps import Gradient, Rate, Rates, Terms

N, D, F = 20, 9, 4
RNG = torch.Generator().manual_seed(0)
X = torch.randn(N, D, generator=RNG) * (torch.rand(N, D, generator=RNG) < 0.4)
Y = torch.randn(N, 1, generator=RNG)
ALL = Terms(torch.tensor([0.3]), torch.randn(D, 1, generator=RNG), torch.randn(D, F, generator=RNG))


def batch_of(x_nd=X, y_n1=Y):
    return mini_batches(SparseRows.from_dense(x_nd), y_n1, [len(x_nd)])[0]


def touched_by(batch):
    return Terms(ALL.bias_1, ALL.linear_u1[batch.columns_u], ALL.factors_uf[batch.columns_u])


def by_pairs(x_d: np.ndarray) -> float:
    """The definition: every pair of columns once."""
    w0, w1, v = (term.double().numpy() for term in ALL)
    pairs = sum(v[i] @ v[j] * x_d[i] * x_d[j] for i in range(D) for j in range(i + 1, D))
    return w0[0] + x_d @ w1[:, 0] + pairs


def test_scores_are_the_sum_over_all_pairs():
    batch = batch_of()
    f_n1, _ = steps.scores(touched_by(batch), batch)
    assert np.allclose(f_n1[:, 0], [by_pairs(x) for x in X.double().numpy()], rtol=1e-5, atol=1e-5)


def test_the_gradient_is_the_one_that_autograd_finds():
    batch = batch_of()
    bias, w1, v = (term.clone().requires_grad_() for term in ALL)
    f = bias + (X @ w1)[:, 0] + ((X @ v).square() - X.square() @ v.square()).sum(1) / 2
    ((f - Y[:, 0]).square().sum() / 2).backward()
    f_n1, s_nf = steps.scores(touched_by(batch), batch)
    found = steps.gradient(f_n1 - batch.labels_n1, s_nf, touched_by(batch), batch)
    assert torch.allclose(found.terms.bias_1, bias.grad, rtol=1e-4)
    assert torch.allclose(found.terms.linear_u1, w1.grad[found.columns_u], rtol=1e-4, atol=1e-4)
    assert torch.allclose(found.terms.factors_uf, v.grad[found.columns_u], rtol=1e-4, atol=1e-4)


def test_gradients_of_parts_add_up_to_that_of_the_whole():
    def own(x_nd, y_n1):
        batch = batch_of(x_nd, y_n1)
        f_n1, s_nf = steps.scores(touched_by(batch), batch)
        return steps.gradient(f_n1 - y_n1, s_nf, touched_by(batch), batch)

    whole = own(X, Y)
    parts = steps.add_gradients([own(X[:7], Y[:7]), own(X[7:7], Y[7:7]), own(X[7:], Y[7:])])
    assert parts.columns_u.tolist() == whole.columns_u.tolist()
    for one, other in zip(parts.terms, whole.terms, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("epsilon", [1e-8, 0.1])
def test_adam_is_mxnets_and_moves_only_what_is_touched(clip, epsilon):
    """Five steps on columns that change from step to step, beside NumPy in float64 as MXNet's `adam_update` reads."""
    rates = Rates(Rate(0.3, 0.2), Rate(0.05, 0.1), Rate(0.02, 0.01), epsilon, clip)
    begin = [np.array([0.5]), np.linspace(-1, 1, 5).reshape(5, 1), np.linspace(-2, 1, 15).reshape(5, 3)]
    state = AdamState.start(*(torch.from_numpy(term).float() for term in begin))
    plain = [np.stack([term, 0 * term, 0 * term]) for term in begin]
    rng = np.random.default_rng(0)
    for t in range(1, 6):
        columns = np.sort(rng.choice(5, 3, replace=False))
        slopes = [rng.normal(size=shape) / 10 for shape in ((1,), (3, 1), (3, 3))]
        given = Gradient(torch.from_numpy(columns), Terms(*(torch.from_numpy(slope).float() for slope in slopes)))
        state.move(given, state.fetch(given.columns_u), rates)
        for planes, places, slope, (lr, wd) in zip(
            plain, (slice(None), columns, columns), slopes, rates.by_term, strict=True
        ):
            p, mean, variance = planes[:, places]
            slope = slope + wd * p
            slope = np.clip(slope, -clip, clip) if clip else slope
            mean, variance = 0.9 * mean + 0.1 * slope, 0.999 * variance + 0.001 * slope**2
            step = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            planes[:, places] = p - step * lr * mean / (np.sqrt(variance) + epsilon), mean, variance
    for ours, theirs in zip((state.bias, state.linear, state.factors), plain, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert state.updates == 5
