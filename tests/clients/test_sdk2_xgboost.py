"""SDK v2 with XGBoost as AWS's notebooks use it: estimator, endpoint, batch transform, tuner, names of v1, and the model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("xgboost")

PREPARED = """
import numpy as np
import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer

rng = np.random.default_rng(0)
x = rng.normal(size=(600, 5))
clicked = (x[:, 0] - x[:, 1] + rng.normal(size=600) / 2 > 0).astype(int)
rows = np.column_stack([clicked, x])
np.savetxt("train.csv", rows[:400], delimiter=",", fmt="%.6g")
np.savetxt("validation.csv", rows[400:500], delimiter=",", fmt="%.6g")
np.savetxt("test.csv", x[500:], delimiter=",", fmt="%.6g")
session = sagemaker.Session()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
data = {name: session.upload_data(f"{name}.csv", bucket, "clicks") for name in ("train", "validation", "test")}
channels = {name: TrainingInput(data[name], content_type="csv") for name in ("train", "validation")}
"""

ESTIMATOR = """
import pickle, tarfile
import boto3
import xgboost

image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, version="1.2-2")
estimator = Estimator(image, role, instance_count=1, instance_type="ml.m4.xlarge", output_path=f"s3://{bucket}/clicks/out", sagemaker_session=session)
estimator.set_hyperparameters(max_depth=5, eta=0.2, gamma=4, min_child_weight=6, subsample=0.8, verbosity=0,
                              objective="binary:logistic", num_round=20, eval_metric="auc")
estimator.fit(channels)
metrics = estimator.training_job_analytics.dataframe()
assert set(metrics.metric_name) >= {"train:auc", "validation:auc"}, set(metrics.metric_name)

predictor = estimator.deploy(initial_instance_count=1, instance_type="ml.m4.xlarge", serializer=CSVSerializer())
answer = predictor.predict(x[500:]).decode().split()
predictor.delete_endpoint()
scores = np.array(answer, float)
assert ((scores > 0.5) == clicked[500:]).mean() > 0.75

transformer = estimator.transformer(1, "ml.m4.xlarge", output_path=f"s3://{bucket}/clicks/scored", assemble_with="Line", accept="text/csv")
transformer.transform(data["test"], content_type="text/csv", split_type="Line", join_source="Input", output_filter="$[0,-1]")
transformer.wait()
text = sagemaker.s3.S3Downloader.read_file(f"s3://{bucket}/clicks/scored/test.csv.out")
joined = np.array([line.split(",") for line in text.split()], float)
np.testing.assert_allclose(joined[:, 1], scores, rtol=1e-6)
np.testing.assert_allclose(joined[:, 0], x[500:, 0], rtol=1e-5)

key = estimator.model_data.split("/", 3)[3]
assert key in [found["Key"] for found in boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
boto3.client("s3").download_file(bucket, key, "model.tar.gz")
tarfile.open("model.tar.gz").extractall(".")
booster = pickle.load(open("xgboost-model", "rb"))
np.testing.assert_allclose(booster.predict(xgboost.DMatrix(np.loadtxt("test.csv", delimiter=",", dtype="f4"))), scores, rtol=1e-6)
print("done", image)
"""

FIT_ONCE = """
image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, version="0.90-2")
estimator = Estimator(image, role, instance_count=1, instance_type="ml.m4.xlarge", output_path=f"s3://{bucket}/listed", sagemaker_session=session)
estimator.set_hyperparameters(objective="binary:logistic", num_round=2)
estimator.fit(channels, logs=False)
print(estimator.model_data)
"""

TUNER = """
from sagemaker.amazon.amazon_estimator import get_image_uri
from sagemaker.session import s3_input
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

old = Estimator(get_image_uri(session.boto_region_name, "xgboost", "1"), role, train_instance_count=1,
                train_instance_type="ml.m4.xlarge", sagemaker_session=session)
