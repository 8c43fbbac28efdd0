"""Pipe mode from the reader's side."""

import gzip

import pytest

from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.contract.paths import OptML
from wildsage.containers.launchers.pipes import Pipe

PLAIN = ChannelConfig()


@pytest.fixture
def folder(tmp_path):
    folder = OptML(tmp_path)
    folder.make_folders()
    return folder


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"part-{number}" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 100_000)
    return paths


def test_each_pass_is_a_fifo_of_its_own_and_the_next_is_there_in_time(folder, files):
    pipe = Pipe(folder, "train", files, PLAIN, None)
    whole = b"".join(path.read_bytes() for path in files)
    for epoch in range(3):
        assert folder.pipe("train", epoch).read_bytes() == whole
        assert folder.pipe("train", epoch + 1).is_fifo()
    pipe.close()


def test_a_reader_may_close_early(folder, files):
    pipe = Pipe(folder, "train", files, PLAIN, None)
    with folder.pipe("train", 0).open("rb") as fifo:
        assert fifo.read(10) == bytes(10)
    assert len(folder.pipe("train", 1).read_bytes()) == 400_000
    pipe.close()


def test_gzipped_objects_arrive_unpacked(folder, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"plain text"))
    pipe = Pipe(folder, "train", [tmp_path / "a.gz"], ChannelConfig(compression="Gzip"), None)
    assert folder.pipe("train", 0).read_bytes() == b"plain text"
    pipe.close()


@pytest.mark.parametrize("content", [b"1,2\n", gzip.compress(b"1,2\n" * 100)[:-9], gzip.compress(b"") + b"rest"])
def test_a_damaged_object_ends_the_pass_and_is_a_problem(folder, tmp_path, content):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"whole\n"))
    (tmp_path / "b.gz").write_bytes(content)
    pipe = Pipe(folder, "train", [tmp_path / "a.gz", tmp_path / "b.gz"], ChannelConfig(compression="Gzip"), None)
    assert folder.pipe("train", 0).read_bytes().startswith(b"whole\n")
    pipe.close()
    assert pipe.problem
    assert pipe.problem.startswith(
        "Channel train: b.gz is not a valid gzip file, which CompressionType Gzip says it is: "
    )


@pytest.mark.parametrize(
    ("content_type", "whole"),
    [
        ("text/csv;label_size=0", b"1,2\n3,4\n5,6\n"),
        ("TEXT/CSV", b"1,2\n3,4\n5,6\n"),
        ("application/jsonlines", b"1,2\n3,4\n5,6\n"),
        ("application/x-recordio-protobuf", b"1,23,4\n5,6"),
        (None, b"1,23,4\n5,6"),
    ],
)
def test_objects_of_text_end_with_a_line_feed(folder, tmp_path, content_type, whole):
    contents = (b"1,2", b"3,4\n", b"", b"5,6")
    paths = [tmp_path / f"object-{number}" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    pipe = Pipe(folder, "train", paths, ChannelConfig(content_type), None)
    assert folder.pipe("train", 0).read_bytes() == whole
    pipe.close()


def test_shuffling_draws_a_new_order_for_every_pass_from_the_seed(folder, files, tmp_path):
    def passes(name: str) -> list[bytes]:
        pipe = Pipe(folder, name, files, PLAIN, 7)
        read = [folder.pipe(name, epoch).read_bytes()[::100_000] for epoch in range(6)]
        pipe.close()
        return read

    first = passes("one")
    assert first == passes("two")
    assert len(set(first)) > 1
    assert all(sorted(order) == [0, 1, 2, 3] for order in first)


def test_closing_an_unread_pipe_does_not_wait(folder, files):
    Pipe(folder, "train", files, PLAIN, None).close()


def test_an_object_that_cannot_be_read_is_a_problem_and_holds_no_reader_up(folder, files):
    """The reader gets an end of this pass and of the next."""
    files[1].unlink()
    reported = []
    pipe = Pipe(folder, "train", files, PLAIN, None, report=reported.append)
    assert [len(folder.pipe("train", epoch).read_bytes()) for epoch in range(2)] == [100_000] * 2
    pipe.close()
    assert pipe.problem is not None and pipe.problem.startswith("Channel train: part-1 could not be read to its end: ")
    assert pipe.problem in reported
