"""Nobody but its owner reads a data folder, whatever the umask, and however old the folder is."""

from __future__ import annotations

import os
import shutil
import stat
from collections import namedtuple
from pathlib import Path

import pytest

from wildsage.local_runner.server import private_files
from wildsage.local_runner.server.private_files import CannotUse


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_others(folder: Path) -> list[Path]:
    """What others than its owner may read, write or enter; links have no rights of their own."""
    paths = [folder, *folder.rglob("*")]
    return [path for path in paths if not path.is_symlink() and mode(path) & 0o077]


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
    with pytest.raises(CannotUse, match=f"Every user of this machine may write to {tmp_path}. Choose another folder"):
        private_files.prepare(tmp_path)


def test_a_folder_of_another_user_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    if tmp_path.stat().st_uid == 0:
        if not hasattr(os, "chown"):
            pytest.skip("this system has no owners")
        os.chown(tmp_path, 12345, -1)
    with pytest.raises(CannotUse, match="belongs to another user"):
        private_files.prepare(tmp_path)


@pytest.mark.parametrize("lacking", [os.W_OK, os.X_OK])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, lacking):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & lacking)
    with pytest.raises(CannotUse, match=f"{tmp_path} cannot be written"):
        private_files.prepare(tmp_path)


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(1000))
    with pytest.raises(CannotUse, match=f"No space left on device: {tmp_path} has 0.0 MB left, .* 16 MB to start"):
        private_files.prepare(tmp_path)
    assert os.listdir(tmp_path) == []


def test_files_of_a_block_are_for_their_owner_alone(tmp_path, lax_umask):
    with pytest.raises(KeyError), private_files.umask():
        (tmp_path / "private").touch()
        (tmp_path / "folder").mkdir()
        raise KeyError
    (tmp_path / "public").touch()
    assert [mode(tmp_path / name) for name in ("private", "folder", "public")] == [0o600, 0o700, 0o666]


def test_a_data_folder_is_made_with_those_above_it(tmp_path, lax_umask):
    data = tmp_path / "deep" / "data"
    assert private_files.prepare(data) == private_files.prepare(data) == data
    assert mode(data) == 0o700


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        CannotUse, match=r"file/data cannot be used: Not a directory. Choose another folder with --data."
    ):
        private_files.prepare(tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("owner", "user", "right"), [(1000, 1000, True), (0, 1000, True), (1001, 1000, False), (1001, 0, True)]
)
def test_a_folder_is_the_users_or_roots_and_root_may_use_any(tmp_path, monkeypatch, owner, user, right):
    status = tmp_path.stat()
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(Path, "stat", lambda self: os.stat_result((status.st_mode, 0, 0, 1, owner, 0, 0, 0, 0, 0)))
    if right:
        private_files._require_owner(tmp_path)
        return
    with pytest.raises(CannotUse, match="belongs to another user of this machine"):
        private_files._require_owner(tmp_path)


@pytest.mark.parametrize(("free", "right"), [(16_000_000, True), (15_999_999, False)])
def test_a_server_needs_sixteen_megabytes_to_start(tmp_path, monkeypatch, free, right):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(free))
    if right:
        private_files.prepare(tmp_path)
        return
    with pytest.raises(CannotUse, match=r"has 16.0 MB left, and a server needs 16 MB to start"):
        private_files.prepare(tmp_path)


@pytest.mark.parametrize("lacks", [os.W_OK, os.X_OK])
def test_a_folder_is_to_be_written_and_entered(tmp_path, monkeypatch, lacks):
    monkeypatch.setattr(os, "access", lambda path, wanted: not wanted & lacks)
    with pytest.raises(CannotUse, match="cannot be written"):
        private_files.prepare(tmp_path)


def test_what_is_closed_already_is_not_looked_below(tmp_path):
    """A folder may hold millions of objects."""
    for folder, rights in (("s3", 0o700), ("regions", 0o711)):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / "deep" / "file").touch(0o666)
        (tmp_path / folder / "deep" / "file").chmod(0o666)
        (tmp_path / folder).chmod(rights)
    private_files.prepare(tmp_path)
    assert mode(tmp_path / "s3" / "deep" / "file") == 0o666
    assert mode(tmp_path / "regions" / "deep" / "file") == 0o600
    assert mode(tmp_path / "regions" / "deep") == 0o700


def test_what_is_behind_a_link_stays_as_it_is(tmp_path):
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    outside.mkdir(0o755)
    (outside / "file").touch(0o644)
    (data / "s3").symlink_to(outside)
    private_files.prepare(data)
    assert (mode(outside), mode(outside / "file")) == (0o755, 0o644)


def test_what_belongs_to_others_stays_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "lock").touch(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert private_files._close(tmp_path / "lock") is False and mode(tmp_path / "lock") == 0o644
    assert private_files._close(tmp_path / "missing") is False
