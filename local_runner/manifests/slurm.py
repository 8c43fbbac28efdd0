"""A script for Slurm's sbatch: one task a node, each a host.

Source: https://slurm.schedmd.com/sbatch.html, https://slurm.schedmd.com/srun.html.
"""

from __future__ import annotations

import shlex

from wildsage.local_runner.manifests.description import CONTAINER, Workload

UNITS = {"Ki": "K", "Mi": "M", "Gi": "G", "Ti": "T"}


def job(workload: Workload) -> str:
    """The script. The cluster's Python has Wildsage; where a task ends with an error, srun ends the others."""
    return "\n".join(
        [
            "#!/bin/bash",
            f"#SBATCH --job-name={workload.name}",
            f"#SBATCH --nodes={workload.count}",
            "#SBATCH --ntasks-per-node=1",
            f"#SBATCH --cpus-per-task={workload.whole_cpus}",
            f"#SBATCH --mem={_memory(workload.memory)}",
            "set -euo pipefail",
            f"export WILDSAGE_ALGORITHM={workload.algorithm} OMP_NUM_THREADS={workload.whole_cpus}",
            *(f"export {name}={shlex.quote(value)}" for name, value in workload.environment.items()),
            f"srun --kill-on-bad-exit=1 {CONTAINER} {shlex.join(workload.arguments)}",
            "",
        ]
    )


def _memory(wanted: str) -> str:
    """Kubernetes' unit as Slurm writes it."""
    return next((wanted.removesuffix(unit) + short for unit, short in UNITS.items() if wanted.endswith(unit)), wanted)
