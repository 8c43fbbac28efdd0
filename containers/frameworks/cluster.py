"""How the hosts of a script's job find each other: the variables that each framework reads.

Source: contract script-mode, section 2; training.py of aws/sagemaker-pytorch-training-toolkit and of
aws/sagemaker-tensorflow-training-toolkit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from wildsage.containers.frameworks import distribution
from wildsage.containers.frameworks.variables import ScriptJob

MASTER_PORT = "7777"
LONE_MASTER = "localhost"
WORKERS, SERVERS = 1, 100
"""Distances of the ports of TensorFlow's hosts from the master's port."""


def variables(job: ScriptJob, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of the framework. MASTER_ADDR and MASTER_PORT are those of `environment`, where it has them."""
    found = distribution.ONE_MACHINE if distribution.by_mpi(job) else {}
    return {**found, **_of_framework(job, environment)}


def _of_framework(job: ScriptJob, environment: Mapping[str, str]) -> dict[str, str]:
    hosts = job.job.hosts
    address = environment.get("MASTER_ADDR", hosts[0] if len(hosts) > 1 else LONE_MASTER)
    port = environment.get("MASTER_PORT", MASTER_PORT)
    interface = job.job.network_interface
    if "pytorch" in job.framework:
        sockets = dict.fromkeys(("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"), interface)
        return {"MASTER_ADDR": address, "MASTER_PORT": port, **sockets, "NCCL_IB_DISABLE": "1", "NCCL_DEBUG": "WARN"}
    if "tensorflow" in job.framework and (found := _tf_config(job, int(port))):
        return {"TF_CONFIG": json.dumps(found)}
    return {}


def _tf_config(job: ScriptJob, port: int) -> dict[str, object] | None:
    """TF_CONFIG, if the job asks for a distribution that reads it.

    The hosts may share one machine, so that each gets ports of its own: `port` and its number among the hosts added.
    """
    asked, hosts = job.hyperparameters.of_framework, job.job.hosts
    index = hosts.index(job.job.current_host)
    workers = [f"{host}:{port + WORKERS + number}" for number, host in enumerate(hosts)]
    if asked.get("sagemaker_multi_worker_mirrored_strategy_enabled"):
        return {"cluster": {"worker": workers}, "environment": "cloud", "task": {"index": index, "type": "worker"}}
    if not asked.get("sagemaker_parameter_server_enabled") or len(hosts) == 1:
        return None
    servers = [f"{host}:{port + SERVERS + number}" for number, host in enumerate(hosts)]
    cluster = {"master": workers[:1], "ps": servers, "worker": workers[1:]}
    task = {"index": index - 1, "type": "worker"} if index else {"index": 0, "type": "master"}
    return {"cluster": cluster, "environment": "cloud", "task": task}
