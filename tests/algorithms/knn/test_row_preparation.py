"""Rows as the index gets them, and the settings from which a model prepares them again."""

import warnings

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.knn.reduction import Reduction
from wildsage.algorithms.knn.row_preparation import RowPreparation

X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def test_rows_stay_as_they_are_or_get_zeros_behind_them():
    assert RowPreparation(3, 3, normalize=False).apply(X).equal(X)
    padded = RowPreparation(3, 5, normalize=False).apply(X)
    assert padded[:, :3].equal(X) and not padded[:, 3:].any() and padded.shape == (5, 5)


def test_columns_out_of_order_in_memory_are_put_into_order():
    turned = X.T.contiguous().T
    assert RowPreparation(3, 3, normalize=False).apply(turned).is_contiguous()


def test_normalised_rows_have_length_one_and_their_direction():
    expected = X.numpy() / np.linalg.norm(X.numpy(), axis=1, keepdims=True)
    assert np.allclose(RowPreparation(3, 4, normalize=True).apply(X)[:, :3], expected, atol=1e-6)


def test_rows_are_reduced_before_they_are_normalised():
    reduction = Reduction("sign", 1, 3, 2)
    expected = torch.nn.functional.normalize(reduction.apply(X))
    assert torch.allclose(RowPreparation(3, 2, True, reduction).apply(X), expected)


@pytest.mark.parametrize("normalize", [False, True])
def test_a_row_whose_square_is_too_long_is_named_without_a_warning(normalize):
    x_nd = torch.zeros(4, 2) + 1
    x_nd[2, 1] = 3.2e18  # 1.02e37
    preparation = RowPreparation(2, 2, normalize)
    with pytest.raises(BadRecord, match="its squared length is beyond float32") as caught:
        preparation.apply(x_nd)
    assert caught.value.row == 3
    x_nd[2, 1] = 3.1e18  # 0.96e37
    assert preparation.apply(x_nd).isfinite().all()
    x_nd[0, 0] = 1e30  # its square is infinite in float32
    with warnings.catch_warnings(), pytest.raises(BadRecord) as caught:
        warnings.simplefilter("error")
        preparation.apply(x_nd)
    assert caught.value.row == 1


def test_only_where_directions_are_compared_a_row_of_zeros_is_rejected():
    zeros = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert RowPreparation(2, 2, normalize=False).apply(zeros).equal(zeros)
    with pytest.raises(BadRecord, match="it is all zeros, and index_metric COSINE compares directions") as caught:
        RowPreparation(2, 2, normalize=True).apply(zeros)
    assert caught.value.row == 2


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("reduction", [None, Reduction("fjlt", 7, 3, 2)])
def test_settings_give_the_same_preparation_again(normalize, reduction):
    one = RowPreparation(3, 4, normalize, reduction)
    assert RowPreparation.from_settings(one.settings(), 4) == one


def test_without_settings_rows_are_as_wide_as_the_index_and_stay_as_they_are():
    assert RowPreparation.from_settings({}, 6) == RowPreparation(6, 6, normalize=False)


def test_settings_that_do_not_fit_the_index_are_rejected():
    reduced = RowPreparation(9, 4, False, Reduction("sign", 1, 9, 4)).settings()
    assert RowPreparation.from_settings(reduced, 4).reduction is not None
    with pytest.raises(UserError, match="The index has 3 columns, expected 4 at least"):
        RowPreparation.from_settings(reduced, 3)
    with pytest.raises(UserError, match="The index has 3 columns, expected 4 at least"):
        RowPreparation.from_settings({"feature_dim": 4}, 3)
    with pytest.raises(UserError, match="Dimension reduction: got type 'svd', expected sign or fjlt"):
        RowPreparation.from_settings({**reduced, "reduction_type": "svd"}, 4)
