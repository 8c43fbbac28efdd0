"""Temporary folders and their owners."""

import os
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


def test_only_folders_without_an_owner_are_removed(place):
    for name in ("wildsage-job-left", "wildsage-new-x", "other"):
        (place / name).mkdir()
    (place / "wildsage-job-file").touch()
    (place / "elsewhere").mkdir()
    (place / "wildsage-job-link").symlink_to(place / "elsewhere")
    os.mkfifo(place / "wildsage-job-pipe")  # anybody may make one in a folder for all; to open it would wait for ever
    with temp_folder.folder() as own:
        assert own.name.startswith("wildsage-job-") and list(own.iterdir()) == []
        assert {path.name for path in place.iterdir()} >= {"wildsage-new-x", "other", "elsewhere", own.name}
        assert not (place / "wildsage-job-left").exists() and (place / "wildsage-job-link").is_symlink()
    assert not own.exists()


def test_a_folder_goes_when_its_block_raises_and_takes_no_descriptor_along(place):
    before = set(os.listdir("/proc/self/fd"))
    (place / "wildsage-job-left").mkdir()
    with pytest.raises(KeyError), temp_folder.folder() as own:
        (own / "file").touch()
        with temp_folder.folder():
            raise KeyError
    assert list(place.iterdir()) == [] and set(os.listdir("/proc/self/fd")) == before


def test_a_folder_that_somebody_removed_is_no_error(place):
    with temp_folder.folder() as own:
        own.rmdir()
    assert list(place.iterdir()) == []
