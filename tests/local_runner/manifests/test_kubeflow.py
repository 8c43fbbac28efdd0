"""A TrainJob against the published API of Kubeflow Trainer."""

from dataclasses import replace

import pytest
import yaml

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.manifests import kubeflow


def test_the_published_api_knows_every_field(workload):
    # Its import takes longer than this file's tests, and every worker reads all files.
    from kubeflow_trainer_api.models.trainer_v1alpha1_train_job import TrainerV1alpha1TrainJob

    given = yaml.safe_load(kubeflow.job(replace(workload, claim=None)))
    assert TrainerV1alpha1TrainJob.from_dict(given).to_dict() == given
    assert given["spec"]["trainer"]["numNodes"] == 3


def test_a_claim_is_rejected(workload):
    with pytest.raises(UserError, match="A TrainJob mounts what its runtime mounts"):
        kubeflow.job(workload)
