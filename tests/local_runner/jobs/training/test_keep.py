"""`--keep`: the folder of an ended job."""

from __future__ import annotations

import json


def test_the_folder_of_an_ended_job_is_kept_where_that_is_asked_for(start_aws, tmp_path):
    aws = start_aws(tmp_path / "aws", "20", "process", "1", "keep")
    job = aws.train(probe="kept")
    assert aws.finished(job)["TrainingJobStatus"] == "Completed"
    config = aws.region.kept / job / "algo-1" / "input" / "config" / "hyperparameters.json"
    assert json.loads(config.read_text())["probe"] == "kept"


def test_otherwise_nothing_is_kept(aws):
    job = aws.train()
    assert aws.finished(job)["TrainingJobStatus"] == "Completed"
    assert not (aws.region.kept).exists()
