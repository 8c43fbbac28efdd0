"""When a matrix keeps its values and when no more than their bins."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.xgboost.data import matrix  # noqa: E402
from wildsage.algorithms.xgboost.data.matrix import MatrixSettings, build  # noqa: E402
from wildsage.algorithms.xgboost.data.table import Table  # noqa: E402

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
LABELS = np.arange(20, dtype=np.float32)


def tables(kind=np.asarray) -> list[Table]:
    return [Table(kind(X[part]), LABELS[part], LABELS[part] + 1) for part in np.array_split(np.arange(20), 3)]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Sixty values are few."""
    assert matrix.FEW_VALUES == 1 << 24
    monkeypatch.setattr(matrix, "FEW_VALUES", 60)


@pytest.mark.parametrize(("few_values", "max_bin", "bins"), [(60, 4, False), (59, 4, True), (59, None, False)])
def test_more_values_than_few_become_bins_where_that_is_asked_for(monkeypatch, few_values, max_bin, bins):
    monkeypatch.setattr(matrix, "FEW_VALUES", few_values)
    given = tables()
    found = build(given, MatrixSettings(max_bin))
    assert isinstance(found, xgboost.QuantileDMatrix) == bins
    assert (found.num_row(), found.num_col()) == (20, 3)
    np.testing.assert_array_equal(found.get_label(), LABELS)
    assert bins or given == []  # the values are not held twice


def test_a_matrix_with_a_reference_does_as_that_one_does(monkeypatch):
    plain = build(tables(), MatrixSettings(4))
    monkeypatch.setattr(matrix, "FEW_VALUES", 0)
    binned = build(tables(), MatrixSettings(4))
    assert type(build(tables(), MatrixSettings(4), plain)) is xgboost.DMatrix
    monkeypatch.setattr(matrix, "FEW_VALUES", 1 << 20)
    assert isinstance(build(tables(), MatrixSettings(4), binned), xgboost.QuantileDMatrix)


@pytest.mark.skipif(not hasattr(xgboost.DMatrix, "get_quantile_cut"), reason="XGBoost 1.x does not show the bins")
@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
def test_columns_have_so_many_bins_at_most(monkeypatch, kind):
    monkeypatch.setattr(matrix, "FEW_VALUES", 0)
    for bins in (2, 4):
        cuts, _ = build(tables(kind), MatrixSettings(bins, 1)).get_quantile_cut()
        assert np.diff(cuts).max() <= bins + 1
    fine, _ = build(tables(kind), MatrixSettings(16)).get_quantile_cut()
    assert np.diff(fine).max() > 6
