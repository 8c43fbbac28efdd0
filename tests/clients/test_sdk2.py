"""SDK v2 with code that was written for v1: the names it renames, and the arguments it turns around."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
import sagemaker

PROGRAM = """
import numpy as np
import sagemaker
from sagemaker.amazon.amazon_estimator import get_image_uri
from sagemaker.estimator import Estimator
from sagemaker.session import s3_input

rng = np.random.default_rng(0)
rows = np.concatenate([rng.normal(size=(50, 2)) + 9 * c for c in range(2)]).astype("float32")
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
np.savetxt("rows.csv", rows, delimiter=",")
data = session.upload_data("rows.csv", bucket=bucket, key_prefix="v1/train")

# A class of its own, with the keywords of v1
kmeans = sagemaker.KMeans(role=role, train_instance_count=1, train_instance_type="ml.c4.xlarge",
                          train_volume_size=1, train_max_run=60, output_path=f"s3://{bucket}/v1", k=2)
kmeans.fit(kmeans.record_set(rows))

# The general estimator, with the image by its old function and the input by its old class
image = get_image_uri(session.boto_region_name, "kmeans")
estimator = Estimator(image, role, train_instance_count=1, train_instance_type="ml.c4.xlarge")
estimator.set_hyperparameters(k=2, feature_dim=2)
estimator.fit({"train": s3_input(data.rsplit("/", 1)[0], content_type="text/csv;label_size=0")}, logs=False)

predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m4.xlarge")
predictor.serializer = sagemaker.serializers.CSVSerializer()
predictor.deserializer = sagemaker.deserializers.JSONDeserializer()
answer = predictor.predict(rows[[0, 99]])["predictions"]
assert answer[0]["closest_cluster"] != answer[1]["closest_cluster"]
predictor.delete_endpoint()
again = sagemaker.estimator.Estimator.attach(estimator.latest_training_job.name)
print("model", again.model_data)
"""


@pytest.mark.slow
def test_names_of_v1_work_as_far_as_sdk_v2_renames_them(local: Any, tmp_path: Path) -> None:
    done = local.run_sdk2(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("model s3://sagemaker-us-east-1-000000000000/")
    assert "train_instance_count has been renamed" in done.stderr + done.stdout


@pytest.mark.parametrize("name", ["KMeans", "PCA", "FactorizationMachines", "KNN", "LinearLearner"])
def test_the_constructors_are_still_what_ours_for_v3_are_compared_with(name: str) -> None:
    noted = json.loads((Path(__file__).parent / "sdk3" / "sdk2_signatures.json").read_text())
    assert [p for p in inspect.signature(getattr(sagemaker, name)).parameters if p != "kwargs"] == noted[name]
