"""Linear learner through SDK v2: its own class with three channels, the general estimator, a tuner, and many models behind one endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CLASSIFIER = """
import numpy as np
import sagemaker

rng = np.random.default_rng(0)
rows = rng.normal(size=(1500, 4)).astype("float32")
labels = (rows @ [1, -2, 3, 0] + rng.logistic(size=1500) / 4 > 0).astype("float32")
role = sagemaker.get_execution_role()
learner = sagemaker.LinearLearner(
    role, 1, "ml.m5.large", predictor_type="binary_classifier",
    binary_classifier_model_selection_criteria="precision_at_target_recall", target_recall=0.9,
)
parts = {"train": slice(1000), "validation": slice(1000, 1250), "test": slice(1250, 1500)}
learner.fit([learner.record_set(rows[part], labels[part], channel=name) for name, part in parts.items()])
assert learner.hyperparameters()["mini_batch_size"] == "1000"

job = learner.sagemaker_session.describe_training_job(learner.latest_training_job.name)
metrics = {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}
assert {name.split(":")[0] for name in metrics} == {"train", "validation", "test"}, metrics
assert metrics["validation:recall"] >= 0.9, metrics

predictor = learner.deploy(1, "ml.m5.large")
answers = [record.label for record in predictor.predict(rows[parts["test"]])]
predictor.delete_endpoint()
found = np.array([answer["predicted_label"].float32_tensor.values[0] for answer in answers])
scores = np.array([answer["score"].float32_tensor.values[0] for answer in answers])
assert scores[found == 1].min() > scores[found == 0].max()
recall = found[labels[parts["test"]] == 1].mean()
assert abs(recall - metrics["test:recall"]) < 1e-6, (recall, metrics)
print()  # the SDK does not end its line of dashes
print("recall", recall)
"""

HOUSES = """
import io
import time

import numpy as np
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.serializers import CSVSerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner

rng = np.random.default_rng(0)
rows = np.column_stack([rng.lognormal(size=500), rng.normal(6, 0.7, 500), rng.integers(0, 2, 500), rng.uniform(200, 700, 500)])
prices = rows @ [-0.5, 9, 3, -0.01] - 25 + rng.normal(size=500)
session = sagemaker.Session()
bucket = session.default_bucket()


def put(name, table):
    text = io.BytesIO()
    np.savetxt(text, table, delimiter=",", fmt="%.6g")
    session.boto_session.client("s3").put_object(Bucket=bucket, Key=f"houses/{name}", Body=text.getvalue())
    return f"s3://{bucket}/houses/{name}"


channels = {
    name: TrainingInput(put(f"{name}/rows.csv", np.column_stack([prices, rows])[part]), content_type="text/csv")
    for name, part in {"train": slice(400), "validation": slice(400, 500)}.items()
}
image = sagemaker.image_uris.retrieve("linear-learner", session.boto_region_name)


def estimator(**given):
    made = Estimator(image, sagemaker.get_execution_role(), 1, "ml.m5.large", output_path=f"s3://{bucket}/houses/models")
    made.set_hyperparameters(feature_dim=4, predictor_type="regressor", mini_batch_size=50, **given)
    return made


# A regressor from CSV, a prediction, and a batch transform whose answers are joined to the rows
houses = estimator()
houses.fit(channels)
predictor = houses.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
(answer,) = predictor.predict(rows[450])["predictions"]
predictor.delete_endpoint()
assert abs(answer["score"] - prices[450]) < 5, (answer, prices[450])
transformer = houses.transformer(1, "ml.m5.large", accept="text/csv", assemble_with="Line")
asked = put("asked/rows.csv", rows[400:])
transformer.transform(asked, content_type="text/csv", split_type="Line", join_source="Input")
folder, _, key = transformer.output_path.removeprefix("s3://").partition("/")
body = session.boto_session.client("s3").get_object(Bucket=folder, Key=f"{key}/rows.csv.out".lstrip("/"))["Body"]
joined = np.loadtxt(io.BytesIO(body.read()), delimiter=",")
assert joined.shape == (100, 5) and np.allclose(joined[:, :4], rows[400:], rtol=1e-4)
error = np.sqrt(np.mean((joined[:, 4] - prices[400:]) ** 2))
assert error < 1.3, error  # the prices' own noise is 1

# A tuner, whose jobs train one model each
ranges = {"learning_rate": ContinuousParameter(0.001, 0.5, "Logarithmic"), "wd": ContinuousParameter(1e-7, 0.1, "Logarithmic")}
tuner = HyperparameterTuner(
    estimator(), "validation:objective_loss", ranges, objective_type="Minimize", max_jobs=3, max_parallel_jobs=2,
    base_tuning_job_name="houses",
)
tuner.fit(channels)
tuner.wait()
table = tuner.analytics().dataframe().set_index("TrainingJobName")
assert len(table) == 3 and set(table.TrainingJobStatus) == {"Completed"}, table
assert table.FinalObjectiveValue[tuner.best_training_job()] == table.FinalObjectiveValue.min()

# Two of the models behind one endpoint
models = MultiDataModel(f"houses-{time.time_ns()}", f"s3://{bucket}/houses/many/", model=houses.create_model(), sagemaker_session=session)
many = models.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=JSONDeserializer())
models.add_model(houses.model_data, "all.tar.gz")
models.add_model(tuner.best_estimator().model_data, "tuned.tar.gz")
scores = [many.predict(rows[450], target_model=name)["predictions"][0]["score"] for name in ("all.tar.gz", "tuned.tar.gz")]
many.delete_endpoint()
assert abs(scores[0] - answer["score"]) < 1e-4 and scores[1] != scores[0], scores
print()  # the SDK does not end its line of dashes
print("error", error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "last"), [(CLASSIFIER, "recall "), (HOUSES, "error ")], ids=["classifier", "regressor"]
)
def test_linear_learner_through_sdk_v2(local: Any, tmp_path: Path, program: str, last: str) -> None:
    done = local.run_sdk2(program, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith(last)
