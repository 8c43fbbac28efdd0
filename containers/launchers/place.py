"""Which host of how many this is, and where they meet, from the variables of the launcher that started it.

Sources: https://docs.pytorch.org/docs/stable/elastic/run.html (torchrun; trainers of Kubeflow and Ray set the same variables),
https://kubernetes.io/docs/concepts/workloads/controllers/job/ (Indexed), https://slurm.schedmd.com/srun.html (output environment).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.whole_number import LARGEST, whole_number

PORT = 9000
"""Where hosts meet unless `MASTER_PORT` says otherwise: the port of SageMaker's own images."""

PORTS_OF_SLURM = 20_000
"""Jobs of one Slurm cluster may share a machine, so each takes one of so many ports, by its number."""

LAST_PORT = 65_535
MOST_HOSTS = 100_000
INDEX = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True)
class HostPlace:
    """This is host number `rank`, from 0, of `size`; the first can be reached at `address`, and `port` is free there."""

    launcher: str
    rank: int
    size: int
    address: str
    port: int

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of all hosts as SageMaker gives and sorts them, as text, so that equal hosts train equal models."""
        return tuple(sorted(f"algo-{number}" for number in range(1, self.size + 1)))

    @property
    def host(self) -> str:
        """The name of this one."""
        return self.hosts[self.rank]


def find(environment: Mapping[str, str]) -> HostPlace | None:
    """The place of this host, or None where no launcher has given it one. Raises UserError for variables that do not fit.

    >>> find({"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "first"})
    HostPlace(launcher='torch', rank=1, size=3, address='first', port=9000)
    """
    if "RANK" in environment and "WORLD_SIZE" in environment:
        return _place("torch", "RANK", "WORLD_SIZE", environment)
    if INDEX in environment:
        return _of_kubernetes(environment)
    if "SLURM_STEP_ID" in environment and "SLURM_PROCID" in environment:  # a step of srun, not a script of sbatch
        return _of_slurm(environment)
    return None


def _of_kubernetes(environment: Mapping[str, str]) -> HostPlace:
    """Kubernetes tells a pod its index, but neither how many there are nor the name of the first."""
    if "WORLD_SIZE" not in environment:
        raise UserError(
            f"Environment variable {INDEX} is set, WORLD_SIZE is not. Set WORLD_SIZE to the completions of the Job, and "
            "MASTER_ADDR to the name of its first pod, as `wildsage manifest` does."
        )
    return _place("Kubernetes", INDEX, "WORLD_SIZE", environment)


def _of_slurm(environment: Mapping[str, str]) -> HostPlace:
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "")
    job = _number(environment, "SLURM_JOB_ID", LARGEST) if "SLURM_JOB_ID" in environment else 0
    assumed = {"MASTER_ADDR": first_node(nodes), "MASTER_PORT": str(PORT + job % PORTS_OF_SLURM)}
    size = "SLURM_STEP_NUM_TASKS" if "SLURM_STEP_NUM_TASKS" in environment else "SLURM_NTASKS"
    return _place("Slurm", "SLURM_PROCID", size, {**assumed, **environment})


def first_node(nodes: str) -> str:
    """The first of a list of nodes in Slurm's short form.

    >>> first_node("gpu[007-012,020],login1"), first_node("a1,a2"), first_node("rack[1-2]node[3-4]")
    ('gpu007', 'a1', 'rack1node3')
    """
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", nodes)
    return re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", first.group() if first else "")


def _place(launcher: str, rank: str, size: str, environment: Mapping[str, str]) -> HostPlace:
    found_size = _number(environment, size, MOST_HOSTS)
    found_rank = _number(environment, rank, MOST_HOSTS)
    if found_rank >= found_size:
        raise UserError(
            f"Environment variable {rank}: got {found_rank}, expected less than {found_size}, which {size} says."
        )
    address = environment.get("MASTER_ADDR", "")
    if not address and found_size > 1:
        raise UserError(
            f"Environment variable MASTER_ADDR is not set: it says where the {found_size} hosts meet, by the name of the first."
        )
    port = _number(environment, "MASTER_PORT", LAST_PORT) if environment.get("MASTER_PORT") else PORT
    return HostPlace(launcher, found_rank, found_size, address or "127.0.0.1", port)


def _number(environment: Mapping[str, str], name: str, most: int) -> int:
    try:
        return whole_number(environment.get(name, ""), most=most)
    except ValueError as error:
        raise UserError(f"Environment variable {name}: {error}.") from None
