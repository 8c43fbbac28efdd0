"""A TrainJob of Kubeflow Trainer: its runtime for torch starts torchrun on every node, and torchrun starts our host.

Source: https://www.kubeflow.org/docs/components/trainer/ (v1alpha1 of the API of Trainer 2).
"""

from __future__ import annotations

from typing import Any

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.manifests import kubernetes
from wildsage.local_runner.manifests.description import Workload

RUNTIME = "torch-distributed"
TORCHRUN = "python -P -m torch.distributed.run -m wildsage.containers"

AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
)


def job(workload: Workload) -> str:
    """A TrainJob. Raises UserError for a claim: what is mounted into the pods is the runtime's."""
    if workload.claim:
        raise UserError("A TrainJob mounts what its runtime mounts: use an address of S3, or --for kubernetes.")
    trainer: dict[str, Any] = {
        "image": workload.image,
        "numNodes": workload.count,
        "numProcPerNode": 1,
        "command": TORCHRUN.split(),
        "args": list(workload.arguments),
        "resourcesPerNode": kubernetes.resources(workload),
    }
    if workload.environment:
        trainer["env"] = kubernetes.variables(dict(workload.environment))
    if workload.secret:
        trainer["env"] = trainer.get("env", []) + [_from_secret(name, workload.secret) for name in AWS_VARIABLES]
    spec: dict[str, Any] = {"runtimeRef": {"name": RUNTIME}, "trainer": trainer}
    return kubernetes.documents(
        {
            "apiVersion": "trainer.kubeflow.org/v1alpha1",
            "kind": "TrainJob",
            "metadata": {"name": workload.name},
            "spec": spec,
        }
    )


def _from_secret(name: str, secret: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name, "optional": True}}}
