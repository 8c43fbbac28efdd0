"""Several hosts of a script, and the programs that start them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.ports import free_port
from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks import distribution

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
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return {**environment, "WILDSAGE_FRAMEWORK": "pytorch", **meeting, **more}


def run_both(
    lay_out: Callable[..., OptML], starting: Starting, environment: dict[str, str], code: str, asked: dict[str, Any]
) -> list[OptML]:
    hosts = [lay_out({"train.py": code}, asked, host=f"algo-{number}", hosts=2) for number in (1, 2)]
    for process in [starting(host, environment) for host in hosts]:
        log = process.communicate(timeout=WITHIN_S)[0]
        assert process.returncode == 0, log
    return hosts


def test_torchrun_starts_a_rank_on_every_host(lay_out, environment, starting):
    pytest.importorskip("torch")
    hosts = run_both(
        lay_out, starting, of_pytorch(environment), SUM_RANKS, {"sagemaker_torch_distributed_enabled": True}
    )
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


@pytest.mark.parametrize(
    ("asked", "library"),
    [
        ({"sagemaker_distributed_dataparallel_enabled": True}, "dataparallel"),
        ({"mp_parameters": {}}, "modelparallel"),
        ({"sagemaker_distributed_dataparallel_enabled": True, "mp_parameters": {}}, "modelparallel"),
    ],
)
def test_a_library_that_only_amazon_has_is_named(script_job, asked, library):
    with pytest.raises(UserError, match=rf"^distribution smdistributed {library} needs a library that only Amazon's"):
        distribution.check(script_job(**asked))


def test_other_jobs_pass_the_check(script_job):
    distribution.check(script_job(sagemaker_distributed_dataparallel_enabled=False, sagemaker_mpi_enabled=True))


@pytest.mark.parametrize(
    ("asked", "starts"),
    [
        ({}, None),
        ({"epochs": 5, "sagemaker_torch_distributed_enabled": False}, None),
        ({"sagemaker_torch_distributed_enabled": True}, distribution.torchrun),
        ({"sagemaker_pytorch_ddp_enabled": True}, distribution.torchrun),
        ({"sagemaker_mpi_enabled": False, "sagemaker_pytorch_ddp_enabled": True}, distribution.torchrun),
        ({"sagemaker_mpi_enabled": True, "sagemaker_pytorch_ddp_enabled": True}, distribution.mpirun),
    ],
)
def test_what_is_asked_for_says_what_starts_the_program(script_job, asked, starts):
    assert distribution.launcher(script_job(**asked)) is starts
    assert distribution.by_mpi(script_job(**asked)) is (starts is distribution.mpirun)


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Path:
    """A folder of programs, the only one in PATH, with a Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, text: str = "") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    return str(folder / name)


MEETING = {"MASTER_ADDR": "algo-1", "MASTER_PORT": "7777"}


@pytest.mark.parametrize(("gpus", "processes"), [(0, "1"), (1, "1"), (4, "4")])
def test_torchrun_starts_a_process_for_each_gpu(script_job, machine, gpus, processes):
    program(machine, "nvidia-smi", "\n".join(f"echo 'GPU {number}: A'" for number in range(gpus)))
    job = script_job(hosts=2, host="algo-2")
    assert distribution.torchrun(job, Path("python"), MEETING, ["train.py", "--epochs", "5"]) == [
        *("python", "-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", processes),
        *("--master_addr", "algo-1", "--master_port", "7777", "--node_rank", "1", "train.py", "--epochs", "5"),
    ]


def mpi_words(script_job, machine: Path, hosts: int = 1, **asked: Any) -> list[str]:
    """What follows the name of mpirun."""
    job = script_job(hosts=hosts, **{f"sagemaker_mpi_{name}": value for name, value in asked.items()})
    found = program(machine, "mpirun")
    line = distribution.mpirun(job, machine / "python", {"PATH": str(machine)}, ["train.py", "-l", "5"])
    assert line[0] == found
    return line[1:]


def test_mpirun_starts_all_processes_of_all_hosts(script_job, machine):
    own = [str(machine / "python"), "train.py", "-l", "5"]
    assert mpi_words(script_job, machine) == ["-np", "1", *own]
    assert mpi_words(script_job, machine, 3, num_of_processes_per_host=2) == ["-np", "6", *own]
    program(machine, "nvidia-smi", "echo 'GPU 0: A'; echo 'GPU 1: A'")
    assert mpi_words(script_job, machine, 2) == ["-np", "4", *own]
    assert mpi_words(script_job, machine, 2, num_of_processes_per_host=1)[1] == "2"


def test_options_of_mpi_are_passed_on_but_for_the_one_that_the_toolkit_reads(script_job, machine):
    options = "-x 'A=two words' --NCCL_DEBUG=INFO --oversubscribe --NCCL 1 -h"
    words = mpi_words(script_job, machine, custom_mpi_options=options)
    assert words[2:8] == ["-x", "A=two words", "--oversubscribe", "--NCCL", "1", "-h"]


def test_where_there_is_mpi4py_it_runs_the_program(script_job, machine, tmp_path, monkeypatch):
    (tmp_path / "modules" / "mpi4py").mkdir(parents=True)
    (tmp_path / "modules" / "mpi4py" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "modules")
    words = mpi_words(script_job, machine)
    assert words[2:] == [str(machine / "python"), "-m", "mpi4py", "train.py", "-l", "5"]


def test_mpirun_beside_the_python_of_the_job_comes_first(script_job, machine, tmp_path):
    program(machine, "mpirun")
    own = program(tmp_path / "environment", "mpirun")
    line = distribution.mpirun(script_job(), tmp_path / "environment" / "python", {"PATH": str(machine)}, ["train.py"])
    assert line[0] == own
    for variables in ({}, {"PATH": "/nowhere"}):
        with pytest.raises(UserError, match=r"with mpirun, which is not installed here. Install Open MPI"):
            distribution.mpirun(script_job(), Path("/nowhere/python"), variables, ["train.py"])
