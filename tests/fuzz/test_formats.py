"""Bad files of every foreign format: each is read, or is an error of the user's file, whatever the library below does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import formats
from tests.fuzz.formats import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_read_or_is_an_error_of_its_user(name, tmp_path, damaged):
    good = formats.seed(name, tmp_path)
    FORMATS[name][1](good, tmp_path)
    taken_s = [formats.read(name, content, tmp_path) for content in damaged(good)]
    print(f"{name}: {len(taken_s):,} inputs, {sum(taken_s):.1f} s, {max(taken_s):.2f} s for the slowest")


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_fatal_once_is_an_error_of_its_user(name, tmp_path):
    files = formats.corpus(name)
    assert files
    for file in files:
        formats.read(name, file.read_bytes(), tmp_path)


def test_the_corpus_has_no_other_folders():
    assert {folder.name for folder in formats.CORPUS.iterdir()} == {name.replace(" ", "-") for name in FORMATS}


def test_an_error_that_is_not_the_users_fails_and_keeps_the_file(tmp_path, monkeypatch):
    def broken(content: bytes, folder: Path) -> None:
        raise IndexError

    monkeypatch.setitem(FORMATS, "broken", (b"", broken))
    with pytest.raises(AssertionError, match="broken: IndexError on b'abc', kept as"):
        formats.read("broken", b"abc", tmp_path)
    assert (tmp_path / "damaged").read_bytes() == b"abc"
