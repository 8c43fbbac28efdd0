"""The command that starts a host on each machine where a shell runs it.

Source: https://docs.pytorch.org/docs/stable/elastic/run.html.
"""

from __future__ import annotations

import shlex

from wildsage.local_runner.manifests.description import Workload


def job(workload: Workload) -> str:
    """A line of shell for every machine. The first argument is the name of the first machine, which all can reach."""
    torchrun = ["torchrun", f"--nnodes={workload.count}", "--nproc-per-node=1", "--rdzv-backend=c10d"]
    named = (
        f'{shlex.join(torchrun)} --rdzv-id={workload.name} --rdzv-endpoint="${{1:?name of the first machine}}:29400"'
    )
    return "\n".join(
        [
            "#!/bin/bash",
            "# On every machine: bash THIS_FILE NAME_OF_THE_FIRST_MACHINE",
            "set -euo pipefail",
            f"export WILDSAGE_ALGORITHM={workload.algorithm} OMP_NUM_THREADS={workload.whole_cpus}",
            *(f"export {name}={shlex.quote(value)}" for name, value in workload.environment.items()),
            f"exec {named} -m wildsage.containers {shlex.join(workload.arguments)}",
            "",
        ]
    )
