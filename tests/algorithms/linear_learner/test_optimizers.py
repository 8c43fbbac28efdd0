"""One step of each optimiser against PyTorch's own, which has MXNet's rules for these settings."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.linear_learner.optimizers import SGD, Adam, RMSProp

RATE = 0.05


def trained(optimizer, slopes) -> torch.Tensor:
    slots = torch.zeros(optimizer.slots, 4, 1)
    slots[0] = 1.0
    for updates, slope in enumerate(slopes, start=1):
        optimizer.move(slots, slope[:, None].clone(), torch.tensor([RATE]), updates)
    return slots[0, :, 0]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Adam(0.9, 0.999), lambda p: torch.optim.Adam(p, RATE)),
        (Adam(0.5, 0.9), lambda p: torch.optim.Adam(p, RATE, betas=(0.5, 0.9))),
        (SGD(0.0), lambda p: torch.optim.SGD(p, RATE)),
        (SGD(0.9), lambda p: torch.optim.SGD(p, RATE, momentum=0.9)),
        (RMSProp(), lambda p: torch.optim.RMSprop(p, RATE, alpha=0.9, eps=0)),
    ],
)
def test_steps_are_those_of_pytorch(ours, theirs):
    slopes = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    parameter = torch.nn.Parameter(torch.ones(4))
    peer = theirs([parameter])
    for slope in slopes:
        parameter.grad = slope.clone()
        peer.step()
    assert torch.allclose(trained(ours, slopes), parameter.detach(), rtol=1e-5, atol=1e-6)


def test_each_output_moves_at_its_own_rate():
    slots = torch.zeros(2, 1, 2)
    SGD(0.0).move(slots, torch.ones(1, 2), torch.tensor([0.1, 0.3]), 1)
    assert slots[0, 0].tolist() == pytest.approx([-0.1, -0.3])


SMALL = torch.tensor([1e-4, -3e-5, 2e-4])
"""Slopes beside whose squares MXNet's small number counts."""


def test_adam_adds_its_small_number_to_the_root_without_correction():
    mean = variance = torch.zeros(3, dtype=torch.float64)
    weights = torch.ones(3, dtype=torch.float64)
    optimizer, slots = Adam(0.9, 0.999), torch.zeros(3, 3, 1)
    slots[0] = 1
    for updates in (1, 2, 3):
        mean, variance = 0.9 * mean + 0.1 * SMALL, 0.999 * variance + 0.001 * SMALL.double() ** 2
        rate = RATE * (1 - 0.999**updates) ** 0.5 / (1 - 0.9**updates)
        weights = weights - rate * mean / (variance.sqrt() + 1e-8)
        optimizer.move(slots, SMALL[:, None].clone(), torch.tensor([RATE]), updates)
    assert torch.allclose(slots[0, :, 0].double(), weights, rtol=1e-5)


def test_rmsprop_adds_its_small_number_below_the_root():
    square, weights = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    optimizer, slots = RMSProp(), torch.zeros(2, 3, 1)
    slots[0] = 1
    for updates in (1, 2, 3):
        square = 0.9 * square + 0.1 * SMALL.double() ** 2
        weights = weights - RATE * SMALL / (square + 1e-8).sqrt()
        optimizer.move(slots, SMALL[:, None].clone(), torch.tensor([RATE]), updates)
    assert torch.allclose(slots[0, :, 0].double(), weights, rtol=1e-5)
