"""The example of word vectors: neighbours of one topic, and a picture of them."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("matplotlib")
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "word_vectors.py"


def test_the_example_lists_neighbours_and_draws_them(tmp_path):
    picture = tmp_path / "picture.png"
    command = [sys.executable, "-m", "wildsage.local_runner", "run", "--data", str(tmp_path / "aws"), str(EXAMPLE)]
    done = subprocess.run([*command, "--output", str(picture)], capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    trained, *lines = done.stdout.splitlines()
    assert trained.startswith("Trained: s3://") and len(lines) == 24
    topics = [set(topic.split()) for topic in runpy.run_path(str(EXAMPLE))["TOPICS"]]
    for line in lines:
        word, _, nearest = line.partition(": ")
        (topic,) = (each for each in topics if word in each)
        assert len(topic.intersection(nearest.split(", "))) >= 2, line
    assert picture.read_bytes().startswith(b"\x89PNG")
