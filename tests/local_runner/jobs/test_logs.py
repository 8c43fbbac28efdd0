"""Log streams as files: what a killed server left of a line."""

import errno
import io
import os
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from wildsage.local_runner.jobs.logs import Logs, NoSuchGroup, NoSuchStream


def messages(logs: Logs) -> list[str]:
    return [event.message for event in logs.events("group", "stream")]


def test_a_line_cut_off_by_a_kill_is_dropped_and_those_before_it_stay(tmp_path):
    logs = Logs(tmp_path)
    for cut in (b"", b"17", b"1700000000000\t", b"1700000000000\thalf a li"):
        writer = logs.writer("group", "stream")
        writer("whole")
        writer.close()
        before = messages(logs)
        with (tmp_path / "group" / "stream").open("ab") as file:
            file.write(cut)
        assert messages(logs) == before
        writer = logs.writer("group", "stream")
        writer("next")
        writer.close()
        assert messages(logs) == [*before, "next"]


def test_a_first_line_cut_off_leaves_an_empty_stream(tmp_path):
    logs = Logs(tmp_path)
    logs.writer("group", "stream").close()
    (tmp_path / "group" / "stream").write_bytes(b"1700000")
    logs.writer("group", "stream").close()
    assert messages(logs) == []


def test_an_empty_line_is_not_an_event(tmp_path):
    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    for line in ("a\n", "\n", "\r\n", "", " \n", "b"):
        writer(line)
    writer.close()
    assert messages(logs) == ["a", " ", "b"]


def test_a_position_at_which_no_event_ended_has_no_events(tmp_path):
    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    writer("first")
    writer("second")
    writer.close()
    (first, _) = logs.events("group", "stream")
    for position in range(1, first.end):
        assert list(logs.events("group", "stream", position)) == []
    assert [event.message for event in logs.events("group", "stream", first.end)] == ["second"]


def test_names_of_streams_are_sorted_by_name_or_by_the_last_write_and_no_stream_is_read(tmp_path):
    logs = Logs(tmp_path)
    for place, name in enumerate(("c/1", "a/1", "b/1")):
        logs.writer("group", name).close()
        path = next(path for path in (tmp_path / "group").iterdir() if path.name.startswith(name[0]))
        os.utime(path, (place, place))
        path.write_bytes(b"not a log line")  # which reading it would not survive
        os.utime(path, (place, place))
    assert logs.stream_names("group") == ["a/1", "b/1", "c/1"]
    assert logs.stream_names("group", "b") == ["b/1"]
    assert logs.stream_names_by_time("group") == ["c/1", "a/1", "b/1"]
    with pytest.raises(ValueError):
        logs.streams("group")


def settled(folder) -> None:
    """The folder was last changed long ago, so that what was read of it is kept."""
    os.utime(folder, (1_000, 1_000))


def test_a_line_moves_its_stream_to_the_end_by_time_without_the_files_being_looked_at(tmp_path):
    logs = Logs(tmp_path)
    writers = {name: logs.writer("group", name) for name in ("a", "b", "c")}
    for number, name in enumerate("abc"):
        os.utime(tmp_path / "group" / name, (number, number))
    settled(tmp_path / "group")
    assert logs.stream_names_by_time("group") == ["a", "b", "c"]
    writers["a"]("a line")
    os.utime(tmp_path / "group" / "a", (0, 0))  # what the file says is not asked again
    assert logs.stream_names_by_time("group") == ["b", "c", "a"]
    assert logs.stream_names_by_time("group", "c") == ["c"]


def test_streams_that_come_and_go_are_seen_at_once(tmp_path):
    logs = Logs(tmp_path)
    for name in ("b/1", "a/1"):
        logs.writer("group", name).close()
        assert logs.stream_names("group", name) == [name]
        assert name in logs.stream_names_by_time("group")
    settled(tmp_path / "group")
    assert logs.stream_names("group") == ["a/1", "b/1"]
    (tmp_path / "group" / "a%2F1").unlink()
    assert logs.stream_names("group") == logs.stream_names_by_time("group") == ["b/1"]


