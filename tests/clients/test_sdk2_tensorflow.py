"""SDK v2's TensorFlow estimator and model with TensorFlow in an environment of its own: the Keras chapter's housing prices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "scripts" / "housing.py"
RUN_EXAMPLE = f"import runpy; runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"

HOUSING = """
import json
import boto3, numpy as np, sagemaker
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.tensorflow import TensorFlow, TensorFlowModel
from sklearn.datasets import load_diabetes

found = load_diabetes(as_frame=True).frame
found[found.columns[:-1]] *= 10
session, role = sagemaker.Session(), sagemaker.get_execution_role()
client = boto3.client("sagemaker")
job = client.list_training_jobs(NameContains="housing", SortBy="CreationTime", SortOrder="Descending")["TrainingJobSummaries"][0]
trained = client.describe_training_job(TrainingJobName=job["TrainingJobName"])
assert trained["HyperParameters"]["model_dir"].endswith('/model"'), trained["HyperParameters"]
model = TensorFlowModel(
    trained["ModelArtifacts"]["S3ModelArtifacts"], role, framework_version="2.16", sagemaker_session=session,
)
predictor = model.deploy(initial_instance_count=1, instance_type="ml.t2.medium", endpoint_name="housing")
rows = found[found.columns[:-1]].to_numpy()[:50]
answer = predictor.predict(rows.tolist())
prices = np.array(answer["predictions"])
assert prices.shape == (50, 1) and np.corrcoef(prices[:, 0], found["target"][:50])[0, 1] > 0.5, prices
assert np.allclose(predictor.predict({"instances": rows[:1].tolist()})["predictions"], prices[:1], atol=1e-4)
runtime = boto3.client("sagemaker-runtime")
def ask(body, content_type="application/json", **more):
    return json.loads(runtime.invoke_endpoint(EndpointName="housing", Body=body, ContentType=content_type, **more)["Body"].read())
line = ",".join(map(str, rows[0]))
assert np.allclose(ask(line, "text/csv")["predictions"], prices[:1], atol=1e-4)
assert np.allclose(ask(f"[{line}]\\n[{line}]", "application/jsonlines")["predictions"], prices[[0, 0]], atol=1e-4)
assert np.allclose(ask(json.dumps({"signature_name": "serving_default", "inputs": rows[:2].tolist()}))["outputs"], prices[:2], atol=1e-4)
assert ask(line, "text/csv", CustomAttributes="tfs-model-name=model,tfs-model-version=1,tfs-method=predict")["predictions"]
for body, more, status, text in [
    ("[[1, 2]]", {}, 400, "got shape [1, 2]"),
    ("[1]", {"CustomAttributes": "tfs-model-name=other"}, 404, "Servable not found for request: Latest(other)"),
    ("{", {"ContentType": "application/x-image"}, 415, "Unsupported Media Type: application/x-image"),
]:
    try:
        runtime.invoke_endpoint(**{"EndpointName": "housing", "Body": body, "ContentType": "application/json", **more})
        raise SystemExit(f"{body} was accepted")
    except runtime.exceptions.ModelError as error:
        assert error.response["OriginalStatusCode"] == status and text in error.response["OriginalMessage"], error.response
predictor.delete_endpoint()

transformer = model.transformer(1, "ml.m5.large", strategy="MultiRecord", assemble_with="Line", accept="application/jsonlines")
np.savetxt("rows.csv", rows, delimiter=",")
transformer.transform(session.upload_data("rows.csv", key_prefix="housing/batch"), content_type="text/csv", split_type="Line", logs=False)
bucket, prefix = transformer.output_path.split("/", 3)[2:]
out = boto3.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/rows.csv.out")["Body"].read()
assert np.allclose(json.loads(out)["predictions"], prices, atol=1e-4)

several = MultiDataModel("several-keras", f"s3://{session.default_bucket()}/several-keras/", model=model, sagemaker_session=session)
predictor = several.deploy(1, "ml.m5.large", endpoint_name="several-keras")
several.add_model(trained["ModelArtifacts"]["S3ModelArtifacts"], "one.tar.gz")
assert np.allclose(predictor.predict(rows[:1].tolist(), initial_args={"TargetModel": "one.tar.gz"})["predictions"], prices[:1], atol=1e-4)
predictor.delete_endpoint()

def old(version, **more):
    return TensorFlow(
        entry_point="old_keras.py", role=role, instance_count=1, instance_type="ml.c5.xlarge", framework_version=version,
        py_version="py3", sagemaker_session=session, **more,
    )
assert "tensorflow-training:2.0.0-cpu-py3" in old("2.0.0", model_dir=False).training_image_uri()
first = old("1.12.0", script_mode=True, model_dir="/opt/ml/model")
assert "sagemaker-tensorflow-scriptmode:1.12.0-cpu-py3" in first.training_image_uri(), first.training_image_uri()
try:
    first.fit({"training": trained["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]}, logs=False)
    raise SystemExit("Keras 3 saved a SavedModel")
except sagemaker.exceptions.UnexpectedStatusException as error:
    assert "model.export" in str(error) and "ExecuteUserScriptError" in str(error), error
print()
print("done")
"""

OLD_KERAS = """
import os
import keras

model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
model.save(os.path.join("/opt/ml/model", "1"))
"""


@pytest.fixture
def tensorflow(tool: Callable[..., str]) -> str:
    """The Python that has TensorFlow."""
    return tool("tensorflow", "bin", "python")


@pytest.mark.usefixtures("tensorflow")
def test_the_keras_chapter_trains_deploys_and_predicts(local: Any, tmp_path: Path) -> None:
    done = local.run_sdk2(RUN_EXAMPLE, tmp_path, timeout_s=900)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert len([line for line in done.stdout.splitlines() if line.endswith("predicted")]) == 3
    (tmp_path / "old_keras.py").write_text(OLD_KERAS)
    done = local.run_sdk2(HOUSING, tmp_path, timeout_s=900)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"
