"""Several hosts of a script: the variables by which they find each other, and the programs that start them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks import cluster, hyperparameters
from wildsage.containers.frameworks.variables import ScriptJob

WITHIN_S = 240
SUM_RANKS = """
import json, os
import torch, torch.distributed as dist

dist.init_process_group("gloo")
total = torch.tensor([dist.get_rank() + 1.0])
dist.all_reduce(total)
seen = {"total": total.item(), "host": os.environ["SM_CURRENT_HOST"], "interface": os.environ["SM_NETWORK_INTERFACE_NAME"]}
json.dump(seen, open(os.path.join(os.environ["SM_MODEL_DIR"], "seen.json"), "w"))
dist.destroy_process_group()
"""
TELL_RANK = """
import json, os
rank = os.environ["OMPI_COMM_WORLD_RANK"]
open(os.path.join(os.environ["SM_MODEL_DIR"], rank), "w").write(os.environ["OMPI_ALLOW_RUN_AS_ROOT"] + os.environ["GIVEN"])
"""
STAND_IN_FOR_MPIRUN = """#!/bin/sh
count=$2; export GIVEN="$4"; shift 4
for rank in $(seq 0 $((count - 1))); do OMPI_COMM_WORLD_RANK=$rank "$@" || exit 1; done
"""

Starting = Callable[[OptML, Mapping[str, str]], subprocess.Popen[str]]


def of_pytorch(environment: dict[str, str], **more: str) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    return {**environment, "WILDSAGE_FRAMEWORK": "pytorch", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **more}


def run_both(
    lay_out: Callable[..., OptML], starting: Starting, environment: dict[str, str], code: str, asked: dict[str, Any]
) -> list[OptML]:
    hosts = [lay_out({"train.py": code}, asked, host=f"algo-{number}", hosts=2) for number in (1, 2)]
    for process in [starting(host, environment) for host in hosts]:
        log = process.communicate(timeout=WITHIN_S)[0]
        assert process.returncode == 0, log
    return hosts


@pytest.mark.parametrize("asked", ["sagemaker_torch_distributed_enabled", "sagemaker_pytorch_ddp_enabled"])
def test_torchrun_starts_a_rank_on_every_host(lay_out, environment, starting, asked):
    pytest.importorskip("torch")
    hosts = run_both(lay_out, starting, of_pytorch(environment), SUM_RANKS, {asked: True})
    seen = [json.loads((host.model / "seen.json").read_text()) for host in hosts]
    assert seen == [{"total": 3.0, "host": name, "interface": "lo"} for name in ("algo-1", "algo-2")]


def test_the_first_host_starts_the_processes_of_mpi(lay_out, environment, starting, tmp_path):
    program = tmp_path / "bin" / "mpirun"
    program.parent.mkdir()
    program.write_text(STAND_IN_FOR_MPIRUN)
    program.chmod(0o755)
    asked = {
        "sagemaker_mpi_enabled": True,
        "sagemaker_mpi_num_of_processes_per_host": 2,
        "sagemaker_mpi_custom_mpi_options": "-x FIRST=1 --NCCL_DEBUG=INFO",
    }
    path = f"{program.parent}:{os.environ['PATH']}"
    first, second = run_both(lay_out, starting, {**environment, "PATH": path}, TELL_RANK, asked)
    told = {file.name: file.read_text() for file in first.model.iterdir()}
    assert told == dict.fromkeys("0123", "1FIRST=1")
    assert not [*second.model.iterdir()]


def test_mpi_without_mpirun_says_what_to_install(train, tmp_path):
    done = train({"train.py": ""}, {"PATH": str(tmp_path)}, hyperparameters={"sagemaker_mpi_enabled": True})
    assert done.reason.startswith(
        "ClientError: distribution mpi starts your script with mpirun, which is not installed here. Install Open MPI, such as"
    )


@pytest.mark.parametrize(
    ("asked", "library"),
    [
        ({"sagemaker_distributed_dataparallel_enabled": True}, "dataparallel"),
        ({"mp_parameters": {"partitions": 2}, "sagemaker_mpi_enabled": True}, "modelparallel"),
    ],
)
def test_amazons_own_libraries_are_rejected(train, asked, library):
    done = train({"train.py": ""}, hyperparameters=asked)
    assert done.reason.startswith(
        f"ClientError: distribution smdistributed {library} needs a library that only Amazon's"
    )
    assert "Use torch_distributed" in done.reason


def test_a_distribution_runs_python_alone(train):
    done = train({"run.sh": ""}, program="run.sh", hyperparameters={"sagemaker_torch_distributed_enabled": True})
    assert done.reason == "ClientError: The distribution runs a Python script, not run.sh."


def tf_config(tmp_path: Path, host: str, hosts: int, **asked: bool) -> Any:
    names = tuple(f"algo-{number}" for number in range(1, hosts + 1))
    job = TrainingJob(hyperparameters={}, channels={}, current_host=host, hosts=names, network_interface="lo")
    values = hyperparameters.decode({f"sagemaker_{name}_enabled": json.dumps(value) for name, value in asked.items()})
    found = cluster.variables(ScriptJob(OptML(tmp_path), "tensorflow", job, values, "job"), {"MASTER_PORT": "7000"})
    return json.loads(found["TF_CONFIG"]) if found else None


def test_workers_of_a_mirrored_strategy_find_each_other(tmp_path):
    found = [tf_config(tmp_path, host, 2, multi_worker_mirrored_strategy=True) for host in ("algo-1", "algo-2")]
    cluster = {"worker": ["algo-1:7001", "algo-2:7002"]}
    assert found == [
        {"cluster": cluster, "environment": "cloud", "task": {"index": index, "type": "worker"}} for index in (0, 1)
    ]


def test_a_parameter_server_has_a_master_workers_and_servers(tmp_path):
    first, second = (tf_config(tmp_path, host, 2, parameter_server=True) for host in ("algo-1", "algo-2"))
    servers = ["algo-1:7100", "algo-2:7101"]
    assert first["cluster"] == {"master": ["algo-1:7001"], "ps": servers, "worker": ["algo-2:7002"]}
    assert first["task"] == {"index": 0, "type": "master"}
    assert second["cluster"] == first["cluster"]
    assert second["task"] == {"index": 0, "type": "worker"}


def test_other_jobs_of_tensorflow_have_no_cluster(tmp_path):
    assert tf_config(tmp_path, "algo-1", 2) is None
    assert tf_config(tmp_path, "algo-1", 1, parameter_server=True) is None
