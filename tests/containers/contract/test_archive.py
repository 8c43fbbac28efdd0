"""Packing and unpacking model.tar.gz: equal bytes, and no member outside the folder."""

import errno
import gzip
import hashlib
import io
import os
import random
import tarfile
import tracemalloc

import pytest

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.containers.contract import archive


def folder_with(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


FILES = {"model_algo-1": b"weights" * 1000, "state/part": b"", "a.txt": b"x"}


def test_equal_folders_give_equal_bytes(tmp_path):
    digests = set()
    for number, order in enumerate([list(FILES), list(reversed(FILES))]):
        folder = folder_with(tmp_path / str(number), {name: FILES[name] for name in order})
        os.utime(folder / "a.txt", (number * 1000, number * 1000))
        os.chmod(folder / "a.txt", 0o600 if number else 0o755)
        archive.pack(folder, tmp_path / f"{number}.tar.gz")
        digests.add(hashlib.sha256((tmp_path / f"{number}.tar.gz").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_members_have_no_leading_directory_and_come_back(tmp_path):
    archive.pack(folder_with(tmp_path / "in", FILES), tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        assert tar.getnames() == sorted(FILES)
    archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in FILES} == FILES


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "link"])
def test_a_member_that_would_leave_the_folder_is_rejected(tmp_path, name):
    member = tarfile.TarInfo(name)
    if name == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        tar.addfile(member, io.BytesIO())
    with pytest.raises(UserError, match=r"evil\.tar\.gz: rejected"):
        archive.unpack(tmp_path / "evil.tar.gz", tmp_path / "out")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_is_rejected_even_inside(tmp_path, kind):
    """A chain of links that each look harmless has led out of the folder before (CVE-2025-4517)."""
    link = tarfile.TarInfo("link")
    link.type, link.linkname = kind, "a"
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a"), io.BytesIO())
        tar.addfile(link)
    with pytest.raises(UserError, match=r"model\.tar\.gz: rejected, 'link' is a link to 'a'; pack the file itself"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out" / "link").exists()


def test_an_absolute_name_stays_inside(tmp_path):
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("/wildsage-outside"), io.BytesIO())
    archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "wildsage-outside").exists() and not os.path.exists("/wildsage-outside")


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_what_is_not_an_archive_is_rejected(tmp_path, content):
    (tmp_path / "model.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.tar\.gz: not a readable tar\.gz"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")


def test_a_cut_off_archive_is_rejected(tmp_path):
    archive.pack(folder_with(tmp_path / "in", {"a": os.urandom(50_000)}), tmp_path / "model.tar.gz")
    (tmp_path / "model.tar.gz").write_bytes((tmp_path / "model.tar.gz").read_bytes()[:20_000])
    with pytest.raises(UserError, match="not a readable"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"PK\x03\x04 and more", "it is zip, xlsx or npz (it begins with 50 4b 03 04)"),
        (b"k=2", "it is text (it begins with 'k=2')"),
        (b"", "it is empty"),
        (b"\x12\x01" + bytes(30), "it is an MXNet NDArray file"),
        (gzip.compress(b"k=2", mtime=0), "the gzip file is damaged, or does not hold a tar"),
    ],
)
def test_what_is_not_an_archive_is_named_with_how_one_is_made(tmp_path, content, found):
    (tmp_path / "model.tar.gz").write_bytes(content)
    with pytest.raises(UserError) as caught:
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert found in str(caught.value)
    assert "tar -czf model.tar.gz -C FOLDER ." in str(caught.value)


def packed(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for number, size in enumerate(members):
            member = tarfile.TarInfo(f"member-{number}")
            member.size = size
            tar.addfile(member, io.BytesIO(bytes(size)))


def test_an_archive_that_grows_beyond_measure_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "ALWAYS_BYTES", 2_000_000)
    packed(tmp_path / "model.tar.gz", [1_000_000] * 2)
    archive.unpack(tmp_path / "model.tar.gz", tmp_path / "as large as allowed")
    packed(tmp_path / "model.tar.gz", [1_000_000, 1_000_001])
    with pytest.raises(UserError, match=r"model\.tar\.gz: rejected, it unpacks to more than 2,000,000 bytes"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "too large")
    assert not (tmp_path / "too large" / "member-1").exists()


