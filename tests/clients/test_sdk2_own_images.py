"""A user's own image of Flask and scikit-learn, as the last chapter of the book builds it, through the Docker backend."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

IMAGE = "wildsage-test/flask:latest"
PROGRAM = """
import boto3, numpy as np, sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.serializers import CSVSerializer
from sklearn.datasets import load_diabetes

found = load_diabetes(as_frame=True).frame
found.to_csv("train.csv", index=False)
session, role = sagemaker.Session(), sagemaker.get_execution_role()
training = session.upload_data("train.csv", key_prefix="housing/training")
estimator = Estimator("wildsage-test/flask:latest", role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session,
                      metric_definitions=[{"Name": "r2", "Regex": "R2 score: ([0-9.]+)"}])
estimator.set_hyperparameters(fit_intercept=True)
estimator.fit({"training": training})
assert estimator.training_job_analytics.dataframe().value.item() > 0.5
predictor = estimator.deploy(1, "ml.t2.medium", serializer=CSVSerializer(), deserializer=CSVDeserializer())
rows = found[found.columns[:-1]].to_numpy()
prices = np.array(predictor.predict(rows), float).ravel()
assert np.corrcoef(prices, found["target"])[0, 1] > 0.7, prices
runtime = boto3.client("sagemaker-runtime")
try:
    runtime.invoke_endpoint(EndpointName=predictor.endpoint_name, Body="{}", ContentType="application/json")
    raise SystemExit("JSON was accepted")
except runtime.exceptions.ModelError as error:
    assert error.response["OriginalStatusCode"] == 415 and "only supports CSV" in error.response["OriginalMessage"], error
predictor.delete_endpoint()

empty = session.upload_data("empty.csv", key_prefix="empty/training")
try:
    estimator.fit({"training": empty}, logs=False)
    raise SystemExit("an empty file was learned")
except sagemaker.exceptions.UnexpectedStatusException as error:
    assert "No columns to parse from file" in str(error), error
print()
print("done")
"""


@pytest.fixture(scope="module")
def image(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Built from wheels that pip fetches here, since a build may not reach the index."""
    context = tmp_path_factory.mktemp("flask")
    shutil.copytree(Path(__file__).with_name("flask_container"), context, dirs_exist_ok=True)
    wheels = ["--dest", str(context / "wheels"), "--only-binary", ":all:", "--python-version", "3.11", "--quiet"]
    packages = ["pip", "flask", "scikit-learn", "pandas"]
    subprocess.run([sys.executable, "-m", "pip", "download", *wheels, *packages], check=True, timeout=300)
    engine.images.build(path=str(context), tag=IMAGE, rm=True, forcerm=True)
    return IMAGE


def test_an_image_of_flask_and_scikit_learn_trains_and_serves(
    started: Callable[..., Any], image: str, tmp_path: Path
) -> None:
    folder = tmp_path / "notebook"
    folder.mkdir()
    (folder / "empty.csv").write_text("")
    done = started("--backend", "docker").run_sdk2(PROGRAM, folder)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"
