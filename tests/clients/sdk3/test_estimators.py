"""The classes that SDK v3 lost, on SDK v3: trained, deployed, asked and deleted."""

from __future__ import annotations

import importlib
import inspect
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sagemaker.core.deserializers import JSONDeserializer
from sagemaker.core.resources import EndpointConfig, Model, TrainingJob
from sagemaker.core.serializers import CSVSerializer

from wildsage.local_runner import estimators
from wildsage.local_runner.estimators import KNN, PCA, FactorizationMachines, KMeans, LinearLearner, RecordSet

CLASSES = (KMeans, PCA, FactorizationMachines, KNN, LinearLearner)
SDK2 = json.loads(Path(__file__).with_name("sdk2_signatures.json").read_text())


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_constructors_take_what_those_of_sdk_v2_take(kind):
    assert list(inspect.signature(kind).parameters)[: len(SDK2[kind.__name__])] == SDK2[kind.__name__]


def test_kmeans_from_arrays_to_clusters(session, blobs_n3):
    kmeans = KMeans("WildsageRole", 2, "ml.c4.xlarge", 3, max_iterations=50, tags=[{"Key": "team", "Value": "a"}])
    kmeans.fit(kmeans.record_set(blobs_n3), mini_batch_size=50, logs=False)
    assert kmeans.latest_training_job.training_job_status == "Completed"
    assert kmeans.hyperparameters() == {
        "k": "3",
        "local_lloyd_max_iter": "50",
        "feature_dim": "3",
        "mini_batch_size": "50",
        "force_dense": "True",
    }
    described = TrainingJob.get(kmeans.latest_training_job.training_job_name)
    assert described.hyper_parameters == kmeans.hyperparameters()
    assert described.resource_config.instance_count == 2
    assert kmeans.model_data.endswith("/output/model.tar.gz")

    predictor = kmeans.deploy(1, "ml.m4.xlarge")
    records = predictor.predict(blobs_n3)
    clusters = [record.label["closest_cluster"].float32_tensor.values[0] for record in records]
    assert [len(set(clusters[start : start + 100])) for start in (0, 100, 200)] == [1, 1, 1]
    assert len(set(clusters)) == 3
    assert len(predictor.predict(blobs_n3[0])) == 1
    as_json = estimators.Predictor(predictor.endpoint_name, session, CSVSerializer(), JSONDeserializer())
    assert as_json.predict("0,0,0")["predictions"][0]["closest_cluster"] == clusters[0]

    model = EndpointConfig.get(predictor.endpoint_name).production_variants[0].model_name
    predictor.delete_model()
    predictor.delete_endpoint()
    with pytest.raises(Exception, match="Could not find model"):
        Model.get(model)


def test_pca_and_batch_transform(session, blobs_n3, csv):
    pca = PCA(
        role="WildsageRole",
        instance_count=1,
        instance_type="ml.c4.xlarge",
        num_components=1,
        subtract_mean=True,
        sagemaker_session=session,
    )
    pca.fit(pca.record_set(blobs_n3), logs=False)
    assert pca.hyperparameters()["mini_batch_size"] == "300"  # PCA needs one: the rows, 500 at most
    transformer = pca.transformer(1, "ml.m4.xlarge", accept="application/jsonlines", assemble_with="Line")
    transformer.transform(csv, content_type="text/csv", split_type="Line", logs=False)
    bucket, _, prefix = transformer.output_path.removeprefix("s3://").partition("/")
    body = session.boto_session.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/rows.csv.out".lstrip("/"))["Body"]
    projections = [json.loads(line)["projection"] for line in body.read().splitlines()]
    center, spread = np.mean(projections[100:200]), np.ptp([np.mean(projections[s : s + 100]) for s in (0, 200)])
    assert abs(center) < 1
    assert spread == pytest.approx(20 * 3**0.5, rel=0.05)  # the centers lie on (c, c, c), c = 0, 10, 20


def test_several_channels_and_no_training_channel(blobs_n3):
    kmeans = KMeans("WildsageRole", 1, "ml.c4.xlarge", 3)
    test = kmeans.record_set(blobs_n3, channel="test", distribution="FullyReplicated")
    kmeans.fit([kmeans.record_set(blobs_n3), test], logs=False)
    assert [channel.channel_name for channel in kmeans.latest_training_job.input_data_config] == ["train", "test"]
    with pytest.raises(ValueError, match="Must provide train channel"):
        kmeans.fit([test])


