"""Accuracies of an epoch."""

import pytest
import torch

from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.image_classification import metrics


def test_accuracies_count_right_answers():
    accuracies = metrics.Accuracies(top_k=2)
    accuracies.add(
        torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]]), torch.tensor([[0.0], [1.0], [0.0]])
    )
    assert accuracies.shares() == {"accuracy": pytest.approx(1 / 3), "top_k_accuracy_2": pytest.approx(2 / 3)}
    several = metrics.Accuracies(multi_label=True)
    several.add(torch.tensor([[1.0, -1.0], [1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, 1.0]]))
    assert several.shares() == {"accuracy": 0.75}


def test_counts_go_on_over_batches_and_hosts():
    class TwoHosts(RunContext):
        def sum(self, tensor):
            return tensor + torch.tensor([6.0, 6.0, 6.0], dtype=tensor.dtype)  # of six images all right

    accuracies = metrics.Accuracies(top_k=5)
    for label in (0.0, 1.0):
        accuracies.add(torch.tensor([[1.0, 0.0]]), torch.tensor([[label]]))
    assert accuracies.images == 2
    assert accuracies.shares() == {"accuracy": 0.5, "top_k_accuracy_5": 1}  # of two classes the five best are both
    accuracies.total(TwoHosts())
    assert accuracies.images == 8 and accuracies.shares() == {"accuracy": 7 / 8, "top_k_accuracy_5": 1}


def test_only_single_labels_have_a_place_among_the_best():
    assert list(metrics.Accuracies(2, multi_label=True).hits) == list(metrics.Accuracies().hits) == ["accuracy"]


def test_a_score_of_zero_is_a_no():
    several = metrics.Accuracies(multi_label=True)
    several.add(torch.tensor([[0.0, 0.0], [-0.1, 0.1]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]]))
    assert several.shares() == {"accuracy": 0.75}
