"""What specs say of the algorithms that learn from rows or images, as the contract of the real service has it."""

import pytest

from wildsage.algorithms.factorization_machines.spec import METRICS
from wildsage.algorithms.factorization_machines.spec import SPEC as FACTORIZATION_MACHINES
from wildsage.algorithms.image_classification.spec import SPEC as IMAGE_CLASSIFICATION
from wildsage.algorithms.kmeans.spec import SPEC as KMEANS
from wildsage.algorithms.knn.spec import SPEC as KNN
from wildsage.algorithms.pca.spec import SPEC as PCA
from wildsage.algorithms.xgboost.spec import SPEC as XGBOOST


@pytest.mark.parametrize(
    ("spec", "columns"), [(KMEANS, 0), (PCA, 0), (KNN, 1), (FACTORIZATION_MACHINES, 1), (IMAGE_CLASSIFICATION, 1)]
)
def test_rows_of_a_table_begin_with_a_label_only_where_one_is_learned(spec, columns):
    assert spec.label_size == columns


@pytest.mark.parametrize(
    ("spec", "tunable", "logged"),
    [
        (KMEANS, ["msd", "ssd"], []),
        (PCA, [], ["reconstruction_msd"]),
        (KNN, ["accuracy", "mse"], ["macro_f_1.000"]),
        (
            FACTORIZATION_MACHINES,
            ["binary_classification_accuracy", "binary_classification_cross_entropy", "binary_f_1.000", "rmse"],
            ["mse", "absolute_loss"],
        ),
    ],
)
def test_jobs_can_be_tuned_on_the_metrics_that_the_service_defines(spec, tunable, logged):
    assert [metric.name for metric in spec.metrics if metric.defined] == tunable
    assert [metric.name for metric in spec.metrics if not metric.defined] == logged


def test_channels_that_a_job_needs():
    for spec in (KMEANS, PCA, KNN, FACTORIZATION_MACHINES):
        assert {channel.name: channel.required for channel in spec.channels if channel.name != "model"} == {
            "train": True, "test": False,
        }  # fmt: skip
    assert [channel.name for channel in IMAGE_CLASSIFICATION.channels if channel.required] == ["train"]
    assert [channel.name for channel in KNN.channels] == ["train", "test"]
    assert {channel.name: channel.required for channel in XGBOOST.channels} == {
        "train": True, "validation": False, "code": False,
    }  # fmt: skip


def test_a_program_trains_xgboost():
    assert XGBOOST.program and not KMEANS.program


def test_each_kind_of_factorization_machine_has_three_metrics():
    assert {kind: len(metrics) for kind, metrics in METRICS.items()} == {"regressor": 3, "binary_classifier": 3}
