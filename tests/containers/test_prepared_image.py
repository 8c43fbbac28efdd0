"""What an image did as it was built is not done again."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys, tempfile
from pathlib import Path
sys.path.insert(0, "tests/algorithms")
from finished_job import FinishedJob
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.prepare import prepare

def compiled():
    modules = [module for name, module in sys.modules.items() if name.startswith("wildsage.algorithms.blazingtext")]
    loops = {each for module in modules for each in vars(module).values() if hasattr(each, "signatures")}
    return {(loop.__name__, str(signature)) for loop in loops for signature in loop.signatures}

prepare({"WILDSAGE_ALGORITHM": "blazingtext"})
before = compiled()
text = b"".join(b"__label__%d ship word%d\\n" % (number, number) for number in range(1000))
jobs = [
    {"mode": "supervised", "word_ngrams": "3", "early_stopping": "true", "min_epochs": "1"},
    {"mode": "batch_skipgram"}, {"mode": "skipgram", "subwords": "true"}, {"mode": "cbow"},
]
for given in jobs:
    given |= {"vector_dim": "3", "min_count": "1", "buckets": "100", "epochs": "1"}
    channels = {"train": text} | ({"validation": text} if given["mode"] == "supervised" else {})
    done = FinishedJob.run("blazingtext", Path(tempfile.mkdtemp(dir=sys.argv[1])), given, channels, ChannelConfig("text/plain"))
    assert done.status == 0, done.failure
print(len(before), sorted(compiled() - before))
"""


def test_jobs_compile_nothing_that_was_not_prepared(tmp_path):
    """In a process of its own, in which no other test has compiled anything."""
    pytest.importorskip("numba")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    prepared, others = done.stdout.splitlines()[-1].split(" ", 1)
    # Where the machine code is kept already, what the loops call is not loaded: 10 loops in place of more than 20.
    assert int(prepared) >= 10 and others == "[]"
