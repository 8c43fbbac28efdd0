"""The text of a job is streamed, never held."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import os, sys
from pathlib import Path
sys.path.insert(0, "tests/algorithms")
from finished_job import FinishedJob
from wildsage.containers.contract.job import ChannelConfig

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # a job holds a block for each core
folder, mode, input_mode = Path(sys.argv[1]), *sys.argv[2:]
line = b"__label__a " + b" ".join(b"word%d" % number for number in range(100)) + b"\\n"
given = {"mode": mode, "vector_dim": "2", "epochs": "2", "word_ngrams": "1", "negative_samples": "1", "window_size": "1"}
for lines in (5_000, 30_000):
    text = line * lines
    before = peak()
    done = FinishedJob.run("blazingtext", folder / str(lines), given, {"train": text}, ChannelConfig("text/plain", input_mode), passes=4)
    grown = peak() - before
    assert done.status == 0, done.failure
print(len(text), grown)
"""


@pytest.mark.parametrize(("mode", "input_mode"), [("supervised", "Pipe"), ("batch_skipgram", "File")])
def test_a_job_holds_a_few_blocks_of_its_text(tmp_path, mode, input_mode):
    """A text of 21 MB adds less than half of its size to the peak of a job that read a sixth of it before."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), mode, input_mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    size, grown = map(int, done.stdout.split())
    assert size > 20_000_000 and grown < size / 2, f"{grown:,} bytes of memory for {size:,} bytes of text"
