"""The five classes: their hyperparameters are those of SDK v2; the image of each, and the size of a mini-batch that nobody sets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from wildsage import KNN, PCA, FactorizationMachines, KMeans, LinearLearner, RecordSet
from wildsage.local_runner.estimators.hyperparameters import declared, formatted

CLASSES = (KMeans, PCA, KNN, FactorizationMachines, LinearLearner)


@pytest.fixture(scope="module")
def sdk2() -> dict[str, dict[str, list[tuple[object, dict[str, str] | None]]]]:
    """Class → attribute → values, and what SDK v2 sends for each; None where it rejects the value."""
    return json.loads(Path(os.environ["HYPERPARAMETERS_OF_SDK2"]).read_text())


def accepted(kind, attribute, value):
    estimator = object.__new__(kind)
    try:
        setattr(estimator, attribute, value)
    except ValueError:
        return None
    return formatted(estimator)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_hyperparameters_are_those_of_sdk_v2(kind, sdk2):
    expected = sdk2[kind.__name__]
    assert {one.attribute for one in declared(kind)} == set(expected)
    for attribute, values in expected.items():
        for value, sent in values:
            assert (attribute, value, accepted(kind, attribute, value)) == (attribute, value, sent)


@pytest.fixture
def session() -> SimpleNamespace:
    """What a class asks of a session before it trains, without AWS."""
    region = {"boto_region_name": "us-east-1"}
    return SimpleNamespace(expand_role=lambda role: role, default_bucket=lambda: "bucket", **region)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (KMeans, "kmeans"),
        (PCA, "pca"),
        (KNN, "knn"),
        (FactorizationMachines, "factorization-machines"),
        (LinearLearner, "linear-learner"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_image_is_amazons_of_the_session_s_region(kind, name, session):
    estimator = kind("WildsageRole", 1, "ml.m5.large", sagemaker_session=session)
    assert estimator.training_image_uri() == f"382416733822.dkr.ecr.us-east-1.amazonaws.com/{name}:1"
    assert estimator.base_job_name == name
    assert estimator.hyperparameters() == ({"force_dense": "True"} if kind is KMeans else {})


@pytest.mark.parametrize(("kind", "most"), [(PCA, 500), (LinearLearner, 1000)])
def test_a_mini_batch_holds_at_most_what_an_instance_has(kind, most, session):
    def rows(records: int, instances: int) -> int:
        estimator = kind("WildsageRole", instances, "ml.m5.large", sagemaker_session=session)
        return estimator.mini_batch_size_of(RecordSet("s3://bucket/rows", records, 3))

    assert [rows(0, 1), rows(1, 2), rows(5, 1), rows(7, 2)] == [1, 1, 5, 3]
    assert [rows(most - 1, 1), rows(most, 1), rows(most + 1, 1), rows(2 * most, 2)] == [most - 1, most, most, most]


def test_the_others_leave_the_mini_batch_to_the_algorithm(session):
    for kind in (KMeans, KNN, FactorizationMachines):
        estimator = kind("WildsageRole", 1, "ml.m5.large", sagemaker_session=session)
        assert estimator.mini_batch_size_of(RecordSet("s3://bucket/rows", 7, 3)) is None


def test_a_multiclass_classifier_has_three_classes(session):
    def make(**settings):
        return LinearLearner("WildsageRole", 1, "ml.m5.large", sagemaker_session=session, **settings)

    for classes in (None, 1, 2):
        with pytest.raises(ValueError) as caught:
            make(predictor_type="multiclass_classifier", num_classes=classes)
        assert str(caught.value) == (
            f"Hyperparameter num_classes: got {classes}, expected int ≥ 3 for predictor_type multiclass_classifier."
        )
    assert make(predictor_type="multiclass_classifier", num_classes=3).num_classes == 3
    assert make(predictor_type="binary_classifier").num_classes is None
    assert make(predictor_type="regressor", num_classes=2).num_classes == 2


def test_pca_takes_as_few_extra_components_as_its_algorithm_does():
    assert accepted(PCA, "extra_components", -1) == {"extra_components": "-1"}
    assert accepted(PCA, "extra_components", -2) is None
