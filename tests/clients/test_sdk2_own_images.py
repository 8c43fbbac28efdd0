"""Users' own images: one of Flask and scikit-learn that trains and serves, as the last chapter of the book builds it, and a scaler
on top of it that stands before linear learner in a pipeline."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="module")
def in_docker(started: Callable[..., Any], engine: Any) -> Any:
    """A local AWS whose jobs and endpoints are containers."""
    return started("--backend", "docker")


def test_an_image_of_flask_and_scikit_learn_trains_and_serves(in_docker: Any, image: str, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    done = in_docker.run_sdk2(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "done"


PIPELINE = """
import io
import json
import os
import tarfile
import time

import numpy as np
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.model import Model
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)
rows = rng.normal(size=(600, 3)) * [1, 100, 0.01] + [0, 500, 3]
labels = (rows @ [1, 0.01, 100] - 305 > 0).astype("float32")
scaler = StandardScaler().fit(rows)
session, role = sagemaker.Session(), sagemaker.get_execution_role()
bucket = session.default_bucket()

# The scaler's model.tar.gz, and a linear learner that has learned from scaled rows
content = json.dumps({"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()}).encode()
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w:gz") as tar:
    entry = tarfile.TarInfo("scaler.json")
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
session.boto_session.client("s3").put_object(Bucket=bucket, Key="scaler/model.tar.gz", Body=packed.getvalue())
scaling = Model(os.environ["SCALER_IMAGE"], f"s3://{bucket}/scaler/model.tar.gz", role=role, sagemaker_session=session)
learner = sagemaker.LinearLearner(role, 1, "ml.m5.large", predictor_type="binary_classifier", epochs=5)
learner.fit(learner.record_set(scaler.transform(rows).astype("float32"), labels), mini_batch_size=50, logs=False)

# Raw rows go in, answers of the linear learner come out: from an endpoint, and from a batch transform
name = f"scaled-{time.time_ns()}"
pipeline = PipelineModel([scaling, learner.create_model()], role, name=name, sagemaker_session=session)
pipeline.deploy(1, "ml.m5.large", endpoint_name=name)
predictor = Predictor(name, session, CSVSerializer(), JSONDeserializer())
found = np.array([one["predicted_label"] for one in predictor.predict(rows)["predictions"]])
predictor.delete_endpoint()
assert (found == labels).mean() > 0.97, (found == labels).mean()
text = io.BytesIO()
np.savetxt(text, rows, delimiter=",", fmt="%.9g")
session.boto_session.client("s3").put_object(Bucket=bucket, Key="asked/rows.csv", Body=text.getvalue())
transformer = pipeline.transformer(1, "ml.m5.large", output_path=f"s3://{bucket}/answers", accept="application/jsonlines", assemble_with="Line")
transformer.transform(f"s3://{bucket}/asked/rows.csv", content_type="text/csv", split_type="Line", logs=False)
body = session.boto_session.client("s3").get_object(Bucket=bucket, Key="answers/rows.csv.out")["Body"].read()
assert [json.loads(line)["predicted_label"] for line in body.splitlines()] == found.tolist()
print()  # the SDK does not end its line of dashes
print("right", (found == labels).mean())
"""

SCALER_DOCKERFILE = """
FROM {image}
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true
COPY {program} /opt/program/
ENTRYPOINT ["python3", "/opt/program/{program}"]
"""


@pytest.fixture
def scaler_image(engine: Any, image: str, own_image: tuple[str, Path], tmp_path: Path) -> Iterator[None]:
    """The scaler's program on an image that has scikit-learn."""
    tag, program = own_image
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(program, context)
    (context / "Dockerfile").write_text(SCALER_DOCKERFILE.format(image=image, program=program.name))
    engine.images.build(path=str(context), tag=tag, rm=True, forcerm=True)
    yield
    engine.images.remove(tag, force=True)


def test_linear_learner_follows_a_scikit_learn_container_in_a_pipeline(
    local: Any, own_image: tuple[str, Path], tmp_path: Path
) -> None:
    """The scaler's container is a small program that stands in for an image of the user's, see `wildsage up --image`."""
    piped(local, own_image, tmp_path)


def test_linear_learner_follows_a_users_image_in_a_pipeline_of_containers(
    in_docker: Any, our_image: Any, own_image: tuple[str, Path], scaler_image: None, tmp_path: Path
) -> None:
    our_image("linear_learner")
    piped(in_docker, own_image, tmp_path)


def piped(aws: Any, own_image: tuple[str, Path], folder: Path) -> None:
    done = aws.run_sdk2(PIPELINE, folder, SCALER_IMAGE=own_image[0])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("right ")
