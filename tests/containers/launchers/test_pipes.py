"""Pipe mode from the reader's side."""

import errno
import gzip
import os
import threading
from pathlib import Path

import pytest

from wildsage.containers.codecs.records import recordio
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.contract.paths import OptML
from wildsage.containers.launchers import pipes
from wildsage.containers.launchers.pipes import Pipe

PLAIN = ChannelConfig()
WITHIN_S = 240


def whole_of(fifo: Path) -> bytes:
    """All that comes through a FIFO. Without a writer a reader would wait for ever."""
    found: list[bytes] = []
    reading = threading.Thread(target=lambda: found.append(fifo.read_bytes()), daemon=True)
    reading.start()
    reading.join(WITHIN_S)
    assert found, f"nobody writes to {fifo.name}"
    return found[0]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """On a busy machine a thread may take its time to end."""
    monkeypatch.setattr(pipes, "ENDING_S", WITHIN_S)


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
        assert whole_of(folder.pipe("train", epoch)) == whole
        assert folder.pipe("train", epoch + 1).is_fifo()
    pipe.close()


def test_a_reader_may_close_early(folder, files):
    pipe = Pipe(folder, "train", files, PLAIN, None)
    with folder.pipe("train", 0).open("rb") as fifo:
        assert fifo.read(10) == bytes(10)
    assert len(whole_of(folder.pipe("train", 1))) == 400_000
    pipe.close()


def test_gzipped_objects_arrive_unpacked(folder, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"plain text"))
    pipe = Pipe(folder, "train", [tmp_path / "a.gz"], ChannelConfig(compression="Gzip"), None)
    assert whole_of(folder.pipe("train", 0)) == b"plain text"
    pipe.close()


@pytest.mark.parametrize("damaged", [b"1,2\n", gzip.compress(b"1,2\n" * 100)[:-9], gzip.compress(b"") + b"rest"])
def test_a_damaged_object_ends_the_pass_and_is_a_problem(folder, tmp_path, damaged):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"whole\n"))
    (tmp_path / "b.gz").write_bytes(damaged)
    pipe = Pipe(folder, "train", [tmp_path / "a.gz", tmp_path / "b.gz"], ChannelConfig(compression="Gzip"), None)
    assert whole_of(folder.pipe("train", 0)).startswith(b"whole\n")
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
    assert whole_of(folder.pipe("train", 0)) == whole
    pipe.close()


def test_shuffling_draws_a_new_order_for_every_pass_from_the_seed(folder, files, tmp_path):
    def passes(name: str) -> list[bytes]:
        pipe = Pipe(folder, name, files, PLAIN, 7)
        read = [whole_of(folder.pipe(name, epoch))[::100_000] for epoch in range(6)]
        pipe.close()
        return read

    first = passes("one")
    assert first == passes("two")
    assert len(set(first)) > 1
    assert all(sorted(order) == [0, 1, 2, 3] for order in first)


def test_a_moment_in_which_no_more_files_may_be_open_is_waited_for(folder, files, monkeypatch):
    opened, failures = (
        os.open,
        [OSError(errno.EMFILE, "Too many open files"), OSError(errno.ENFILE, "Too many open files")],
    )

    def short_of_files(path, flags: int, *more: int) -> int:
        if failures and flags == os.O_WRONLY | os.O_NONBLOCK:
            raise failures.pop()
        return opened(path, flags, *more)

    monkeypatch.setattr(pipes.os, "open", short_of_files)
    pipe = Pipe(folder, "train", files, PLAIN, None)
    assert len(whole_of(folder.pipe("train", 0))) == 400_000
    pipe.close()
    assert not failures and pipe.problem is None


def test_closing_an_unread_pipe_does_not_wait(folder, files):
    Pipe(folder, "train", files, PLAIN, None).close()


