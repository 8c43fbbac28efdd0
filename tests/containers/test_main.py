"""How the process of a container ends."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, runpy, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from wildsage.containers.launchers import job_folder
pools = []

def train(options, run):
    atexit.register(print, "at the end")
    pools.append(ThreadPoolExecutor(1))
    pools[0].submit(print, "in a pool").result()
    threading.Thread(target=lambda: (time.sleep(0.3), print("in a thread"))).start()
    return int(options[0])

job_folder.train = train
runpy.run_module("wildsage.containers", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("status", "said"),
    [(0, ["in a pool", "in a thread", "at the end"]), (3, ["in a pool"])],
    ids=["success", "failure"],
)
def test_success_waits_for_threads_and_does_what_was_registered_for_the_end(status, said):
    """A pool of threads that stays for the next rows, as that of k-means does, holds up neither."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", str(status)], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (status, said, "")
