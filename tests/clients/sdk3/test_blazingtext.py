"""BlazingText with SDK v3: ModelTrainer with two channels and word vectors, ModelBuilder, and the tuner on validation:accuracy."""

from __future__ import annotations

import io
import json
import random
import tarfile

import pytest
from sagemaker.core import image_uris
from sagemaker.core.parameter import ContinuousParameter, IntegerParameter
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData
from sagemaker.train.tuner import HyperparameterTuner

IMAGE = image_uris.retrieve("blazingtext", "us-east-1")
WORDS = {"happy": ["great", "love", "nice", "thanks"], "angry": ["bad", "slow", "broken", "refund"]}


def trainer(name: str, **hyperparameters) -> ModelTrainer:
    return ModelTrainer(
        training_image=IMAGE,
        base_job_name=name,
        compute=Compute(instance_type="ml.c5.xlarge", instance_count=1, volume_size_in_gb=1),
        hyperparameters={"epochs": 10, "min_count": 2, "vector_dim": 10, "buckets": 5000, **hyperparameters},
    )


@pytest.fixture(scope="module")
def channels(session) -> list[InputData]:
    """Train and validation: tweets whose words tell their label."""
    rng = random.Random(0)
    s3, bucket = session.boto_session.client("s3"), session.default_bucket()
    found = []
    for name, count in (("train", 800), ("validation", 100)):
        labels = rng.choices(sorted(WORDS), k=count)
        lines = [
            f"__label__{label} {' '.join(rng.choices([*WORDS[label], 'the', 'phone'], k=8))}\n" for label in labels
        ]
        s3.put_object(Bucket=bucket, Key=f"sdk3-blazingtext/{name}/tweets.txt", Body="".join(lines).encode())
        address = f"s3://{bucket}/sdk3-blazingtext/{name}"
        found.append(InputData(channel_name=name, data_source=address, content_type="text/plain"))
    return found


def test_a_classifier_is_trained_and_deployed(channels):
    model_trainer = trainer("sdk3-tweets", mode="supervised", learning_rate=0.2, early_stopping=True, word_ngrams=2)
    model_trainer.train(input_data_config=channels, wait=True, logs=True)
    job = model_trainer._latest_training_job
    assert job.training_job_status == "Completed"
    metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
    assert metrics["validation:accuracy"] > 0.95 and metrics["train:accuracy"] > 0.95
    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=job.model_artifacts.s3_model_artifacts,
        role_arn=job.role_arn,
        instance_type="ml.m5.xlarge",
    )
    builder.build(model_name="sdk3-tweets")
    endpoint = builder.deploy(endpoint_name="sdk3-tweets", initial_instance_count=1, instance_type="ml.m5.xlarge")
    body = json.dumps({"instances": ["great phone thanks", "the broken slow phone"], "configuration": {"k": 2}})
    answers = json.loads(endpoint.invoke(body=body, content_type="application/json").body.read())
    assert [each["label"] for each in answers] == [
        ["__label__happy", "__label__angry"],
        ["__label__angry", "__label__happy"],
    ]
    endpoint.delete()


def test_word_vectors_are_learned(session, channels):
    model_trainer = trainer(
        "sdk3-vectors", mode="batch_skipgram", evaluation=False, sampling_threshold=1.0, batch_size=11
    )
    model_trainer.train(input_data_config=channels[:1], wait=True, logs=False)
    bucket, _, key = model_trainer._latest_training_job.model_artifacts.s3_model_artifacts[5:].partition("/")
    content = session.boto_session.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        head, *lines = archive.extractfile("vectors.txt").read().decode().splitlines()
    assert head == f"{len(lines)} 10" and {"great", "refund", "phone"} < {line.split()[0] for line in lines}


def test_the_tuner_maximizes_accuracy(channels):
    tuner = HyperparameterTuner(
        trainer("sdk3-tuned-texts", mode="supervised"),
        objective_metric_name="validation:accuracy",
        hyperparameter_ranges={"learning_rate": ContinuousParameter(0.005, 0.3), "epochs": IntegerParameter(1, 8)},
        objective_type="Maximize",
        max_jobs=2,
        max_parallel_jobs=1,
    )
    tuner.tune(inputs=channels, wait=True)
    table = tuner.analytics().dataframe().set_index("TrainingJobName")
    assert table["FinalObjectiveValue"].between(0.4, 1).all() and len(table) == 2
    assert table["FinalObjectiveValue"][tuner.best_training_job()] == table["FinalObjectiveValue"].max()
