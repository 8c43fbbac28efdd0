"""The rows by which the conformance suite judges factorization machines."""

import torch

from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines
from wildsage.algorithms.factorization_machines.conformance import CASE
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel

TRAINING = FactorizationMachines(
    feature_dim=10, num_factors=2, predictor_type="binary_classifier"
).training_parameters()


def test_every_row_is_a_person_and_a_thing_that_one_likes_of_ones_own_kind():
    rows = CASE.rows()
    x = rows.dense()
    person, thing = x[:, :5].argmax(1), x[:, 5:].argmax(1)
    assert x.shape == (600, 10) and (x.sum(1) == 2).all() and (x.amax(1) == 1).all()
    assert person.tolist() == [number for number in range(5) for _ in range(120)]
    assert len({*zip(person.tolist(), thing.tolist(), strict=True)}) == 25
    assert torch.equal(rows.labels_nl[:, 0], (person % 2 == thing % 2).float())


def test_factors_for_even_and_odd_reach_the_floor_and_no_linear_model_does():
    kind = (torch.tensor([*range(5), *range(5)]) % 2 * 2 - 1).float()
    factors = torch.stack([kind * 3, torch.zeros(10)], 1)
    right = FactorizationMachinesModel(torch.zeros(1), torch.zeros(10, 1), factors, TRAINING)
    assert CASE.quality(right, CASE.rows()) == 1
    linear = FactorizationMachinesModel(torch.zeros(1), kind[:, None], torch.zeros(10, 2), TRAINING)
    assert CASE.quality(linear, CASE.rows()) < 0.7 < CASE.floor <= 1