def test_an_object_that_cannot_be_read_is_a_problem_and_holds_no_reader_up(folder, files):
    """The reader gets an end of this pass and of the next."""
    files[1].unlink()
    reported = []
    pipe = Pipe(folder, "train", files, PLAIN, None, report=reported.append)
    assert [len(whole_of(folder.pipe("train", epoch))) for epoch in range(2)] == [100_000] * 2
    pipe.close()
    assert pipe.problem is not None and pipe.problem.startswith("Channel train: part-1 could not be read to its end: ")
    assert pipe.problem in reported


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/csv", True),
        (" Text/Plain; a=b", True),
        ("application/jsonlines", True),
        ("application/json", False),
        ("image/text/png", False),
        ("", False),
        (None, False),
    ],
)
def test_types_whose_records_are_lines(content_type, text):
    assert pipes.is_text(content_type) is text


@pytest.fixture
def objects(tmp_path):
    """Files with these contents."""

    def make(*contents: bytes) -> list:
        paths = [tmp_path / f"object-{number}" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        return paths

    return make


def passes(folder, pipe: Pipe, count: int) -> list[bytes]:
    """What a reader gets in so many passes."""
    read = [whole_of(folder.pipe("train", epoch)) for epoch in range(count)]
    pipe.close()
    return read


def test_with_the_wrapper_each_object_and_each_attribute_is_a_record(folder, objects):
    first, second = objects(b"1,2\n", b"")
    config = ChannelConfig("text/csv", record_wrapper="RecordIO")
    (read,) = passes(folder, Pipe(folder, "train", [(b'{"a": 1}', first), second], config, None), 1)
    assert list(recordio.payloads([read])) == [b'{"a": 1}', b"1,2\n", b""]


def test_packed_objects_are_records_of_what_they_hold(folder, objects):
    packed = objects(gzip.compress(b"a"), gzip.compress(b"b"))
    config = ChannelConfig(record_wrapper="RecordIO", compression="Gzip")
    (read,) = passes(folder, Pipe(folder, "train", packed, config, None), 1)
    assert list(recordio.payloads([read])) == [b"a", b"b"]


def test_without_the_wrapper_text_of_a_manifest_is_a_line(folder, objects):
    (picture,) = objects(b"\xff\xd8")
    (read,) = passes(folder, Pipe(folder, "train", [(b'{"a": 1}', picture), (b"2",)], PLAIN, None), 1)
    assert read == b'{"a": 1}\n\xff\xd82\n'


def test_the_attributes_of_a_line_stay_together_when_lines_are_shuffled(folder):
    lines = [(b"%d" % number, b"%d" % (10 + number)) for number in range(8)]
    read = passes(folder, Pipe(folder, "train", lines, PLAIN, 3), 3)
    orders = [tuple(map(int, one.split()[::2])) for one in read]
    assert all(
        list(map(int, one.split()[1::2])) == [10 + n for n in order] for one, order in zip(read, orders, strict=True)
    )
    assert len(set(orders)) == 3 and all(sorted(order) == list(range(8)) for order in orders)


@pytest.mark.parametrize("content", [b"", b"1,2", b"1,2\n", b"1,2,\n5\n", b"1,2,34\n"])
def test_the_end_of_an_object_is_found_wherever_it_is_read(folder, objects, monkeypatch, content):
    monkeypatch.setattr(pipes, "CHUNK_BYTES", 4)
    (read,) = passes(folder, Pipe(folder, "train", objects(content), ChannelConfig("text/csv"), None), 1)
    assert read == content + (b"\n" if content and not content.endswith(b"\n") else b"")


def test_a_fifo_goes_when_its_pass_has_been_read(folder, files):
    pipe = Pipe(folder, "train", files, PLAIN, None)
    for epoch in range(2):
        whole_of(folder.pipe("train", epoch))
    assert not folder.pipe("train", 0).exists()
    pipe.close()
    assert not pipe._feeder.is_alive() and pipe.problem is None
    assert pipe._feeder.daemon, "a reader that never comes holds no process up"


def test_the_first_problem_stays_and_each_is_reported(folder, files):
    files[1].unlink()
    reported: list[str] = []
    pipe = Pipe(folder, "train", files, PLAIN, None, report=reported.append)
    whole_of(folder.pipe("train", 0))
    files[1].write_bytes(b"1")
    files[2].unlink()
    whole_of(folder.pipe("train", 1))
    pipe.close()
    assert pipe.problem.startswith("Channel train: part-1 ")
    assert len(reported) == 2 and reported[0] == pipe.problem
