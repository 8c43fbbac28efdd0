"""Means and deviations, and weights folded back for rows as they are."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.base.batch import Batch, SparseRows
from wildsage.algorithms.linear_learner.scaler import Scaler

RNG = torch.Generator().manual_seed(7)
ROWS = torch.randn(500, 3, generator=RNG) * torch.tensor([2.0, 300.0, 0.0]) + torch.tensor([5.0, -70.0, 4.0])
LABELS = torch.randn(500, generator=RNG) * 9 + 100
ALL = {"normalize": True, "unbias": True, "normalize_label": True, "unbias_label": True}


def scaler(rows=ROWS, total=lambda x: x, **how) -> Scaler:
    return Scaler.from_rows(Batch(rows), LABELS, total, **{**ALL, **how})


def test_columns_and_labels_are_standardised_and_a_constant_column_keeps_its_size():
    found = scaler()
    z_nd = found.features(ROWS.clone())
    assert z_nd.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert z_nd.std(0, correction=0).tolist() == pytest.approx([1, 1, 0], abs=1e-5)
    assert float(found.labels(LABELS).mean()) == pytest.approx(0, abs=1e-5)
    assert float(found.labels(LABELS).std(correction=0)) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(("mean", "deviation"), [(1e5, 1.0), (0.0, 1e30), (0.0, 1e-20)])
def test_the_deviation_of_labels_is_exact_far_from_zero_and_for_any_size(mean, deviation):
    labels_n = torch.randn(500, generator=torch.Generator().manual_seed(1)) * deviation + mean
    found = Scaler.from_rows(Batch(ROWS), labels_n, lambda x: x, **ALL)
    assert found.label_deviation == pytest.approx(float(labels_n.double().std(correction=0)), rel=1e-4)


def test_sparse_rows_give_the_same_numbers():
    dense, sparse = scaler(), Scaler.from_rows(Batch(SparseRows.from_dense(ROWS)), LABELS, lambda x: x, **ALL)
    assert torch.allclose(dense.mean_d, sparse.mean_d) and torch.allclose(dense.deviation_d, sparse.deviation_d)


def test_sums_of_hosts_are_added_up():
    halves = [
        Scaler.from_rows(Batch(part), LABELS, lambda x: x * 2, **ALL) for part in (ROWS, torch.cat([ROWS, ROWS])[:500])
    ]
    assert torch.allclose(halves[0].deviation_d, halves[1].deviation_d)


@pytest.mark.parametrize("off", ["normalize", "unbias", "normalize_label", "unbias_label"])
def test_what_is_switched_off_changes_nothing(off):
    found = scaler(**{off: False})
    neutral = {
        "normalize": found.deviation_d.tolist() == [1, 1, 1],
        "unbias": found.mean_d.tolist() == [0, 0, 0],
        "normalize_label": found.label_deviation == 1,
        "unbias_label": found.label_mean == 0,
    }
    assert [name for name, is_neutral in neutral.items() if is_neutral] == [off]


def test_folded_weights_take_rows_as_they_are_and_unfold_again():
    found = scaler()
    weights_do, bias_o = torch.randn(3, 2, generator=RNG), torch.randn(2, generator=RNG)
    raw_do, raw_o = found.folded(weights_do, bias_o)
    scaled = found.features(ROWS.clone()) @ weights_do + bias_o
    assert torch.allclose(
        ROWS @ raw_do + raw_o, scaled * found.label_deviation + found.label_mean, rtol=1e-4, atol=1e-3
    )
    back_do, back_o = found.unfolded(raw_do, raw_o)
    assert torch.allclose(back_do, weights_do, atol=1e-4) and torch.allclose(back_o, bias_o, atol=1e-3)


def test_without_rows_nothing_is_shifted_or_divided():
    none = Scaler.from_rows(Batch(torch.empty(0, 3)), torch.empty(0), lambda x: x, **ALL)
    assert none.mean_d.tolist() == [0, 0, 0] and none.deviation_d.tolist() == [1, 1, 1]
    assert (none.label_mean, none.label_deviation) == (0, 1)


def test_columns_and_labels_of_one_value_keep_their_size_however_large_it_is():
    for value in (0.0, 1.0, 1e8, -3e-9):
        found = Scaler.from_rows(Batch(torch.full((1000, 1), value)), torch.full((1000,), value), lambda x: x, **ALL)
        assert found.deviation_d.tolist() == [1] and found.label_deviation == 1
        assert found.mean_d.tolist() == pytest.approx([value]) and found.label_mean == pytest.approx(value, rel=1e-6)


def test_sparse_rows_are_divided_where_nothing_is_shifted():
    found = scaler(unbias=False)
    assert not found.shifts and scaler().shifts
    sparse = found.sparse_features(SparseRows.from_dense(ROWS.double()))
    assert sparse.values_z.dtype == torch.float32 and sparse.width == 3
    assert torch.allclose(sparse.dense(), found.features(ROWS.clone()))


def test_a_state_has_the_scaler_to_the_bit():
    found = scaler()
    for again in (Scaler.from_arrays(found.arrays(), torch.device("cpu")), found.to("cpu")):
        assert torch.equal(again.mean_d, found.mean_d) and torch.equal(again.deviation_d, found.deviation_d)
        assert (again.label_mean, again.label_deviation) == (found.label_mean, found.label_deviation)