def test_a_small_archive_may_grow_a_thousandfold_and_a_large_one_a_hundredfold(tmp_path, monkeypatch):
    packed(tmp_path / "model.tar.gz", [1_000_000])
    archive.unpack(tmp_path / "model.tar.gz", tmp_path / "models" / "a" / "b")
    assert (tmp_path / "models" / "a" / "b" / "member-0").stat().st_size == 1_000_000
    monkeypatch.setattr(archive, "ALWAYS_BYTES", 0)
    most = 100 * (tmp_path / "model.tar.gz").stat().st_size
    with pytest.raises(UserError, match=f"it unpacks to more than {most:,} bytes"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")


def test_a_name_that_no_file_can_have_is_named_as_the_system_does(tmp_path):
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("x" * 300), io.BytesIO())
    with pytest.raises(UserError, match=r"not a readable tar\.gz archive \(File name too long\)"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")


def test_what_follows_the_last_member_is_read_up_to_a_bound(tmp_path, monkeypatch):
    """An endless rest is not read to its end, and so its checksum is not compared."""
    monkeypatch.setattr(archive, "MOST_PADDING_BYTES", 1 << 20)
    monkeypatch.setattr(archive, "MOST_AT_ONCE_BYTES", 1 << 18)
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        tar.addfile(sized("a", 1), io.BytesIO(b"a"))
    for padding, reads in ((0, True), (4 << 20, False)):
        zipped = gzip.compress(whole.getvalue() + bytes(padding), compresslevel=1)
        (tmp_path / "model.tar.gz").write_bytes(zipped[:-1] + bytes([zipped[-1] ^ 1]))
        if reads:
            with pytest.raises(UserError, match="the gzip file is damaged"):
                archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
        else:
            archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")


def test_an_archive_of_too_many_members_is_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_MEMBERS", 3)
    packed(tmp_path / "model.tar.gz", [0] * 3)
    archive.unpack(tmp_path / "model.tar.gz", tmp_path / "three")
    packed(tmp_path / "model.tar.gz", [0] * 4)
    with pytest.raises(UserError, match="it has more than 3 members"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "four")


def test_a_gzip_file_is_an_archive_even_where_it_is_cut(tmp_path):
    packed(tmp_path / "model.tar.gz", [1000])
    assert archive.is_archive(tmp_path / "model.tar.gz")
    (tmp_path / "model.tar.gz").write_bytes((tmp_path / "model.tar.gz").read_bytes()[:20])
    assert archive.is_archive(tmp_path / "model.tar.gz")
    (tmp_path / "script.py").write_text("print()")
    assert not archive.is_archive(tmp_path / "script.py")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_changed_byte_of_a_member_is_noticed(tmp_path, mode):
    """Random bytes hardly pack: in a gzip file they stand as they are, and only its checksum shows the change."""
    content, path = random.Random(1).randbytes(1_000_000), tmp_path / "model.tar.gz"
    with tarfile.open(path, mode) as tar:
        tar.addfile(sized("weights", len(content)), io.BytesIO(content))
    archive.unpack(path, tmp_path / "whole")
    assert (tmp_path / "whole" / "weights").read_bytes() == content
    changed = bytearray(path.read_bytes())
    changed[700_000] ^= 1
    path.write_bytes(changed)
    with pytest.raises(UserError, match=r"model\.tar\.gz: not a readable tar\.gz archive"):
        archive.unpack(path, tmp_path / "out")


def sized(name, size, **fields):
    member = tarfile.TarInfo(name)
    member.size = size
    for field, value in fields.items():
        setattr(member, field, value)
    return member


@pytest.mark.parametrize(
    "members",
    [
        [sized("a", 1, pax_headers={"mtime": "1e300"})],
        [sized("a", 1, pax_headers={"mtime": "nan"})],
        [sized("a", 1, pax_headers={"path": "a\0b"})],
        [sized("x/" * 3_000 + "a", 1)],
        [sized("x" * 1_000, 1)],
        [sized("a", 1), sized("a/b", 1)],
        [sized("a/b", 1), sized("a", 1)],
    ],
    ids=["late", "no time", "NUL", "deep", "long", "file and folder", "folder and file"],
)
def test_names_and_times_that_no_file_has_are_the_archives_fault(tmp_path, members):
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(UserError, match=r"model\.tar\.gz: not a readable tar\.gz archive"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_to_be_large_is_not_read(tmp_path, kind):
    size = 64 << 20
    with gzip.open(tmp_path / "model.tar.gz", "wb", compresslevel=1) as content:
        content.write(sized("header", size, type=kind).tobuf() + bytes(size))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"a header claims 67,108,864 bytes"):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 << 20


def test_a_packed_member_can_be_read_by_everybody_and_has_no_time(tmp_path):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"an earlier archive")
    archive.pack(folder_with(tmp_path / "in", FILES), path)
    with tarfile.open(path) as tar:
        assert {(member.mode, member.mtime, member.uid, member.uname) for member in tar} == {(0o644, 0, 0, "")}
    assert path.read_bytes()[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # neither a name nor a time
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in", "model.tar.gz"]


def test_a_folder_that_is_there_is_unpacked_into(tmp_path):
    archive.pack(folder_with(tmp_path / "in", FILES), tmp_path / "model.tar.gz")
    for _ in range(2):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "deep" / "out")
    assert (tmp_path / "deep" / "out" / "a.txt").read_bytes() == b"x"