def test_two_changes_of_a_group_that_its_folder_gives_the_same_time_are_both_seen(tmp_path):
    """A file system has a clock of its own, which ticks every few milliseconds."""
    logs, group = Logs(tmp_path), tmp_path / "group"
    logs.writer("group", "a").close()
    changed = group.stat()
    assert logs.stream_names("group") == ["a"]
    logs.writer("group", "b").close()
    os.utime(group, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    assert logs.stream_names("group") == ["a", "b"]


def test_a_group_that_has_not_changed_is_not_listed_again(tmp_path, monkeypatch):
    logs = Logs(tmp_path)
    logs.writer("group", "a").close()
    settled(tmp_path / "group")
    assert logs.stream_names("group") == logs.stream_names_by_time("group") == ["a"]
    for name in ("listdir", "scandir"):
        monkeypatch.delattr(os, name)
    assert logs.stream_names("group") == logs.stream_names_by_time("group") == ["a"]


@pytest.mark.parametrize(
    "act", [lambda group: group.by_name(""), lambda group: group.by_time(""), lambda group: group.written("stream")]
)
def test_threads_that_read_and_write_a_group_wait_for_each_other(tmp_path, act):
    logs = Logs(tmp_path)
    logs.writer("group", "stream").close()
    group = logs._streams("group")
    thread = threading.Thread(target=act, args=(group,))
    with group._lock:
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
    thread.join()


def test_a_line_can_be_read_as_soon_as_it_is_written(tmp_path):
    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    writer("a line")
    assert messages(logs) == ["a line"]


def test_names_with_other_signs_than_slashes_are_read_as_they_were_written(tmp_path):
    logs = Logs(tmp_path)
    names = ["%2F", "..", "a b/c", "a%2Fb", "ä/1"]
    for name in names:
        logs.writer("group", name).close()
    assert logs.stream_names("group") == sorted(names)
    assert logs.stream_names("group", "a") == ["a b/c", "a%2Fb"]


def test_a_byte_that_is_not_utf_8_costs_one_character_and_no_line(tmp_path):
    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    for line in ("before", "a\udcffb", "after"):  # the second cannot be encoded
        writer(line)
    writer.close()
    path = tmp_path / "group" / "stream"
    assert messages(logs) == ["before", "a?b", "after"]
    path.write_bytes(path.read_bytes().replace(b"a?b", b"a\xffb"))
    assert messages(logs) == ["before", "a\ufffdb", "after"]
    ends = [event.end for event in logs.events("group", "stream")]
    assert [event.message for event in logs.events("group", "stream", ends[1])] == ["after"]


def test_a_line_has_the_time_at_which_it_was_written_and_times_never_decrease(tmp_path, monkeypatch):
    logs = Logs(tmp_path)
    writer, begun_ms = logs.writer("group", "stream"), time.time_ns() // 1_000_000
    writer("now")
    monkeypatch.setattr(time, "time_ns", lambda: 0)  # the clock was set back
    writer("later")
    writer.close()
    monkeypatch.undo()
    first, second = logs.events("group", "stream")
    assert begun_ms <= first.timestamp_ms <= time.time_ns() // 1_000_000
    assert second.timestamp_ms == first.timestamp_ms


def test_lines_that_come_after_the_end_are_dropped(tmp_path):
    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    writer("before")
    writer.close()
    writer("after")
    assert messages(logs) == ["before"]


def test_lines_that_a_full_disk_lost_are_counted_once(tmp_path):
    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    kept = writer._file
    for lost in (2, 1):
        writer("written")
        with Path("/dev/full").open("ab", buffering=0) as full:
            writer._file = full
            for _ in range(lost):
                writer("lost")
            writer._file = kept
    writer("written")
    writer("written")
    writer.close()
    assert messages(logs) == [
        "written",
        "Wildsage: 2 lines are missing here: the disk was full.",
        "written",
        "Wildsage: 1 lines are missing here: the disk was full.",
        "written",
        "written",
    ]


def test_no_line_comes_before_the_number_of_those_that_are_missing(tmp_path):
    """There is room for the line and none for the number."""

    class Narrow(io.FileIO):
        def write(self, data: bytes) -> int:
            return super().write(data[:30])

    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    writer("first")
    kept, writer._file = writer._file, Narrow(tmp_path / "group" / "stream", "a")
    writer("lost " * 10)
    writer("short")
    narrow, writer._file = writer._file, kept
    narrow.close()
    writer("last")
    writer.close()
    assert messages(logs) == ["first", "Wildsage: 2 lines are missing here: the disk was full.", "last"]


def test_of_a_line_for_which_there_is_half_the_room_nothing_is_written(tmp_path):
    class Tight(io.FileIO):
        def write(self, data: bytes) -> int:
            return super().write(data[: len(data) // 2])

    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    writer("first")
    kept, writer._file = writer._file, Tight(tmp_path / "group" / "stream", "a")
    writer("lost " * 10)
    tight, writer._file = writer._file, kept
    tight.close()
    writer("last")
    writer.close()
    assert messages(logs) == ["first", "Wildsage: 1 lines are missing here: the disk was full.", "last"]


def test_an_error_of_the_disk_other_than_that_it_is_full_is_raised(tmp_path):
    class Broken(io.FileIO):
        def write(self, data: bytes) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = Logs(tmp_path).writer("group", "stream")
    with Broken(tmp_path / "group" / "stream", "a") as writer._file, pytest.raises(OSError, match="Input/output error"):
        writer("a line")


def test_a_line_that_is_being_written_when_its_log_is_closed_is_written(tmp_path):
    writing, may_write, raised = threading.Event(), threading.Event(), []

    class Slow(io.FileIO):
        def write(self, data: bytes) -> int:
            writing.set()
            may_write.wait(240)
            return super().write(data)

    def write() -> None:
        try:
            writer("a line")
        except ValueError as error:  # as of a closed file
            raised.append(error)

    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    writer._file.close()
    writer._file = Slow(tmp_path / "group" / "stream", "a")
    threads = [threading.Thread(target=write), threading.Thread(target=writer.close)]
    threads[0].start()
    writing.wait(240)
    threads[1].start()
    threads[1].join(0.05)
    may_write.set()
    for thread in threads:
        thread.join()
    assert raised == [] and messages(logs) == ["a line"]


def test_a_stream_says_when_it_was_written_last_and_is_listed_by_time_as_soon_as_it_is_there(tmp_path):
    logs, begun_ms = Logs(tmp_path), time.time_ns() // 1_000_000
    for names in (["a"], ["a", "b"], ["a", "b", "c"]):
        logs.writer("group", names[-1]).close()
        os.utime(tmp_path / "group" / names[-1], (len(names), len(names)))
        os.utime(tmp_path / "group", (len(names), len(names)))  # long ago, and another time than before
        assert logs.stream_names_by_time("group") == names
    logs.writer("group", "d")("now")
    assert begun_ms - 10 <= logs.stream("group", "d").written_ms <= time.time_ns() // 1_000_000 + 10


def test_a_writer_knows_that_its_program_met_a_full_disk(tmp_path):
    writer = Logs(tmp_path).writer("group", "stream")
    writer("a line")
    assert writer.full_disk == ""
    writer("OSError: [Errno 28] No space left on device: '/opt/ml/model'\n")
    writer("what came after")
    assert writer.full_disk == "OSError: [Errno 28] No space left on device: '/opt/ml/model'"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_writer_whose_own_disk_is_full_names_its_folder(tmp_path):
    writer = Logs(tmp_path).writer("group", "stream")
    with Path("/dev/full").open("wb", buffering=0) as writer._file:
        writer("a line")
    assert writer.full_disk.startswith(f"No space left on device: {tmp_path / 'group'}.")


def test_a_tail_begins_at_the_first_whole_line_of_the_last_bytes(tmp_path):
    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    for line in ("first", "second", "third"):
        writer(line)
    writer.close()
    first, second, third = (event.end for event in logs.events("group", "stream"))
    position = partial(logs.tail_position, "group", "stream")
    assert [position(third + 1), position(third), position(third - 1)] == [0, 0, first]
    assert position(third - first) == second  # the line that begins there may be the rest of one
    assert position(third - first + 1) == first
    assert position(0) == third


def test_a_stream_says_its_size_and_when_its_first_line_was_written(tmp_path):
    logs = Logs(tmp_path)
    writer = logs.writer("group", "stream")
    path = tmp_path / "group" / "stream"
    os.utime(path, (7, 7.25))
    empty = logs.stream("group", "stream")
    assert (empty.created_ms, empty.written_ms, empty.size_bytes) == (7_250, 7_250, 0)
    writer("a line")
    writer.close()
    (event,) = logs.events("group", "stream")
    os.utime(path, (8, 8.5))
    written = logs.stream("group", "stream")
    assert (written.created_ms, written.written_ms) == (event.timestamp_ms, 8_500)
    assert written.size_bytes == path.stat().st_size == event.end


def test_groups_are_sorted_and_a_missing_folder_has_none(tmp_path):
    logs = Logs(tmp_path / "logs")
    assert logs.groups() == []
    for group in ("/b", "/a/2", "/a/1"):
        logs.writer(group, "s").close()
    assert logs.groups() == ["/a/1", "/a/2", "/b"]
    assert logs.groups("/a/") == ["/a/1", "/a/2"]


def test_what_is_not_there_is_named(tmp_path):
    logs = Logs(tmp_path)
    logs.writer("group", "stream").close()
    for ask in (logs.stream_names, logs.stream_names_by_time, logs.streams, lambda group: logs.events(group, "s")):
        with pytest.raises(NoSuchGroup, match="does not exist: another"):
            ask("another")
    with pytest.raises(NoSuchStream, match="does not exist: other in group"):
        logs.events("group", "other")


@pytest.mark.parametrize(
    ("group", "stream", "error"),
    [("group", "absent", NoSuchStream), ("group", "", NoSuchStream), ("absent", "stream", NoSuchGroup)],
)
def test_a_stream_that_does_not_exist_is_named(tmp_path, group, stream, error):
    logs = Logs(tmp_path)
    logs.writer("group", "stream").close()
    for read in (logs.events, lambda *names: logs.tail_position(*names, 1)):
        with pytest.raises(error, match=f"does not exist: {stream if error is NoSuchStream else group}"):
            read(group, stream)
