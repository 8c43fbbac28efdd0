"""The loss of a batch beside its definition."""

import math

import pytest
import torch

from wildsage.algorithms.image_classification import loss


def test_losses_are_those_of_the_definition():
    scores_nk = torch.tensor([[2.0, -1.0], [0.5, 0.5]])
    softmax = loss.cross_entropy(scores_nk, torch.tensor([[0.0], [1.0]]), multi_label=False)
    assert float(softmax) == pytest.approx((math.log(1 + math.exp(-3)) + math.log(2)) / 2)
    labels_nk = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    each = torch.nn.functional.softplus(torch.where(labels_nk > 0, -scores_nk, scores_nk))
    assert float(loss.cross_entropy(scores_nk, labels_nk, multi_label=True)) == pytest.approx(float(each.sum(1).mean()))


def test_weights_balance_rare_classes():
    frequencies = loss.ClassFrequencies(torch.zeros(2))
    labels_nk = torch.tensor([[1.0, 0.0]] + [[0.0, 0.0]] * 7 + [[0.0, 1.0]] * 8)
    frequencies.add(labels_nk)
    weights_nk = frequencies.weights(labels_nk)
    assert weights_nk[0, 0] == pytest.approx(2 * 16 / 18) and weights_nk[1, 0] == pytest.approx(2 * 2 / 18)
    assert weights_nk[:, 1].tolist() == [1.0] * 16


def test_a_weight_multiplies_the_loss_of_its_class_of_its_image():
    scores_nk, labels_nk = torch.tensor([[2.0, -1.0], [0.5, 0.5]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    each = torch.nn.functional.softplus(torch.where(labels_nk > 0, -scores_nk, scores_nk))
    weights_nk = torch.tensor([[1.0, 3.0], [0.0, 2.0]])
    found = loss.cross_entropy(scores_nk, labels_nk, True, weights_nk)
    assert float(found) == pytest.approx(float((each * weights_nk).sum() / 2))


def test_frequencies_are_counted_over_batches_and_no_class_weighs_nothing():
    """Of no images half have a class; of two that have it three of four, as one with and one without it are added."""
    frequencies = loss.ClassFrequencies(torch.zeros(1))
    both = torch.tensor([[0.0], [1.0]])
    assert frequencies.weights(both)[:, 0].tolist() == [1, 1]
    for _ in range(2):
        frequencies.add(torch.ones(1, 1))
    assert frequencies.images == 2 and frequencies.weights(both)[:, 0].tolist() == [1.5, 0.5]
