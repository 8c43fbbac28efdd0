"""What a job uses is what the processes in its folder use, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import psutil

from wildsage.local_runner.monitor import usage

WORK = "data = bytearray(50_000_000); [i * i for i in range(2_000_000)]; print('ready', flush=True); input()"


def cpu_s(process: subprocess.Popen) -> float:
    times = psutil.Process(process.pid).cpu_times()
    assert times.system > 0
    return times.user + times.system


def test_only_processes_below_the_folder_count(tmp_path):
    job, other = tmp_path / "job", tmp_path / "job-2"
    (job / "algo-1").mkdir(parents=True)
    other.mkdir()
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([sys.executable, "-c", WORK], cwd=job / "algo-1", **streams) as inside,
        subprocess.Popen([sys.executable, "-c", WORK], cwd=other, **streams) as outside,
    ):
        assert inside.stdout.readline() == outside.stdout.readline() == "ready\n"
        before, found, after = cpu_s(inside), usage.sample(job), cpu_s(inside)
        for process in (inside, outside):
            process.communicate("\n")
    assert found.processes == 1 and found.resident_bytes > 50_000_000
    assert 0 < before - 0.005 <= found.cpu_s <= after + 0.005


def test_nothing_runs_in_a_folder_that_does_not_exist(tmp_path):
    found = usage.sample(tmp_path / "absent")
    assert (found.processes, found.cpu_s, found.resident_bytes) == (0, 0.0, 0)


def test_a_process_that_ends_while_it_is_looked_at_hides_no_other(tmp_path, monkeypatch):
    class Gone:
        def oneshot(self):
            raise psutil.NoSuchProcess(1)

    monkeypatch.setattr(usage, "_working_below", lambda folder: [Gone(), psutil.Process(), Gone()])
    assert usage.sample(tmp_path).processes == 1
