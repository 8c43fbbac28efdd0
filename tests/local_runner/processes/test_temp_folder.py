"""Temporary folders and their owners."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from wildsage.local_runner.processes import temp_folder

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_with_its_block_and_leaves_others_alone(place):
    with temp_folder.folder() as first:
        (first / "file").touch()
        with temp_folder.folder() as second:
            assert {first, second} == set(place.iterdir())
        assert (first / "file").exists()
    assert not list(place.iterdir())


def test_a_folder_of_a_killed_owner_goes_with_the_next(place):
    script = (
        "import os, signal, tempfile; from wildsage.local_runner.processes import temp_folder; tempfile.tempdir = os.environ['PLACE']\n"
        "with temp_folder.folder() as own: (own / 'file').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={"PLACE": str(place)}, check=False)
    (left,) = place.iterdir()
    assert (left / "file").exists()
    with temp_folder.folder() as own:
        assert list(place.iterdir()) == [own]
