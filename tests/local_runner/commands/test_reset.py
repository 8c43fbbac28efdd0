"""`wildsage reset` removes what the local AWS keeps, after a question, and nothing else."""

from __future__ import annotations

import pytest

from wildsage.local_runner.commands import reset as command
from wildsage.local_runner.server import lock


@pytest.fixture
def folder(tmp_path):
    """A folder with an object, a log and a file of the user's."""
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    (tmp_path / "s3" / "bucket" / "object").write_bytes(b"x" * 1500)
    (tmp_path / "regions").mkdir()
    (tmp_path / "server.log").write_bytes(b"y" * 500)
    (tmp_path / "mine.txt").touch()
    return tmp_path


@pytest.mark.parametrize(("options", "stdin"), [(["--yes"], None), (["-y"], None), ([], "y\n")])
def test_everything_but_the_users_own_is_removed(folder, cli, options, stdin):
    said = cli("reset", "--data", folder, *options, stdin=stdin)
    assert said.status == 0
    assert "Removed 2.0 kB" in said.err
    assert ("Remove all buckets" in said.err) == (stdin is not None)
    left = {path.name for path in folder.iterdir()}
    assert "mine.txt" in left and left.isdisjoint({"s3", "regions", "server.log"})


def test_nothing_is_removed_without_a_yes(folder, cli):
    said = cli("reset", "--data", folder, stdin="n\n")
    assert said.status == 1
    assert (folder / "s3" / "bucket" / "object").exists() and (folder / "server.log").exists()


def test_an_empty_folder_has_nothing_to_remove(tmp_path, cli):
    said = cli("reset", "--data", tmp_path)
    assert (said.status, said.err) == (0, f"{tmp_path} holds nothing of Wildsage.")


def test_a_folder_with_a_server_is_left_alone(folder, cli, monkeypatch):
    with lock.exclusive_use(folder):
        said = cli("reset", "--data", folder, "--yes")
    assert said.status == 1 and (folder / "s3" / "bucket" / "object").exists()
    server = lock.RunningServer("http://127.0.0.1:4577", 42)
    monkeypatch.setattr(command.lock, "running", lambda data: server)
    said = cli("reset", "--data", folder, "--yes")
    assert said.status == 1 and "at http://127.0.0.1:4577. Stop it first: `wildsage down`." in said.err
    assert (folder / "s3" / "bucket" / "object").exists()
