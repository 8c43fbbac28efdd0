"""The script for torchrun, with a stand-in for torchrun that writes down how it was called; torchrun's own parser reads that."""

import os
import subprocess
from dataclasses import replace

from wildsage.containers.contract import train_options
from wildsage.local_runner.manifests import torchrun

TORCHRUN = """#!/bin/bash
printf '%s\\n' "$WILDSAGE_ALGORITHM" "$OMP_NUM_THREADS" "$NOTE" "$@"
"""


def run(script: str, folder, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "torchrun").write_text(TORCHRUN)
    (folder / "torchrun").chmod(0o700)
    (folder / "job.sh").write_text(script)
    environment = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(["bash", folder / "job.sh", *words], env=environment, capture_output=True, text=True)


def test_torchrun_starts_a_host_on_each_machine_with_the_options_of_the_job(workload, tmp_path):
    from torch.distributed.run import get_args_parser

    script = torchrun.job(replace(workload, cpus="1.5", environment={"NOTE": "two words"}))
    algorithm, threads, note, *words = run(script, tmp_path, "first-machine").stdout.splitlines()
    assert (algorithm, threads, note) == ("kmeans", "2", "two words")
    found = get_args_parser().parse_args(words)
    assert (found.nnodes, found.nproc_per_node, found.rdzv_endpoint) == ("3", "1", "first-machine:29400")
    assert (found.rdzv_id, found.module, found.training_script) == ("first", True, "wildsage.containers")
    assert tuple(found.training_script_args) == workload.arguments
    assert train_options.parse(found.training_script_args[1:]).channels


def test_without_the_name_of_the_first_machine_the_script_says_what_is_missing(workload, tmp_path):
    done = run(torchrun.job(workload), tmp_path)
    assert done.returncode and "name of the first machine" in done.stderr and not done.stdout
