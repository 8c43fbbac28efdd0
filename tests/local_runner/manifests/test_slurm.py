"""Slurm's script, with a stand-in for srun that starts the tasks as Slurm does."""

import os
import subprocess
import sys
import tarfile
from dataclasses import replace

from wildsage.local_runner.manifests import slurm

SRUN = """#!/bin/bash
# Starts two tasks on this machine, with the variables of srun, and fails where one fails.
shift
export SLURM_STEP_ID=0 SLURM_JOB_ID=$JOB SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NODELIST='localhost,other[1-3]'
SLURM_PROCID=1 "$@" & SLURM_PROCID=0 "$@"; first=$?; wait $! && exit $first
"""


def test_the_script_trains(workload, tmp_path):
    (tmp_path / "rows of users").mkdir()
    for number in range(2):
        (tmp_path / "rows of users" / f"{number}.csv").write_text("".join(f"{row % 5}\n" for row in range(100)))
    arguments = (
        *("train", "--channel", f"train={tmp_path}/rows of users", "--content-type", "train=text/csv;label_size=0"),
        *("--hp", "k=3", "--hp", "feature_dim=1", "--model", str(tmp_path)),
    )
    (tmp_path / "srun").write_text(SRUN)
    (tmp_path / "srun").chmod(0o700)
    (tmp_path / "job.sh").write_text(slurm.job(replace(workload, count=2, arguments=arguments, cpus="1")))
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.path.dirname(sys.executable)}:/usr/bin:/bin"}
    environment |= {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "JOB": str(os.getpid())}
    run = subprocess.run(["bash", tmp_path / "job.sh"], env=environment, capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "algo-2 is number 1 of 2 hosts by Slurm; they meet at localhost:" in run.stdout
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert "model_algo-1" in archive.getnames()


def test_what_is_asked_for_stands_in_the_script(workload):
    lines = slurm.job(replace(workload, memory="512Mi")).splitlines()
    assert "#SBATCH --nodes=3" in lines and "#SBATCH --mem=512M" in lines
    assert "'train=/data/rows of users'" in lines[-1]


def test_a_part_of_a_processor_is_rounded_up(workload):
    script = slurm.job(replace(workload, cpus="1.5"))
    assert "#SBATCH --cpus-per-task=2" in script and "OMP_NUM_THREADS=2" in script


def test_each_node_has_one_task_and_the_variables_of_the_job(workload):
    lines = slurm.job(replace(workload, environment={"NOTE": "two words"})).splitlines()
    assert "#SBATCH --ntasks-per-node=1" in lines and "#SBATCH --mem=4G" in lines and "export NOTE='two words'" in lines
