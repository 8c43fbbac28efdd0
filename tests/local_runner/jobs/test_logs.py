"""Log streams as files: what a killed server left of a line."""

from wildsage.local_runner.jobs.logs import Logs


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
