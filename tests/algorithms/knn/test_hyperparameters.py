"""Settings of kNN that do not go together."""

import pytest

from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.knn.hyperparameters import KNNHyperparameters


def parse(**given: str):
    needed = {"k": "3", "predictor_type": "classifier", "sample_size": "100"}
    return hyperparameters.parse(KNNHyperparameters, needed | given, KNNHyperparameters.internal_settings())[0]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"dimension_reduction_type": "sign"},
            "dimension_reduction_target: got sign and None, expected both or neither",
        ),
        ({"dimension_reduction_target": "5"}, "dimension_reduction_target: got None and 5, expected both or neither"),
        (
            {"dimension_reduction_type": "fjlt", "dimension_reduction_target": "8", "feature_dim": "8"},
            "dimension_reduction_target: got 8, expected less than feature_dim = 8",
        ),
        ({"index_type": "faiss.IVFPQ"}, "faiss_index_pq_m: got None, expected one of 1, 2, 3, 4, 8"),
        (
            {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": "5"},
            "faiss_index_pq_m: got 5, expected one of 1, 2, 3, 4, 8",
        ),
        (
            {"index_type": "faiss.IVFPQ", "faiss_index_pq_m": "4", "index_metric": "COSINE"},
            "index_metric: got COSINE, expected L2 with faiss.IVFPQ",
        ),
        ({"index_metric": "cosine"}, "index_metric: got 'cosine', expected one of L2, INNER_PRODUCT, COSINE"),
        ({"index_type": "flat"}, "index_type: got 'flat', expected one of faiss.Flat, faiss.IVFFlat, faiss.IVFPQ"),
        ({"k": "0"}, "k: got '0', expected an integer ≥ 1"),
    ],
)
def test_settings_that_do_not_go_together(given, problem):
    with pytest.raises(UserError) as caught:
        parse(**given)
    assert problem in str(caught.value)


def test_settings_that_go_together():
    reduced = {"dimension_reduction_type": "fjlt", "dimension_reduction_target": "7"}
    assert parse(**reduced, feature_dim="8").dimension_reduction_target == 7
    assert parse(**reduced).feature_dim == "auto"
    assert parse(index_type="faiss.IVFPQ", faiss_index_pq_m="96").faiss_index_pq_m == 96
    assert parse(index_type="faiss.IVFFlat", faiss_index_pq_m="5", index_metric="COSINE").faiss_index_pq_m == 5


def test_all_problems_are_reported_at_once():
    with pytest.raises(UserError) as caught:
        parse(index_type="faiss.IVFPQ", index_metric="COSINE", dimension_reduction_type="sign")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "Hyperparameters dimension_reduction_type and dimension_reduction_target",
        "Hyperparameter index_metric",
        "Hyperparameter faiss_index_pq_m",
    ]