@pytest.mark.parametrize(("size", "accepted"), [(1 << 30, True), ((1 << 30) + 1, False)])
def test_a_small_archive_may_unpack_to_a_gigabyte(tmp_path, size, accepted):
    (tmp_path / "model.tar.gz").write_bytes(b"small")
    accept = archive._Filter(tmp_path / "model.tar.gz")
    assert accept(sized("a", size - 1), str(tmp_path)) is not None
    if accepted:
        assert accept(sized("b", 1), str(tmp_path)) is not None
    else:
        with pytest.raises(archive.tarfile.FilterError, match=r"unpacks to more than 1,073,741,824 bytes"):
            accept(sized("b", 2), str(tmp_path))


def test_a_header_may_be_as_long_as_a_piece(tmp_path):
    content = archive._InPieces(io.BytesIO(bytes(3 << 20)))
    assert len(content.read(1 << 20)) == content.tell() == 1 << 20
    assert content.read(0) == b"" and content.seek(-5, io.SEEK_END) == (3 << 20) - 5
    assert len(content.read(10)) == 5 and content.seek(7) == 7
    for size, claimed in (((1 << 20) + 1, "1,048,577"), (-1, "-1")):
        with pytest.raises(archive.tarfile.ReadError, match=f"a header claims {claimed} bytes"):
            content.read(size)


def test_a_disk_without_room_is_not_the_archives_fault(tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    packed(tmp_path / "model.tar.gz", [1])
    monkeypatch.setattr(archive.tarfile.TarFile, "extractall", full)
    with pytest.raises(
        PlatformError, match=r"^model\.tar\.gz: cannot be unpacked into .*/out: No space left on device\.$"
    ):
        archive.unpack(tmp_path / "model.tar.gz", tmp_path / "out")


def test_a_plain_tar_is_an_archive_and_a_missing_file_is_an_error(tmp_path):
    with tarfile.open(tmp_path / "model.tar", "w") as tar:
        tar.addfile(sized("a", 1), io.BytesIO(b"a"))
    assert archive.is_archive(tmp_path / "model.tar")
    archive.unpack(tmp_path / "model.tar", tmp_path / "out")
    assert (tmp_path / "out" / "a").read_bytes() == b"a"
    with pytest.raises(FileNotFoundError):
        archive.is_archive(tmp_path / "missing")