def test_a_failed_job_says_why(blobs_n3):
    kmeans = KMeans("WildsageRole", 1, "ml.c4.xlarge", 3)
    missing = RecordSet("s3://nowhere-at-all/x.manifest", num_records=3, feature_dim=3)
    with pytest.raises(Exception, match="nowhere-at-all"):
        kmeans.fit(missing, logs=False)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (KMeans, {"k": 1}, "Hyperparameter k: got 1, expected int ≥ 2"),
        (KMeans, {"init_method": "best"}, "init_method: got 'best', expected one of random, kmeans\\+\\+"),
        (KMeans, {"tol": 2}, "tol: got 2, expected float ≥ 0 ≤ 1"),
        (PCA, {"num_components": "two"}, "num_components: got 'two', expected int"),
        (LinearLearner, {"quantile": 1}, "quantile: got 1, expected float > 0 < 1"),
        (LinearLearner, {"momentum": 1}, "momentum: got 1, expected float ≥ 0 < 1"),
        (LinearLearner, {"wd": -1}, "wd: got -1, expected float ≥ 0"),
        (LinearLearner, {"predictor_type": "multiclass_classifier", "num_classes": 2}, "num_classes: got 2, expected int ≥ 3"),
    ],
)  # fmt: skip
def test_a_wrong_hyperparameter_is_reported_at_once(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind("WildsageRole", 1, "ml.c4.xlarge", **settings)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        kind("WildsageRole", 1, "ml.c4.xlarge", colour="red")


def test_records_are_read_and_written_without_torch():
    buffer = io.BytesIO()
    estimators.write_numpy_to_dense_tensor(buffer, np.eye(2, dtype=np.float32), np.array([1.0, 0.0]))
    buffer.seek(0)
    first, _ = estimators.read_records(buffer)
    assert first.features["values"].float32_tensor.values == [1.0, 0.0]
    assert first.label["values"].float64_tensor.values == [1.0]
    assert "torch" not in sys.modules


def test_every_name_of_the_migration_page_can_be_imported():
    page = (Path(__file__).parents[3] / "docs" / "how_to" / "migrating_to_sdk_v3.md").read_text()
    imports = re.findall(r"`from (sagemaker\.(?:core|train)[\w.]*|wildsage) import ([\w, ]+)`", page)
    assert len(imports) > 10
    for module, names in imports:
        for name in names.split(", "):
            found = importlib.import_module(module)
            assert hasattr(found, name) or importlib.import_module(f"{module}.{name}")


def test_factorization_machines_learn_from_sparse_rows(session):
    rng = np.random.default_rng(0)
    rows_nd = np.eye(8, dtype=np.float32)[rng.integers(8, size=400)]
    labels_n = (rows_nd @ np.repeat([0.0, 1.0], 4)).astype(np.float32)
    machines = FactorizationMachines(
        "WildsageRole", 1, "ml.c4.xlarge", num_factors=2, predictor_type="binary_classifier", epochs=50, linear_lr=0.1
    )
    machines.fit(machines.record_set(rows_nd, labels_n), mini_batch_size=100, logs=False)
    predictor = machines.deploy(1, "ml.m4.xlarge")
    found = [
        record.label["predicted_label"].float32_tensor.values[0] for record in predictor.predict(np.eye(8, dtype="f4"))
    ]
    predictor.delete_endpoint()
    assert found == [0, 0, 0, 0, 1, 1, 1, 1]


def test_nearest_neighbours_vote(session, blobs_n3):
    labels_n = np.repeat([0.0, 1.0, 2.0], 100).astype(np.float32)
    neighbours = KNN("WildsageRole", 1, "ml.c4.xlarge", k=5, sample_size=300, predictor_type="classifier")
    neighbours.fit(neighbours.record_set(blobs_n3, labels_n), logs=False)
    predictor = neighbours.deploy(1, "ml.m4.xlarge", serializer=CSVSerializer(), deserializer=JSONDeserializer())
    found = [answer["predicted_label"] for answer in predictor.predict("0,0,0\n10,10,10\n20,20,20")["predictions"]]
    predictor.delete_endpoint()
    assert found == [0, 1, 2]


def test_linear_learner_chooses_its_model_by_the_validation_channel(session):
    rng = np.random.default_rng(0)
    rows_nd = rng.normal(size=(600, 3)).astype(np.float32)
    labels_n = (rows_nd[:, 0] > 2 * rows_nd[:, 1]).astype(np.float32)
    learner = LinearLearner("WildsageRole", 1, "ml.m5.large", predictor_type="binary_classifier", use_bias=True)
    parts = {"train": slice(400), "validation": slice(400, 500)}
    learner.fit([learner.record_set(rows_nd[part], labels_n[part], name) for name, part in parts.items()], logs=False)
    assert learner.hyperparameters()["mini_batch_size"] == "400"
    metrics = TrainingJob.get(learner.latest_training_job.training_job_name).final_metric_data_list
    assert {metric.metric_name for metric in metrics} >= {"validation:binary_classification_accuracy"}
    predictor = learner.deploy(1, "ml.m5.large")
    answers = [record.label for record in predictor.predict(rows_nd[500:])]
    predictor.delete_endpoint()
    scores_n, found_n = (
        np.array([answer[name].float32_tensor.values[0] for answer in answers]) for name in ("score", "predicted_label")
    )
    assert 0 <= scores_n.min() < scores_n[found_n == 0].max() < scores_n[found_n == 1].min() < scores_n.max() <= 1
    assert np.mean(found_n == labels_n[500:]) > 0.95
