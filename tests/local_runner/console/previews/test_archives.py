"""Previews of archives: what a model holds, and archives that claim what they do not hold."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile

import numpy as np
import pytest

from wildsage.containers.codecs.mxnet import ndarray
from wildsage.local_runner.console.previews import archives
from wildsage.local_runner.console.previews.kinds import ArchiveMember, MembersPreview, NoPreview, StoredArray


def tar(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def zipped(members: dict[str, bytes], way: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", way) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tensors(shape: list[int]) -> bytes:
    head = json.dumps({"a": {"dtype": "F32", "shape": shape}}).encode()
    return struct.pack("<Q", len(head)) + head


TOO_LARGE = NoPreview("A preview unpacks at most 512 MiB, so that more members may follow.")
CENTERS = ndarray.write([np.zeros((3, 2), np.float32)])


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_the_members_of_a_model_with_their_arrays(show, mode):
    shown = show("out/model.tar.gz", tar({"model_algo-1": CENTERS, "notes.txt": b"x" * 9}, mode))
    centers = ArchiveMember("model_algo-1", len(CENTERS), [StoredArray("", (3, 2), "float32", 24)])
    assert shown == MembersPreview([centers, ArchiveMember("notes.txt", 9)])


def test_arrays_in_a_zip_in_a_tar_are_found(show):
    params = ndarray.write({"arg:w": np.zeros((4, 1), np.float32)})
    (member,) = show("model.tar.gz", tar({"model_algo-1": zipped({"params": params, "meta.json": b"{}"})})).members
    assert member.arrays == [StoredArray("arg:w", (4, 1), "float32", 16)]


@pytest.mark.parametrize(
    ("folder", "shapes"),
    [
        ("kmeans-census-k7", [(7, 5), (70, 1), (70, 5)]),
        ("pca-census", [(33,), (34, 33), (1, 34)]),
        ("linear-learner-mnist", [(1, 1), (784, 1)]),
        ("fm-movielens", [(2625, 1), (1,), (2625, 64)]),
    ],
)
def test_models_of_the_real_service_show_their_arrays(show, golden, folder, shapes):
    shown = show("model.tar.gz", (golden / folder / "model.tar.gz").read_bytes())
    found = [tuple(array.shape) for member in shown.members for array in member.arrays]
    assert found == shapes


def test_files_of_arrays_show_them(show):
    file = io.BytesIO()
    np.save(file, np.zeros((2, 5)))
    assert show("x.npy", file.getvalue()).members[0].arrays == [StoredArray("", (2, 5), "float64", 80)]
    head = json.dumps({"__metadata__": {}, "w": {"dtype": "F16", "shape": [3, 4], "data_offsets": [0, 24]}}).encode()
    shown = show("model.safetensors", struct.pack("<Q", len(head)) + head + bytes(24))
    assert shown.members[0].arrays == [StoredArray("w", [3, 4], "F16", 24)]
    index = b"IxF2" + struct.pack("<iq", 7, 1_000) + bytes(100)
    assert show("model_algo-1", index).members[0].arrays == [StoredArray("index", (1_000, 7), "float32", 28_000)]
    np.savez(named := io.BytesIO(), a=np.zeros(3))
    assert show("x.npz", named.getvalue()).members[0].arrays == [StoredArray("", (3,), "float64", 24)]


def test_a_damaged_member_does_not_hide_the_others(show):
    shown = show("m.tar.gz", tar({"model_algo-1": CENTERS[:-9], "head": ndarray.MAGIC, "b.txt": b"b"}))
    assert [member.name for member in shown.members] == ["model_algo-1", "head", "b.txt"]
    assert "truncated" in shown.members[0].note


def test_a_cut_archive_shows_the_members_before_the_cut(show):
    shown = show("m.tar", tar({"a": b"a" * 600, "b": b"b" * 6_000}, "w")[:3_000])
    assert [member.name for member in shown.members] == ["a", "b"]
    assert "damaged" in shown.note
    assert isinstance(show("m.zip", zipped({"a": b"a"})[:-9]), NoPreview)


def test_links_and_devices_are_only_named(show):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert show("m.tar", file.getvalue()) == MembersPreview([ArchiveMember("link", 0)])


def test_an_archive_that_unpacks_to_much_is_not_unpacked_to_its_end(show, monkeypatch):
    monkeypatch.setattr(archives, "MOST_BYTES", 1 << 20)
    shown = show("m.tar.gz", tar({"first": bytes(100), "bomb": bytes(4 << 20), "last": b"x"}))
    assert [member.name for member in shown.members] == ["first", "bomb"] and "at most" in shown.note
    params = ndarray.write([np.zeros(400_000, np.float32)])
    shown = show("m.zip", zipped({"a": params, "b": params}, zipfile.ZIP_DEFLATED))
    assert "at most" in shown.note


def test_an_extended_header_of_a_claimed_gigabyte_takes_no_memory(show):
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    packed = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(3 << 20))
    assert show("m.tar.gz", packed) == TOO_LARGE


def test_a_negative_size_does_not_read_the_same_header_for_ever(show):
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + (-1024 & 0xFFFF).to_bytes(2, "big")
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    shown = show("m.tar", bytes(header) * 3)
    assert isinstance(shown, NoPreview | MembersPreview)


@pytest.mark.parametrize(
    ("size", "is_too_large"), [(1 << 20, False), ((1 << 20) + 1, True), (1 << 24, True), (1 << 30, True)]
)
def test_a_zip_with_a_huge_directory_is_not_read(show, size, is_too_large):
    content = bytearray(zipped({"a": b"a"}))
    content[-10:-6] = size.to_bytes(4, "little")
    assert (show("a.zip", bytes(content)) == TOO_LARGE) == is_too_large


@pytest.mark.parametrize("comment", [0, 1, 65_535])
def test_a_zip_with_a_long_comment_is_read(show, comment):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"1")
        archive.comment = b"c" * comment
    assert show("a.zip", file.getvalue()).members == [ArchiveMember("a", 1)]


def test_a_zip_without_its_end_is_damaged():
    assert archives.preview_zip(io.BytesIO(b"PK\x03\x04")) == NoPreview(
        "The archive is damaged: its directory is missing."
    )


def test_folders_are_left_out_and_what_follows_them_is_shown(show):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, kind in (("folder", tarfile.DIRTYPE), ("folder/a", tarfile.REGTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type = kind
            archive.addfile(entry)
    assert show("m.tar", file.getvalue()) == MembersPreview([ArchiveMember("folder/a", 0)])
    assert show("m.zip", zipped({"folder/": b"", "folder/a": b""})) == MembersPreview([ArchiveMember("folder/a", 0)])
    assert archives.preview_zip(io.BytesIO(zipped({}))) == NoPreview("The archive is empty.")


@pytest.mark.parametrize(("further", "count"), [(0, 1), (1, 0)])
def test_a_member_of_more_than_64_mib_is_listed_without_its_arrays(further, count):
    head = len(ndarray.write([np.zeros(0, np.uint8)]))
    content = ndarray.write([np.zeros((64 << 20) - head + further, np.uint8)])
    assert len(content) == (64 << 20) + further
    (member,) = archives.preview_tar(io.BytesIO(tar({"model": content}, "w"))).members
    assert (member.size_bytes, len(member.arrays), member.note) == (len(content), count, "")


def test_a_budget_is_spent_to_its_last_byte():
    budget = archives.Budget()
    budget.take(512 << 20)
    budget.take(0)
    with pytest.raises(archives.TooLarge):
        budget.take(1)


def test_a_forward_file_goes_forwards_in_pieces_of_a_mebibyte():
    file = archives.ForwardFile(io.BytesIO(bytes(3 << 20)), archives.Budget())
    assert len(file.read(1 << 20)) == 1 << 20
    assert (file.read(0), file.tell()) == (b"", 1 << 20)
    assert (file.seek(1 << 20), file.seek((1 << 20) + 5), file.tell()) == (1 << 20, (1 << 20) + 5, (1 << 20) + 5)
    for size in (-1, (1 << 20) + 1):
        with pytest.raises(archives.TooLarge):
            file.read(size)
    for place in ((0,), ((1 << 20) + 4,), (1 << 21, io.SEEK_END)):
        with pytest.raises(archives.TooLarge):
            file.seek(*place)


@pytest.mark.parametrize("passed_by", ["read", "seek"])
def test_what_a_forward_file_reads_or_passes_by_is_of_the_budget(monkeypatch, passed_by):
    monkeypatch.setattr(archives, "MOST_BYTES", 10)
    file = archives.ForwardFile(io.BytesIO(bytes(100)), archives.Budget())
    assert file.read(6) == bytes(6)
    take = file.read if passed_by == "read" else lambda size: file.seek(6 + size)
    with pytest.raises(archives.TooLarge):
        take(5)


def test_many_members_show_the_first(show):
    assert show("m.tar", tar({f"{number}.txt": b"" for number in range(500)}, "w")).note == ""
    shown = show("m.tar.gz", tar({f"{number}.txt": b"" for number in range(700)}))
    assert (len(shown.members), shown.note) == (500, "These are the first 500 members.")


def numpy_file(head: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00\x76\x00" + head.ljust(117) + b"\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy", numpy_file(b"{'descr': '<f8', 'shape'")),
        ("x.npy", numpy_file(b"{'descr': '<f8' 'fortran_order'}")),
        ("x.npy", numpy_file(b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d)}" % (10**20, 10**20))),
        ("x.safetensors", tensors([int("9" * 4_000)] * 3)),
        ("x.safetensors", tensors([9_999] * 400_000)),
        ("x.safetensors", tensors([-1])),
        ("x", b"IxF2" + struct.pack("<iq", -7, 1 << 62) + bytes(90)),
    ],
    ids=range(7),
)
def test_shapes_that_no_array_has_are_damage_and_cost_nothing(show, name, content):
    assert "damaged" in show(name, content).note


def test_members_that_are_packed_in_a_costly_way_are_listed_alone(show):
    """LZMA reserves the memory that a member claims to need, up to 4 GB."""
    params = ndarray.write({"arg:w": np.zeros((4, 1), np.float32)})
    for way in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        assert show("x.zip", zipped({"params": params}, way)).members == [ArchiveMember("params", len(params))]


def test_a_member_of_a_zip_without_a_name_is_damage(show):
    content = bytearray(zipped({"a": b"1"}))
    entry, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    size = int.from_bytes(content[end + 12 : end + 16], "little")
    content[end + 12 : end + 16] = (size - 1).to_bytes(4, "little")
    content[entry + 28 : entry + 30] = bytes(2)
    del content[entry + 46]
    assert "damaged" in show("x.zip", bytes(content)).note


def test_names_that_cannot_be_encoded_or_move_a_cursor_are_written_out(show):
    assert show("x.tar", tar({"m\udcff\x1b[31m": b"1"}, "w")).members[0].name == "m\\udcff\\x1b[31m"
    head = json.dumps({"\ud800": {"dtype": "F\ud800", "shape": [1]}}).encode()
    (array,) = show("x.safetensors", struct.pack("<Q", len(head)) + head).members[0].arrays
    assert (array.name, array.dtype) == ("\\ud800", "F\\ud800")
