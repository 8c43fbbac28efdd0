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


def test_every_node_runs_one_process_with_the_options_and_variables_of_the_job(workload):
    plain = replace(workload, claim=None, secret=None)
    trainer = yaml.safe_load(kubeflow.job(plain))["spec"]["trainer"]
    assert trainer["numProcPerNode"] == 1 and trainer["args"] == list(workload.arguments) and "env" not in trainer
    assert trainer["command"] == ["python", "-P", "-m", "torch.distributed.run", "-m", "wildsage.containers"]
    own = replace(plain, environment={"NOTE": "x"})
    assert yaml.safe_load(kubeflow.job(own))["spec"]["trainer"]["env"] == [{"name": "NOTE", "value": "x"}]


def test_a_secret_gives_those_of_awss_variables_that_it_has_beside_the_jobs_own(workload):
    found = yaml.safe_load(kubeflow.job(replace(workload, claim=None, environment={"NOTE": "x"})))
    own, *secret = found["spec"]["trainer"]["env"]
    assert own == {"name": "NOTE", "value": "x"} and "AWS_SESSION_TOKEN" in {one["name"] for one in secret}
    for one in secret:
        assert one["valueFrom"]["secretKeyRef"] == {"name": "keys", "key": one["name"], "optional": True}
