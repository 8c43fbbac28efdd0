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
artifacts = {one["ArtifactName"] for one in client.list_artifacts()["ArtifactSummaries"]}
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
