"""What a clone knows of where it is from."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from wildsage.local_runner.images import provenance


@pytest.fixture
def clone(tmp_path):
    """`clone(*arguments)` runs git in a repository with one commit and gives its folder."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")

    def git(*arguments: str):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", "-C", str(tmp_path), *author, *arguments], check=True, capture_output=True)
        return tmp_path

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    return git


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://me:secret@example.com:8443/a/b.git", "https://example.com:8443/a/b.git"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
    ],
)
def test_the_source_is_reported_without_its_password(clone, address, expected):
    assert provenance.source(clone("remote", "add", "origin", address)) == expected


def test_a_clone_of_nothing_has_a_commit_only(clone):
    folder = clone("commit", "--message", "one")
    assert provenance.source(folder) is None
    commit = provenance.revision(folder)
    assert len(commit) == 40
    (folder / "file").write_text("two")
    assert provenance.revision(folder) == f"{commit}-dirty"


def test_without_git_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.revision(tmp_path) is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert provenance.source(tmp_path) is None
