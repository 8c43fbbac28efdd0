"""The files and FIFOs of a channel, pass after pass."""

import os
import threading

import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract.paths import OptML
from wildsage.containers.input import sources
from wildsage.containers.input.sources import FileSources, PipeSources


def test_files_come_in_the_order_of_their_names_below_the_channel(tmp_path):
    for name in ("b.csv", "a/2.csv", "a/1.csv", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = list(FileSources(tmp_path).next_pass())
    assert [b"".join(source.chunks()) for source in found] == [b"a/1.csv", b"a/2.csv", b"b.csv"]


def test_a_file_comes_in_chunks_of_which_the_last_may_be_shorter(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK_BYTES", 4)
    for content, sizes in ((b"", []), (b"1234", [4]), (b"12345", [4, 1])):
        (tmp_path / "file").write_bytes(content)
        (source,) = FileSources(tmp_path).next_pass()
        assert not source.pipe and [len(chunk) for chunk in source.chunks()] == sizes


def test_a_channel_without_a_folder_has_no_sources(tmp_path):
    assert not list(FileSources(tmp_path / "train").next_pass())


def test_each_pass_reads_the_next_fifo_even_if_it_appears_late(tmp_path):
    folder = OptML(tmp_path)
    folder.data.mkdir(parents=True)

    def feed():
        for epoch in range(2):
            path = folder.pipe("train", epoch)
            os.mkfifo(path)
            path.write_bytes(b"epoch %d" % epoch)

    threading.Thread(target=feed, daemon=True).start()
    channel = PipeSources(folder, "train")
    assert [b"".join(s.chunks()) for _ in range(2) for s in channel.next_pass()] == [b"epoch 0", b"epoch 1"]


def test_a_fifo_that_never_appears_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PIPE_APPEARS_WITHIN_S", 0.05)
    with pytest.raises(PlatformError, match="train_0: the FIFO did not appear"):
        list(PipeSources(OptML(tmp_path), "train").next_pass())


class Clock:
    """A clock that moves a hundred seconds at each look."""

    def __init__(self) -> None:
        self.now_s, self.sleeps = 0.0, []

    def monotonic(self) -> float:
        self.now_s += 100
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)


def test_a_fifo_has_five_minutes_to_appear(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "time", clock := Clock())
    with pytest.raises(PlatformError, match=r"train_0: the FIFO did not appear within 300 s\.$"):
        list(PipeSources(OptML(tmp_path), "train").next_pass())
    assert len(clock.sleeps) == 3 and all(0 < seconds < 1 for seconds in clock.sleeps)


def test_a_chunk_has_four_megabytes(tmp_path):
    (tmp_path / "file").write_bytes(bytes((4 << 20) + 1))
    (source,) = FileSources(tmp_path).next_pass()
    assert [len(chunk) for chunk in source.chunks()] == [4 << 20, 1]


def test_a_source_of_a_pipe_says_so(tmp_path):
    folder = OptML(tmp_path)
    folder.data.mkdir(parents=True)
    folder.pipe("train", 0).write_bytes(b"x")
    (source,) = PipeSources(folder, "train").next_pass()
    assert source.pipe and source.path == folder.pipe("train", 0)


def test_files_are_sorted_by_their_whole_path(tmp_path):
    for name in ("a/z", "a-b", "a.csv", "a/.hidden", ".folder/seen", "B"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [source.path.relative_to(tmp_path).as_posix() for source in FileSources(tmp_path).next_pass()]
    assert found == [".folder/seen", "B", "a-b", "a.csv", "a/z"]
