"""SDK v2's HyperparameterTuner from fit to the endpoint of the best model, with the k-means itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import numpy as np
import sagemaker
from botocore.exceptions import ClientError
from sagemaker.analytics import HyperparameterTuningJobAnalytics, TrainingJobAnalytics
from sagemaker.amazon.common import RecordDeserializer, RecordSerializer
from sagemaker.tuner import CategoricalParameter, HyperparameterTuner, IntegerParameter

rng = np.random.default_rng(0)
rows = np.concatenate([rng.normal(10 * c, 1, (100, 4)) for c in range(5)]).astype("float32")
rng.shuffle(rows)
role = sagemaker.get_execution_role()
kmeans = sagemaker.KMeans(role=role, instance_count=1, instance_type="ml.m4.xlarge", k=2)
channels = [kmeans.record_set(rows), kmeans.record_set(rows[:100], channel="test")]
ranges = {"k": IntegerParameter(2, 5), "init_method": CategoricalParameter(["random", "kmeans++"])}

# Names end in the minute, and other programs tune k-means here too.
name = {"base_tuning_job_name": "sdk2", "objective_type": "Minimize"}
hopeless = HyperparameterTuner(kmeans, "test:msd", {"kk": IntegerParameter(1, 5)}, max_jobs=2, **name)
try:
    hopeless.fit(channels, mini_batch_size=100)
    raise SystemExit("a range of kk was taken")
except ClientError as error:
    assert "The hyperparameter ranges aren't valid for the [" in str(error) and "Did you mean k?" in str(error), error

tuner = HyperparameterTuner(kmeans, "test:msd", ranges, max_jobs=4, max_parallel_jobs=2, **name)
tuner.fit(channels, mini_batch_size=100)
tuner.wait()

table = tuner.analytics().dataframe().set_index("TrainingJobName")
best = tuner.best_training_job()
assert len(table) == 4 and set(table.TrainingJobStatus) == {"Completed"}
assert table.FinalObjectiveValue[best] == table.FinalObjectiveValue.min()
assert HyperparameterTuningJobAnalytics(tuner.latest_tuning_job.name).tuning_ranges["k"]["MaxValue"] == "5"
(value,) = TrainingJobAnalytics(best, metric_names=["test:msd"]).dataframe().value
assert abs(value - table.FinalObjectiveValue[best]) < 1e-6

again = HyperparameterTuner.attach(tuner.latest_tuning_job.name)
assert again.best_training_job() == best and again.best_estimator().model_data.endswith("model.tar.gz")
predictor = again.deploy(1, "ml.m4.xlarge", serializer=RecordSerializer(), deserializer=RecordDeserializer())
found = [answer.label["closest_cluster"].float32_tensor.values[0] for answer in predictor.predict(rows[:50])]
predictor.delete_endpoint()
warmer = again.identical_dataset_and_algorithm_tuner()
warmer.max_jobs = 2
warmer.fit(channels, job_name="warmer", mini_batch_size=100)
warmer.wait()
overall = warmer.describe()["OverallBestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
assert overall <= value + 1e-6
print("clusters", len(set(found)), "k", table.k[best])
"""


@pytest.mark.slow
def test_the_tuner_of_sdk_v2_finds_attaches_and_deploys_the_best(local: Any, tmp_path: Path) -> None:
    done = local.run_sdk2(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("clusters ")
