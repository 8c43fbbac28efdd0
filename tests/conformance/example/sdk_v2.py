"""An algorithm that no SDK knows, through SageMaker's SDK v2: trained, tuned on its metric and deployed by the URI of its image.

Run it with `wildsage run`; it prints what it found as JSON.
"""

from __future__ import annotations

import json

import numpy as np
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import CSVSerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/nearest-mean:1"

session = sagemaker.Session()
bucket = session.default_bucket()
noise = np.random.default_rng(0).normal(size=(60, 2)) / 2
labels = np.arange(60) % 3
rows = np.column_stack([labels, np.array([[0, 0], [9, 0], [0, 9]])[labels] + noise])
lines = "\n".join(",".join(map(str, row)) for row in rows.tolist())
session.boto_session.client("s3").put_object(Bucket=bucket, Key="rows/rows.csv", Body=lines)
data = TrainingInput(f"s3://{bucket}/rows", content_type="text/csv")

estimator = Estimator(
    IMAGE,
    sagemaker.get_execution_role(),
    1,
    "ml.m5.large",
    output_path=f"s3://{bucket}/models",
    hyperparameters={"feature_dim": 2, "num_classes": 3, "mini_batch_size": 20},
    sagemaker_session=session,
)
estimator.fit({"train": data, "test": data}, logs=None)
trained = session.describe_training_job(estimator.latest_training_job.name)

tuner = HyperparameterTuner(
    estimator, "test:accuracy", {"shrinkage": ContinuousParameter(0.0, 0.9)}, max_jobs=2, max_parallel_jobs=2
)
tuner.fit({"train": data, "test": data}, include_cls_metadata=False)
best = session.describe_training_job(tuner.best_training_job())

predictor = estimator.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
answer = predictor.predict([[8.0, 1.0], [1.0, 8.0]])
predictor.delete_endpoint()

metrics = {metric["MetricName"]: metric["Value"] for metric in trained["FinalMetricDataList"]}
tuned = {metric["MetricName"]: metric["Value"] for metric in best["FinalMetricDataList"]}
print("\n" + json.dumps({"metrics": metrics, "tuned": tuned["ObjectiveMetric"], "answer": answer}))
