"""XGBoost with SDK v3: ModelTrainer with two channels, ModelBuilder, and the tuner on validation:auc."""

from __future__ import annotations

import numpy as np
import pytest
from sagemaker.core import image_uris
from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData
from sagemaker.train.tuner import HyperparameterTuner

IMAGE = image_uris.retrieve("xgboost", "us-east-1", version="1.7-1")


def trainer(name: str, **hyperparameters) -> ModelTrainer:
    return ModelTrainer(
        training_image=IMAGE,
        base_job_name=name,
        compute=Compute(instance_type="ml.m5.xlarge", instance_count=1, volume_size_in_gb=1),
        hyperparameters={"objective": "binary:logistic", "num_round": 10, "eval_metric": "auc", **hyperparameters},
    )


@pytest.fixture(scope="module")
def channels(session) -> list[InputData]:
    """Train and validation: the label first, then four columns, of which the difference of two makes the label."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)).round(4)
    rows = np.column_stack([x[:, 0] > x[:, 1], x])
    s3, bucket = session.boto_session.client("s3"), session.default_bucket()
    found = []
    for name, part in (("train", rows[:300]), ("validation", rows[300:])):
        text = "".join(",".join(f"{value:g}" for value in row) + "\n" for row in part)
        s3.put_object(Bucket=bucket, Key=f"sdk3-xgboost/{name}/rows.csv", Body=text.encode())
        address = f"s3://{bucket}/sdk3-xgboost/{name}"
        found.append(InputData(channel_name=name, data_source=address, content_type="csv"))
    return found


def test_a_model_is_trained_and_deployed(channels):
    model_trainer = trainer("sdk3-xgboost", max_depth=3)
    model_trainer.train(input_data_config=channels, wait=True, logs=True)
    job = model_trainer._latest_training_job
    assert job.training_job_status == "Completed"
    metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
    assert metrics["validation:auc"] > 0.9 and metrics["train:auc"] > 0.95
    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=job.model_artifacts.s3_model_artifacts,
        role_arn=job.role_arn,
        instance_type="ml.m5.xlarge",
    )
    builder.build(model_name="sdk3-xgboost")
    endpoint = builder.deploy(endpoint_name="sdk3-xgboost", initial_instance_count=1, instance_type="ml.m5.xlarge")
    answer = endpoint.invoke(body="2,-2,0,0\n-2,2,0,0\n", content_type="text/csv")
    yes, no = (float(line) for line in answer.body.read().split())
    assert yes > 0.8 and no < 0.2
    endpoint.delete()


def test_the_tuner_maximizes_auc(channels):
    tuner = HyperparameterTuner(
        trainer("sdk3-xgb-tuned"),
        objective_metric_name="validation:auc",
        hyperparameter_ranges={"eta": ContinuousParameter(0.1, 0.5), "max_depth": IntegerParameter(1, 5)},
        objective_type="Maximize",
        max_jobs=2,
        max_parallel_jobs=1,
    )
    tuner.tune(inputs=channels, wait=True)
    assert tuner.describe().hyper_parameter_tuning_job_status == "Completed"
    table = tuner.analytics().dataframe().set_index("TrainingJobName")
    assert table["FinalObjectiveValue"].between(0.8, 1).all() and len(table) == 2
    assert table["FinalObjectiveValue"][tuner.best_training_job()] == table["FinalObjectiveValue"].max()
