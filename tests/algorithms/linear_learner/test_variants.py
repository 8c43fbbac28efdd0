"""The settings of the 32 models."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.linear_learner.variants import GivenSettings, Variant, choose, columns, grid

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


RATES = {"adam": [0.005, 0.1, 0.02, 0.05], "rmsprop": [0.005, 0.05, 0.001, 0.02], "sgd": [0.05, 0.5, 0.01, 0.2]}


@pytest.mark.parametrize("optimizer", RATES)
def test_the_grid_is_the_product_of_the_settings_that_matter_most(optimizer):
    """The values that a wider search found, those that the recorded jobs had among them."""
    plain = grid(GivenSettings(), optimizer, [1.0], False)
    expected = [
        Variant(rate, decay, 0.0, step, 0.99, 1e-5)
        for decay in (0.0, 0.0001, 0.01, 1.0)
        for rate in RATES[optimizer]
        for step in (10, 100)
    ]
    assert plain == expected
    mixed = grid(GivenSettings(), optimizer, [1.0], True)
    assert mixed[:16] == [each for each in expected if each.learning_rate in RATES[optimizer][:2]]
    assert mixed[16:] == [
        Variant(rate, decay, 0.0, step, 0.99, 1e-5, decorrelated=True)
        for decay in (0.0, 0.0001)
        for rate in RATES[optimizer][:2]
        for step in (10, 100, 3, 30)
    ]


def test_a_second_positive_weight_takes_the_place_of_half_of_the_weight_decays():
    variants = grid(GivenSettings(), "adam", [1.0, 9.0], False)
    assert {(each.positive_weight, each.wd) for each in variants} == {(1, 0), (1, 0.0001), (9, 0), (9, 0.0001)}
    assert [each.positive_weight for each in variants] == [1] * 16 + [9] * 16


def test_values_that_are_given_have_neighbours():
    variants = grid(GIVEN, "adam", [1.0], False)
    assert sorted({each.learning_rate for each in variants}) == pytest.approx([0.004, 0.01, 0.02, 0.04])
    assert sorted({each.wd for each in variants}) == pytest.approx([0, 0.0001, 0.001, 0.01])
    assert sorted({each.lr_scheduler_step for each in variants}) == [2, 20]
    mixed = grid(GIVEN, "adam", [1.0], True)
    assert sorted({each.lr_scheduler_step for each in mixed[16:]}) == [1, 2, 6, 20]


def test_few_are_evenly_spread():
    variants = grid(GivenSettings(), "adam", [1.0], False)
    rng = torch.Generator()
    assert choose(variants, 1, rng) == variants[:1]
    assert choose(variants, 3, rng) == [variants[0], variants[10], variants[21]]
    assert choose(variants, 32, rng) == variants
    assert choose(variants, 33, rng)[:32] == variants


def test_what_is_drawn_is_even_by_logarithm_and_keeps_the_rest():
    variants = grid(GIVEN, "adam", [1.0], False)
    drawn = choose(variants, 2032, torch.Generator().manual_seed(0))[32:]
    for name, low, high in (("learning_rate", 0.001, 0.5), ("wd", 1e-7, 1.0)):
        shares = (columns(drawn, name).log() - torch.tensor(low).log()) / torch.tensor(high / low).log()
        assert float(shares.mean()) == pytest.approx(0.5, abs=0.03)
        assert float(shares.var()) == pytest.approx(1 / 12, abs=0.01)
        assert float(shares.min()) >= -1e-6 and float(shares.max()) <= 1 + 1e-6
    for number, each in enumerate(drawn):
        assert (each.l1, each.lr_scheduler_step) == (variants[number % 32].l1, variants[number % 32].lr_scheduler_step)


def test_the_decorrelated_stay_last():
    drawn = choose(grid(GivenSettings(), "adam", [1.0], True), 40, torch.Generator())
    assert [each.decorrelated for each in drawn] == [False] * 24 + [True] * 16


def test_columns_and_lines_show_the_settings():
    two = [Variant(0.1, 0.2, 0.3, 4, 0.5, 0.6), Variant(1, 2, 3, 4, 5, 6, 7.0, True)]
    assert columns(two, "wd").tolist() == pytest.approx([0.2, 2]) and columns(two, "wd").dtype == torch.float32
    assert columns(two, "positive_weight").tolist() == [1, 7] and columns(two, "decorrelated").tolist() == [0, 1]
    assert two[0].shown("adam") == {
        "optimizer": "adam", "learning_rate": 0.1, "wd": 0.2, "l1": 0.3, "lr_scheduler_step": 4, "lr_scheduler_factor": 0.5,
        "lr_scheduler_minimum_lr": 0.6,
    }  # fmt: skip
