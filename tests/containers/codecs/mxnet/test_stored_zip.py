"""ZIP archives without compression: equal members give equal bytes."""

import stat
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
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.create_system == 3 and stat.filemode(entry.external_attr >> 16) == "-rw-r--r--"


@pytest.mark.parametrize("damage", [lambda whole: whole[:-30], lambda whole: whole.replace(b"{}", b"[]", 1)])
def test_a_damaged_archive_is_rejected(tmp_path, damage):
    path = tmp_path / "model_algo-1"
    path.write_bytes(damage(stored_zip.write(MEMBERS)))
    with pytest.raises(UserError, match="model_algo-1: not a readable ZIP archive"):
        stored_zip.read(path, ("b.json",))


def test_a_compressed_member_which_may_be_a_thousand_times_larger_is_rejected(tmp_path):
    path = tmp_path / "model_algo-1"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(1 << 20))
    with pytest.raises(UserError, match="member a is compressed, expected it stored as it is"):
        stored_zip.read(path, ("a",))


def test_a_size_that_lies_is_not_believed(tmp_path):
    whole = bytearray(stored_zip.write({"a": b"12345678"}))
    directory = whole.index(b"PK\x01\x02")
    whole[directory + 24 : directory + 28] = (1 << 31).to_bytes(4, "little")
    (tmp_path / "model_algo-1").write_bytes(whole)
    with pytest.raises(UserError, match="member a is stored in 8 bytes and should have 2147483648"):
        stored_zip.read(tmp_path / "model_algo-1", ("a",))


def test_a_file_is_known_by_its_first_four_bytes(tmp_path):
    for content, known in ((b"PK\x03\x04", True), (b"PK\x03\x04more", True), (b"PK\x05\x06", False), (b"PK", False)):
        (tmp_path / "file").write_bytes(content)
        assert stored_zip.is_file(tmp_path / "file") == known


def encrypted(whole: bytes) -> bytes:
    return whole.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01", 1)


@pytest.mark.parametrize("damage", [encrypted, lambda whole: whole[4:], lambda whole: b"", lambda whole: b"PK\x05\x06"])
def test_an_archive_that_is_encrypted_or_cut_is_rejected(tmp_path, damage):
    path = tmp_path / "model_algo-1"
    path.write_bytes(damage(stored_zip.write({"a": b"{}"})))
    with pytest.raises(UserError, match="model_algo-1: not a readable ZIP archive"):
        stored_zip.read(path, ("a",))
