"""The keys of a data folder: made once, and read as they were made."""

from __future__ import annotations

import re
import stat

import pytest

from wildsage.local_runner.signatures import keys


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path):
    assert keys.read(tmp_path) is None and keys.of_clients(tmp_path) == keys.PLACEHOLDERS
    made = keys.ensure(tmp_path)
    assert keys.ensure(tmp_path) == keys.read(tmp_path) == keys.of_clients(tmp_path) == made
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_keys_look_like_aws_but_not_like_a_leak(tmp_path):
    made = keys.ensure(tmp_path)
    assert re.fullmatch(r"WILDSAGE[A-Z2-7]{12}", made.access_key) and re.fullmatch(r"[\w-]{40}", made.secret)
    (tmp_path / "keys.json").unlink()
    again = keys.ensure(tmp_path)
    assert again.access_key != made.access_key and again.secret != made.secret


def test_a_trace_shows_no_secret():
    assert repr(keys.Keys("name", "secret")) == "Keys(name)"


@pytest.mark.parametrize("content", ["", "{", "[]", "1", "null", "{}", '{"access_key": "a"}', "\udcff"])
def test_a_file_that_holds_no_keys_is_as_none(tmp_path, content):
    (tmp_path / "keys.json").write_text(content, errors="surrogateescape")
    assert keys.read(tmp_path) is None
    assert keys.ensure(tmp_path) == keys.read(tmp_path)
