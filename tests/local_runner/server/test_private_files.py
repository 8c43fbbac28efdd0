"""Nobody but its owner reads a data folder, whatever the umask, and however old the folder is."""

from __future__ import annotations

import os
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import pytest

from wildsage.local_runner.server import private_files
from wildsage.local_runner.server.gunicorn_server import CannotServe, ServerSettings, serve


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(folder: Path) -> list[Path]:
    """What others than its owner may read, write or enter; links have no rights of their own."""
    paths = [folder, *folder.rglob("*")]
    return [path for path in paths if not path.is_symlink() and mode(path) & 0o077]


@pytest.fixture
def lax_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_server_that_was_used_leaves_nothing_open(start_aws, lax_umask, channel):
    aws = start_aws()
    uri = aws.upload("rows", one=b"1,2\n")
    aws.finished(aws.train(channel(uri)))
    endpoint = aws.deploy(aws.config(aws.model()))
    aws.invoke(endpoint)
    assert mode(aws.data) == mode(aws.data / "s3") == mode(aws.data / "regions") == 0o700
    assert set(os.listdir(aws.data)) <= set(private_files.OURS)
    # below `endpoints`, archives of models say the modes
    assert [path for path in open_to_others(aws.data) if not path.is_relative_to(aws.region.endpoints)] == []


def test_a_folder_of_an_older_version_is_closed(tmp_path):
    data = tmp_path / "data"
    (data / "s3" / "buckets" / "b").mkdir(parents=True)
    for file in ("lock", "server.log", "s3/index.sqlite", "s3/buckets/b/k"):
        (data / file).write_bytes(b"x")
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    outside = tmp_path / "outside"
    outside.touch(0o644)
    (data / "s3" / "link").symlink_to(outside)
    private_files.prepare(data)
    assert open_to_others(data) == []
    assert mode(outside) == 0o644
    assert mode(data / "s3/buckets/b/k") == 0o600
    assert mode(data / "s3/buckets") == 0o700


def test_a_folder_with_files_of_others_stays_open_and_ours_in_it_are_closed(tmp_path):
    """`--data .` in a project that is read by others."""
    tmp_path.chmod(0o755)
    (tmp_path / "README.md").touch(0o644)
    (tmp_path / "s3").mkdir(0o755)
    private_files.prepare(tmp_path)
    assert (mode(tmp_path), mode(tmp_path / "README.md"), mode(tmp_path / "s3")) == (0o755, 0o644, 0o700)


def test_a_folder_that_every_user_may_write_to_is_rejected(tmp_path):
    (tmp_path / "something").touch()
    tmp_path.chmod(0o1777)
    with pytest.raises(CannotServe, match=f"Every user of this machine may write to {tmp_path}. Choose another folder"):
        serve(ServerSettings(tmp_path), print)


def test_a_folder_of_another_user_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    if tmp_path.stat().st_uid == 0:
        if not hasattr(os, "chown"):
            pytest.skip("this system has no owners")
        os.chown(tmp_path, 12345, -1)
    with pytest.raises(CannotServe, match="belongs to another user"):
        serve(ServerSettings(tmp_path), print)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CannotServe, match=f"{tmp_path} cannot be written"):
        serve(ServerSettings(tmp_path), print)


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(1000))
    with pytest.raises(CannotServe, match=f"No space left on device: {tmp_path} has 0.0 MB left, .* 16 MB to start"):
        serve(ServerSettings(tmp_path), print)
    assert os.listdir(tmp_path) == []
