"""SDK v2's experiments: a Run that notes parameters, metrics, files and curves, and is read again."""

from __future__ import annotations

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
    done = local.run_sdk2(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "runs 1 k 7.0"


LINEAGE = """
import boto3
import numpy as np
import sagemaker
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.lineage.action import ModelPackageApprovalAction
from sagemaker.lineage.artifact import Artifact, DatasetArtifact, ImageArtifact, ModelArtifact
from sagemaker.lineage.association import Association
from sagemaker.lineage.context import EndpointContext
from sagemaker.lineage.lineage_trial_component import LineageTrialComponent
from sagemaker.lineage.query import LineageQuery, LineageQueryDirectionEnum as Way
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
job_arn = client.describe_training_job(TrainingJobName=job)["TrainingJobArn"]
rows_csv = sagemaker.s3.S3Uploader.upload_string_as_file_body("1,2,3", f"s3://{session.default_bucket()}/rows.csv")
transformer = estimator.transformer(1, "ml.c4.xlarge")
transformer.transform(rows_csv, content_type="text/csv", wait=True, logs=False)

(served,) = context.models()
assert (served.source_type, served.destination_type) == ("ModelDeployment", "Model"), served
assert served.destination_arn == model.artifact_arn
assert [one.artifact_arn for one in context.models_v2()] == [model.artifact_arn]
assert len(context.dataset_artifacts()) == 2
assert context.training_job_arns() == [job_arn]
assert [one.source["SourceArn"] for one in context.trial_components()] == [job_arn]
assert context.processing_jobs() == context.transform_jobs() == []
assert context.pipeline_execution_arn() is None
(action,) = context.actions(Way.ASCENDANTS)
assert [one.action_arn for one in context.actions(Way.DESCENDANTS)] == [action.action_arn]
assert {one.artifact_type for one in action.artifacts(Way.ASCENDANTS)} == {"Model", "Image", "DataSet"}
approval = ModelPackageApprovalAction.load(action.action_name, sagemaker_session=session)
assert len(approval.datasets()) == 2
assert [one.context_arn for one in approval.endpoints()] == [context.context_arn]

model = ModelArtifact.load(model.artifact_arn, sagemaker_session=session)
assert [one.destination_arn for one in model.endpoints()] == [context.context_arn]
assert [one.context_arn for one in model.endpoint_contexts()] == [context.context_arn]
assert len(model.dataset_artifacts()) == 2 and model.training_job_arns() == [job_arn]
dataset = DatasetArtifact.load(model.dataset_artifacts()[0].artifact_arn, sagemaker_session=session)
assert [one.destination_arn for one in dataset.trained_models()] == [model.artifact_arn]
assert [one.context_arn for one in dataset.endpoint_contexts()] == [context.context_arn]
assert dataset.upstream_datasets() == []
(written,) = dataset.downstream_datasets()
assert written.source.source_uri == transformer.output_path
(image,) = [one for one in action.artifacts(Way.ASCENDANTS) if one.artifact_type == "Image"]
derived = ImageArtifact.load(image.artifact_arn, sagemaker_session=session).datasets(Way.DESCENDANTS)
uris = {one.source.source_uri for one in derived}  # Jobs of other tests have the same image.
assert transformer.output_path in uris and not uris & {records.s3_data, test.s3_data, rows_csv}, uris
component = LineageTrialComponent.load(f"{job}-aws-training-job", sagemaker_session=session)
assert len(component.dataset_artifacts()) == 2
assert [one.artifact_arn for one in component.models()] == [model.artifact_arn]

drawn = LineageQuery(session).query([context.context_arn])._get_visualization_elements()
nodes = {arn for arn, *_ in drawn["nodes"]}
assert all({source, destination} <= nodes for source, destination, _ in drawn["edges"]) and len(drawn["edges"]) >= 6
assert [arn for arn, _, _, is_start in drawn["nodes"] if is_start] == [context.context_arn]
assert len(LineageTableVisualizer(session).show(endpoint_arn=arn)) == 2
predictor.delete_endpoint()
print()
print("traced", job)
"""


@pytest.mark.slow
def test_a_training_job_and_its_endpoint_are_traced(local: Any, tmp_path: Path) -> None:
    done = local.run_sdk2(LINEAGE, tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-3000:]
    assert done.stdout.splitlines()[-1].startswith("traced ")
