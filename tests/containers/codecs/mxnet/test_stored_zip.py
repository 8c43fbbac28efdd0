"""ZIP archives without compression: equal members give equal bytes."""

import zipfile

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import stored_zip

MEMBERS = {"b.json": b"{}", "a": bytes(1000)}


def test_members_come_back_and_equal_members_give_equal_bytes(tmp_path):
    path = tmp_path / "model_algo-1"
    path.write_bytes(stored_zip.write(MEMBERS))
    assert stored_zip.is_file(path) and stored_zip.read(path, ("a", "b.json", "c")) == MEMBERS
    assert stored_zip.write(MEMBERS) == path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["b.json", "a"] and archive.testzip() is None


@pytest.mark.parametrize("damage", [lambda whole: whole[:-30], lambda whole: whole.replace(b"{}", b"[]", 1)])
def test_a_damaged_archive_is_rejected(tmp_path, damage):
    path = tmp_path / "model_algo-1"
    path.write_bytes(damage(stored_zip.write(MEMBERS)))
    with pytest.raises(UserError, match="model_algo-1: not a readable ZIP archive"):
        stored_zip.read(path, ("b.json",))