old.set_hyperparameters(objective="binary:logistic", num_round=3, silent=0)
old.fit({"train": s3_input(data["train"], content_type="text/csv")}, logs=False)

image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1")
estimator = Estimator(image, role, instance_count=1, instance_type="ml.m4.xlarge", sagemaker_session=session)
estimator.set_hyperparameters(objective="binary:logistic", num_round=10)
ranges = {"eta": ContinuousParameter(0.1, 0.5), "max_depth": IntegerParameter(1, 6)}
tuner = HyperparameterTuner(estimator, "validation:auc", ranges, max_jobs=3, max_parallel_jobs=1)
tuner.fit(channels, include_cls_metadata=False)
tuner.wait()
table = tuner.analytics().dataframe().set_index("TrainingJobName")
assert len(table) == 3 and table.FinalObjectiveValue.max() > 0.85
assert table.FinalObjectiveValue[tuner.best_training_job()] == table.FinalObjectiveValue.max()
print("done", tuner.best_training_job())
"""


MULTI_MODEL = """
import boto3, json, tarfile, io

image = sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, version="1.5-1")
s3, sm, runtime = (boto3.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime"))
for depth in (1, 4):
    estimator = Estimator(image, role, instance_count=1, instance_type="ml.m4.xlarge", sagemaker_session=session)
    estimator.set_hyperparameters(objective="binary:logistic", num_round=10, max_depth=depth)
    estimator.fit(channels, logs=False)
    source = estimator.model_data.split("/", 3)[3]
    s3.copy_object(Bucket=bucket, Key=f"clicks/models/depth-{depth}.tar.gz", CopySource={"Bucket": bucket, "Key": source})

container = {"Image": image, "Mode": "MultiModel", "ModelDataUrl": f"s3://{bucket}/clicks/models/"}
sm.create_model(ModelName="depths", ExecutionRoleArn=role, PrimaryContainer=container)
variant = {"VariantName": "all", "ModelName": "depths", "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}
sm.create_endpoint_config(EndpointConfigName="depths", ProductionVariants=[variant])
sm.create_endpoint(EndpointName="depths", EndpointConfigName="depths")
sm.get_waiter("endpoint_in_service").wait(EndpointName="depths")

def ask(depth, **accept):
    body = open("test.csv", "rb").read()
    answer = runtime.invoke_endpoint(EndpointName="depths", TargetModel=f"depth-{depth}.tar.gz", ContentType="text/csv", Body=body, **accept)
    return answer["Body"].read().decode()

flat, deep = ([float(word) for word in ask(depth).split(",")] for depth in (1, 4))
assert len(flat) == len(deep) == 100 and flat != deep
assert json.loads(ask(4, Accept="application/json")) == deep
assert ((np.array(deep) > 0.5) == clicked[500:]).mean() > 0.75
try:
    ask(9)
except runtime.exceptions.ClientError as error:
    assert "depth-9" in str(error), error
else:
    raise SystemExit("a model that is not there answered")
sm.delete_endpoint(EndpointName="depths")
print("done", image)
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [ESTIMATOR, TUNER, MULTI_MODEL], ids=["estimator", "tuner", "multi_model"])
def test_a_notebook_of_aws_runs_as_it_is(local: Any, tmp_path: Path, program: str) -> None:
    done = local.run_sdk2(PREPARED + program, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("done ")


@pytest.mark.slow
def test_the_aws_cli_lists_the_model(local: Any, tool: Any, tmp_path: Path) -> None:
    """A book's chapter on ad clicks looks for the artifact with `aws s3 ls` before it reads it."""
    aws = tool("awscli", "bin", "aws")
    done = local.run_sdk2(PREPARED + FIT_ONCE, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    address = done.stdout.splitlines()[-1]
    listed = local.run([aws, "s3", "ls", address], tmp_path)
    assert listed.stdout.split()[-1] == "model.tar.gz", listed.stderr
