"""The settings of the 32 models."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.linear_learner.variants import GivenSettings, Variant, choose, grid

GIVEN = GivenSettings(
    learning_rate=0.02, wd=0.001, l1=0.1, lr_scheduler_step=2, lr_scheduler_factor=0.5, lr_scheduler_minimum_lr=1e-3
)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("decorrelated", [False, True])
@pytest.mark.parametrize("positive_weights", [[1.0], [1.0, 9.0]])
@pytest.mark.parametrize("given", [GivenSettings(), GIVEN], ids=["auto", "given"])
def test_there_are_32_and_no_two_alike(optimizer, decorrelated, positive_weights, given):
    variants = grid(given, optimizer, positive_weights, decorrelated)
    assert len(variants) == len(set(variants)) == 32
    assert sum(variant.decorrelated for variant in variants) == 16 * decorrelated
    assert [variant.decorrelated for variant in variants] == sorted(variant.decorrelated for variant in variants)
    assert {variant.positive_weight for variant in variants} == set(positive_weights)


def test_the_first_is_the_recorded_jobs():
    assert grid(GivenSettings(), "adam", [1.0], False)[0] == Variant(0.005, 0.0, 0.0, 10, 0.99, 1e-5)


@pytest.mark.parametrize("decorrelated", [False, True])
def test_what_is_given_is_taken_as_it_is_by_the_first(decorrelated):
    variants = grid(GIVEN, "adam", [1.0], decorrelated)
    assert variants[0] == Variant(0.02, 0.001, 0.1, 2, 0.5, 1e-3)
    assert {(each.l1, each.lr_scheduler_factor, each.lr_scheduler_minimum_lr) for each in variants} == {
        (0.1, 0.5, 1e-3)
    }
    assert min(each.lr_scheduler_step for each in variants) >= 1


def test_fewer_are_spread_over_the_grid_and_more_are_drawn():
    variants = grid(GivenSettings(), "adam", [1.0], True)
    few = choose(variants, 4, torch.Generator())
    assert few[0] == variants[0] and sum(variant.decorrelated for variant in few) == 2
    many = [choose(variants, 100, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert many[0] == many[1] and len(set(many[0])) == 100 and set(variants) < set(many[0])
    drawn = set(many[0]) - set(variants)
    assert all(0.001 <= each.learning_rate <= 0.5 and 1e-7 <= each.wd <= 1 for each in drawn)
