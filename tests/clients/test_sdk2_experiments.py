"""SDK v2's experiments: a Run that notes parameters, metrics, files and curves, and is read again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import boto3
import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.experiments.run import Run, load_run

session = sagemaker.Session()
with Run(experiment_name="curves", run_name="first", sagemaker_session=session) as run:
    run.log_parameters({"k": 7, "init": "random"})
    for step in range(3):
        run.log_metric("loss", 1 / (step + 1), step=step)
    run.log_roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], title="roc")
    run.log_precision_recall([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], title="recall")
    run.log_confusion_matrix(["a", "b"], ["a", "a"], title="confused", is_output=False)
    run.log_artifact("rows", "s3://bucket/rows")

with load_run(experiment_name="curves", run_name="first", sagemaker_session=session) as again:
    component = again._trial_component
    assert component.parameters == {"k": 7.0, "init": "random"}, component.parameters

client = boto3.client("sagemaker")
artifacts = {one["ArtifactName"] for one in client.list_artifacts()["ArtifactSummaries"] if "ArtifactName" in one}
assert artifacts == {"roc", "recall", "confused"}, artifacts
arn = component.trial_component_arn
produced = client.list_associations(SourceArn=arn)["AssociationSummaries"]
(read,) = client.list_associations(DestinationArn=arn)["AssociationSummaries"]
assert {one["AssociationType"] for one in produced} == {"Produced"} and len(produced) == 2
assert read["AssociationType"] == "ContributedTo" and read["SourceName"] == "confused"
table = ExperimentAnalytics(experiment_name="curves", sagemaker_session=session).dataframe()
print("runs", len(table), "k", table.k[0])
"""


@pytest.mark.slow
def test_a_run_notes_down_and_is_read_again(local: Any, tmp_path: Path) -> None:
    done = local.run([sys.executable, "-c", PROGRAM], tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "runs 1 k 7.0"


LINEAGE = """
import boto3
import numpy as np
import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.lineage.artifact import Artifact
from sagemaker.lineage.association import Association
from sagemaker.lineage.context import EndpointContext
from sagemaker.lineage.visualizer import LineageTableVisualizer

session = sagemaker.Session()
role = "arn:aws:iam::000000000000:role/r"
client = boto3.client("sagemaker")
client.create_experiment(ExperimentName="traced")
client.create_trial(TrialName="first", ExperimentName="traced")
estimator = sagemaker.KMeans(role=role, instance_count=1, instance_type="ml.c4.xlarge", k=2, sagemaker_session=session)
rows = np.random.default_rng(0).random((50, 3), np.float32)
config = {"ExperimentName": "traced", "TrialName": "first", "TrialComponentDisplayName": "Training"}
records = estimator.record_set(rows)
test = estimator.record_set(rows, channel="test")
estimator.fit([records, test], mini_batch_size=50, experiment_config=config, logs=False)
job = estimator.latest_training_job.name

table = LineageTableVisualizer(session).show(training_job_name=job)
shown = sorted(zip(table["Direction"], table["Type"], table["Association Type"], table["Lineage Type"]))
assert shown == [
    ("Input", "DataSet", "ContributedTo", "artifact"),
    ("Input", "DataSet", "ContributedTo", "artifact"),
    ("Input", "Image", "ContributedTo", "artifact"),
    ("Output", "Model", "Produced", "artifact"),
], shown
(model,) = Artifact.list(source_uri=estimator.model_data, sagemaker_session=session)
(made,) = Association.list(destination_arn=model.artifact_arn, sagemaker_session=session)
assert made.source_name == f"{job}-aws-training-job" and made.association_type == "Produced"
assert Artifact.load(model.artifact_arn, sagemaker_session=session).artifact_type == "Model"

frame = ExperimentAnalytics(experiment_name="traced", sagemaker_session=session).dataframe()
(row,) = frame.to_dict("records")
assert row["DisplayName"] == "Training" and row["k"] == 2.0 and row["test:msd - Count"] == 1, row
assert row["SageMaker.ModelArtifact - Value"] == estimator.model_data

predictor = estimator.deploy(1, "ml.c4.xlarge")
arn = client.describe_endpoint(EndpointName=predictor.endpoint_name)["EndpointArn"]
(summary,) = EndpointContext.list(source_uri=arn, sagemaker_session=session)
context = EndpointContext.load(summary.context_name, sagemaker_session=session)
assert len(context.dataset_artifacts()) == 2
assert context.training_job_arns() == [client.describe_training_job(TrainingJobName=job)["TrainingJobArn"]]
predictor.delete_endpoint()
print()
print("traced", job)
"""


@pytest.mark.slow
def test_a_training_job_and_its_endpoint_are_traced(local: Any, tmp_path: Path) -> None:
    done = local.run([sys.executable, "-c", LINEAGE], tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("traced ")
