"""The optimizers beside their formulas, the schedule, and the state in a checkpoint."""

import subprocess

import pytest
import torch
from torch import nn

from wildsage.algorithms.image_classification import optimizers
from wildsage.algorithms.image_classification.hyperparameters import ImageHyperparameters


def build(**settings) -> ImageHyperparameters:
    return ImageHyperparameters(num_classes=2, num_training_samples=32, **settings)


def test_rates_step_at_the_epochs_named():
    assert [optimizers.rate_of(epoch, 0.1, 0.5, (2, 3)) for epoch in range(5)] == [0.1, 0.1, 0.05, 0.025, 0.025]


def test_weight_decay_is_for_weights_and_scales_alone():
    network = nn.Module()
    for name in ("a_weight", "a_gamma", "a_beta", "a_bias"):
        network.register_parameter(name, nn.Parameter(torch.ones(1)))
    optimizer = optimizers.make(build(learning_rate=1.0, momentum=0.0, weight_decay=0.5), network, fused=False)
    for parameter in network.parameters():
        parameter.grad = torch.zeros(1)
    optimizer.step()
    assert [parameter.item() for parameter in network.parameters()] == [0.5, 0.5, 1.0, 1.0]


def scalar(**settings) -> tuple[nn.Module, torch.optim.Optimizer]:
    network = nn.Module()
    network.register_parameter("a_weight", nn.Parameter(torch.tensor([1.0])))
    return network, optimizers.make(build(weight_decay=0.0, learning_rate=0.5, **settings), network, fused=False)


def after(gradients: list[float], **settings) -> float:
    """The parameter, 1 at first, after a step with each gradient."""
    network, optimizer = scalar(**settings)
    for gradient in gradients:
        network.a_weight.grad = torch.tensor([gradient])
        optimizer.step()
    return network.a_weight.item()


def test_steps_are_those_of_the_formulas():
    """Two steps with gradients 1 and 2 at a rate of 0.5, by hand."""
    assert after([1.0, 2.0], optimizer="sgd", momentum=0.0) == pytest.approx(1 - 0.5 - 1)
    assert after([1.0, 2.0], optimizer="sgd", momentum=0.5) == pytest.approx(1 - 0.5 - 0.5 * 2.5)
    assert after([1.0, 2.0], optimizer="nag", momentum=0.5) == pytest.approx(1 - 0.5 * 1.5 - 0.5 * (2 + 0.5 * 2.5))
    assert after([1.0, 2.0], optimizer="nag", momentum=0.0) == pytest.approx(1 - 0.5 - 1)
    mean, square = (0.5 * 0.5 + 0.5 * 2) / 0.75, (0.75 * 0.25 + 0.25 * 4) / (1 - 0.75**2)
    expected = 1 - 0.5 / (1 + 0.25) - 0.5 * mean / (square**0.5 + 0.25)
    assert after([1.0, 2.0], optimizer="adam", beta_1=0.5, beta_2=0.75, eps=0.25) == pytest.approx(expected)
    first, second = 0.5, 0.5 * 0.5 + 0.5 * 4
    expected = 1 - 0.5 / (first**0.5 + 0.25) - 0.5 * 2 / (second**0.5 + 0.25)
    assert after([1.0, 2.0], optimizer="rmsprop", gamma=0.5, eps=0.25) == pytest.approx(expected)


def test_a_rate_that_is_set_holds_for_all_parameters():
    network = nn.Module()
    for name in ("a_weight", "a_bias"):
        network.register_parameter(name, nn.Parameter(torch.ones(1)))
    optimizer = optimizers.make(build(momentum=0.0, weight_decay=0.0), network, fused=False)
    optimizers.set_rate(optimizer, 0.25)
    for parameter in network.parameters():
        parameter.grad = torch.ones(1)
    optimizer.step()
    assert [parameter.item() for parameter in network.parameters()] == [0.75, 0.75]


@pytest.mark.parametrize("optimizer", ["sgd", "nag", "adam", "rmsprop"])
def test_a_state_that_is_restored_goes_on_alike(optimizer):
    """Parameters of several shapes, two of them in the group without decay. States are rows of numbers by name."""

    def network():
        made = nn.Module()
        for name, shape in (("b_bias", (3,)), ("a_weight", (2, 3, 1, 2)), ("a_gamma", (4,)), ("a_beta", (1,))):
            made.register_parameter(name, nn.Parameter(torch.ones(shape)))
        return made

    def step(made, optimizing, rng):
        for parameter in made.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=rng)
        optimizing.step()

    settings, rng = build(optimizer=optimizer, learning_rate=0.1, weight_decay=0.01), torch.Generator().manual_seed(0)
    one, other = network(), network()
    first, second = (optimizers.make(settings, made, fused=False) for made in (one, other))
    step(one, first, rng)
    other.load_state_dict(one.state_dict())
    saved = {name: array.clone() for name, array in optimizers.arrays(first).items()}
    assert {array.ndim for array in saved.values()} == {1} and {name.split("/")[0] for name in saved} == set("0123")
    optimizers.restore(second, saved)
    for made, optimizing in ((one, first), (other, second)):
        step(made, optimizing, torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("optimizer", ["sgd", "nag", "adam", "rmsprop"])
def test_steps_are_those_of_torchs_own_optimizers(optimizer, fused):
    made = [nn.Module(), nn.Module()]
    for network in made:
        network.register_parameter("a_weight", nn.Parameter(torch.linspace(-1, 1, 7)))
    ours = optimizers.make(build(optimizer=optimizer, learning_rate=0.1, weight_decay=0.01), made[0], fused=fused)
    groups = [group | {"params": [made[1].a_weight] * len(group["params"])} for group in ours.param_groups]
    theirs = getattr(torch.optim, type(ours).__name__)(groups)
    rng = torch.Generator().manual_seed(0)
    for _ in range(3):
        gradient = torch.randn(7, generator=rng)
        for network, optimizing in zip(made, (ours, theirs), strict=True):
            optimizing.zero_grad()
            network.a_weight.grad = gradient.clone()
            optimizing.step()
    assert torch.equal(made[0].a_weight, made[1].a_weight) and made[0].a_weight.requires_grad


USES_ALL = """
import sys, torch
from wildsage.algorithms.image_classification import optimizers
from wildsage.algorithms.image_classification.hyperparameters import ImageHyperparameters
for name in ("sgd", "nag", "adam", "rmsprop"):
    network = torch.nn.Linear(2, 2)
    optimizer = optimizers.make(ImageHyperparameters(num_classes=2, num_training_samples=32, optimizer=name), network, fused=True)
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizers.restore(optimizer, optimizers.arrays(optimizer))
sys.exit("torch._dynamo" in sys.modules)
"""


def test_no_compiler_is_imported(containers_python):
    assert subprocess.run(containers_python.command(USES_ALL), check=False).returncode == 0
