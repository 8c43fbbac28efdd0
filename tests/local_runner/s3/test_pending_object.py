"""Objects that are being written: their bytes, digests and files."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.local_runner.processes import disk
from wildsage.local_runner.s3.pending_object import CHUNK_BYTES, _write_all, file_chunks, join_files, write_pending


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4)).decode()


@pytest.mark.parametrize("chunks", [[], [b""], [b"a"], [b"a", b"", b"bc"]])
def test_chunks_become_a_file_with_their_digests(tmp_path, chunks):
    content = b"".join(chunks)
    pending = write_pending(tmp_path, chunks, ["CRC32"])
    assert (pending.path.read_bytes(), pending.size) == (content, len(content))
    assert (pending.md5, pending.checksums) == (hashlib.md5(content).hexdigest(), {"CRC32": crc32(content)})
    assert pending.modified_ns == pending.path.stat().st_mtime_ns
    assert stat.S_IMODE(pending.path.stat().st_mode) == 0o600
    pending.discard()
    pending.discard()
    assert list(tmp_path.iterdir()) == []


def test_no_two_files_have_the_same_name_and_no_digest_is_computed_unasked(tmp_path):
    first, second = write_pending(tmp_path, [b"1"]), write_pending(tmp_path, [b"2"])
    assert first.path != second.path and first.path.read_bytes() == b"1" and first.checksums == {}


def test_files_are_joined_in_their_order(tmp_path):
    paths = [tmp_path / name for name in "bca"]
    for path in paths:
        path.write_bytes(path.name.encode() * 3)
    joined = join_files(tmp_path, paths, ["CRC32"])
    assert (joined.path.read_bytes(), joined.size, joined.md5) == (b"bbbcccaaa", 9, "")
    assert joined.checksums == {"CRC32": crc32(b"bbbcccaaa")}
    assert join_files(tmp_path, []).size == 0


def test_a_file_that_is_missing_leaves_no_half_of_the_others(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(FileNotFoundError):
        join_files(tmp_path, [tmp_path / "a", tmp_path / "missing"])
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_went_wrong_is_told_though_somebody_removed_the_file(tmp_path):
    def chunks():
        yield b"half"
        for path in tmp_path.iterdir():
            path.unlink()
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        write_pending(tmp_path, chunks())


def test_a_disk_that_is_almost_full_takes_no_new_object(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "KEPT_BYTES", 1 << 60)
    with pytest.raises(OSError, match="No space left"):
        write_pending(tmp_path, [b"a"])
    assert list(tmp_path.iterdir()) == []


@given(st.integers(0, 12), st.integers(0, 12))
def test_a_piece_of_a_file_is_read(first, length):
    content = bytes(range(10))
    assert b"".join(file_chunks(io.BytesIO(content), first, first + length)) == content[first : first + length]
    assert b"".join(file_chunks(io.BytesIO(content), first)) == content[first:]


def test_a_file_is_read_from_its_first_byte_wherever_it_stands_and_in_chunks():
    content = bytes(CHUNK_BYTES + 1)
    file = io.BytesIO(content)
    file.read(5)
    assert [len(chunk) for chunk in file_chunks(file)] == [CHUNK_BYTES, 1]


def test_a_chunk_is_written_whole_though_a_write_takes_less():
    class Slow(io.BytesIO):
        def write(self, data: object) -> int:
            return super().write(bytes(data)[:3])  # type: ignore[call-overload]

    file = Slow()
    _write_all(file, b"0123456789")
    assert file.getvalue() == b"0123456789"
