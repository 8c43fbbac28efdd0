"""SDK v2's TensorFlow estimator and model with TensorFlow in an environment of its own: the Keras chapter's housing prices."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

HOUSING_SCRIPT = """
import argparse, os
import numpy as np
import keras

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--model_dir", type=str)
    parser.add_argument("--model-dir-here", type=str, default=os.environ["SM_MODEL_DIR"])
    parser.add_argument("--train", type=str, default=os.environ["SM_CHANNEL_TRAINING"])
    args, _ = parser.parse_known_args()
    assert args.model_dir.startswith("s3://") and args.model_dir.endswith("/model"), args.model_dir
    table = np.loadtxt(os.path.join(args.train, "train.csv"), delimiter=",", skiprows=1, dtype="float32")
    x, y = table[:, :-1], table[:, -1:]
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Input((x.shape[1],)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(args.learning_rate), loss="mse", metrics=["mae"])
    history = model.fit(x, y, epochs=args.epochs, verbose=2)
    print("final loss:", history.history["loss"][-1])
    model.export(os.path.join(args.model_dir_here, "1"))
"""

HOUSING = """
import json
import boto3, numpy as np, pandas as pd, sagemaker
from sagemaker.tensorflow import TensorFlow
from sklearn.datasets import load_diabetes

found = load_diabetes(as_frame=True).frame
found["target"] /= found["target"].max()
found[found.columns[:-1]] *= 10
found.to_csv("train.csv", index=False)
session, role = sagemaker.Session(), sagemaker.get_execution_role()
training = session.upload_data("train.csv", key_prefix="housing/training")
estimator = TensorFlow(
    entry_point="housing.py", role=role, instance_count=1, instance_type="ml.c5.xlarge", framework_version="2.16",
    py_version="py310", hyperparameters={"epochs": 15, "learning-rate": 0.02}, sagemaker_session=session,
    metric_definitions=[{"Name": "train:loss", "Regex": "final loss: ([0-9.]+)"}],
)
estimator.fit({"training": training})
assert estimator.training_job_analytics.dataframe().value.item() < 0.06
predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.t2.medium", endpoint_name="housing")
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

transformer = estimator.transformer(1, "ml.m5.large", strategy="MultiRecord", assemble_with="Line", accept="application/jsonlines")
np.savetxt("rows.csv", rows, delimiter=",")
transformer.transform(session.upload_data("rows.csv", key_prefix="housing/batch"), content_type="text/csv", split_type="Line", logs=False)
bucket, prefix = transformer.output_path.split("/", 3)[2:]
out = boto3.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/rows.csv.out")["Body"].read()
assert np.allclose(json.loads(out)["predictions"], prices, atol=1e-4)

def old(version, **more):
    return TensorFlow(
        entry_point="old_keras.py", role=role, instance_count=1, instance_type="ml.c5.xlarge", framework_version=version,
        py_version="py3", sagemaker_session=session, **more,
    )
assert "tensorflow-training:2.0.0-cpu-py3" in old("2.0.0", model_dir=False).training_image_uri()
first = old("1.12.0", script_mode=True, model_dir="/opt/ml/model")
assert "sagemaker-tensorflow-scriptmode:1.12.0-cpu-py3" in first.training_image_uri(), first.training_image_uri()
try:
    first.fit({"training": training}, logs=False)
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


def test_the_keras_chapter_trains_deploys_and_predicts(local: Any, tensorflow: str, tmp_path: Path) -> None:
    (tmp_path / "housing.py").write_text(HOUSING_SCRIPT)
    (tmp_path / "old_keras.py").write_text(OLD_KERAS)
    run(local, HOUSING, tmp_path)


def run(local: Any, program: str, folder: Path) -> None:
    done = local.run([sys.executable, "-c", program], folder)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"
