"""Logs and metrics from a position on: each line and each reading once."""

from __future__ import annotations

import pytest

from wildsage.local_runner.console import feed
from wildsage.local_runner.jobs.logs import TRAINING_JOBS, Logs


@pytest.fixture
def logs(tmp_path) -> Logs:
    """Two hosts of a job that log in turn."""
    found = Logs(tmp_path)
    put(found, tmp_path, "job/algo-1-1700000000", {1: "loss=1", 3: "loss=3"})
    put(found, tmp_path, "job/algo-2-1700000000", {2: "loss=2"})
    return found


def put(logs: Logs, folder, stream: str, lines: dict[int, str]) -> None:
    logs.writer(TRAINING_JOBS, stream).close()
    (file,) = folder.glob(f"*/{stream.replace('/', '%2F')}")
    with file.open("a") as target:
        target.write("".join(f"{at}\t{line}\n" for at, line in lines.items()))


def texts(part: feed.LogPart) -> list[tuple[str, str]]:
    return [(stream, event.message) for stream, event in part.lines]


def test_lines_come_by_time_and_each_once(logs, tmp_path):
    first = feed.read_log(logs, TRAINING_JOBS, "job/", {})
    hosts = ("algo-1-1700000000", "algo-2-1700000000")
    assert texts(first) == [(hosts[0], "loss=1"), (hosts[1], "loss=2"), (hosts[0], "loss=3")]
    assert not first.is_cut
    assert feed.read_log(logs, TRAINING_JOBS, "job/", first.positions).lines == []
    put(logs, tmp_path, "job/algo-2-1700000000", {4: "loss=4"})
    assert texts(feed.read_log(logs, TRAINING_JOBS, "job/", first.positions)) == [(hosts[1], "loss=4")]


@pytest.mark.parametrize(("whole", "lines"), [(False, 3), (True, 300)])
def test_a_page_shows_the_end_of_a_long_log_and_a_download_all(tmp_path, monkeypatch, whole, lines):
    logs = Logs(tmp_path)
    put(logs, tmp_path, "job/algo-1-1", {at: f"{at:03d}" for at in range(100, 400)})
    monkeypatch.setattr(feed, "TAIL_BYTES", 8 * 3 + 1)
    part = feed.read_log(logs, TRAINING_JOBS, "job/", {}, whole)
    assert [event.message for _, event in part.lines][-3:] == ["397", "398", "399"]
    assert (len(part.lines), part.is_cut) == (lines, not whole)


@pytest.mark.parametrize(("stream", "group"), [("absent", TRAINING_JOBS), ("job/", "absent")])
def test_a_log_that_is_not_there_has_no_lines(logs, tmp_path, stream, group):
    assert feed.read_log(logs, group, stream, {}) == feed.LogPart([], {})
    assert feed.read_log(Logs(tmp_path / "none"), group, stream, {}) == feed.LogPart([], {})


def job(*definitions: str) -> dict:
    wanted = [{"Name": name, "Regex": f"{name}=(.*)"} for name in definitions]
    return {"TrainingJobName": "job", "AlgorithmSpecification": {"MetricDefinitions": wanted}}


def test_readings_of_several_hosts_have_their_hosts_names(logs):
    part = feed.read_metrics(logs, job("loss"), {})
    assert part.series == {"loss (algo-1)": [(1, 1.0), (3, 3.0)], "loss (algo-2)": [(2, 2.0)]}
    assert feed.read_metrics(logs, job("loss"), part.positions) == feed.MetricPart({}, part.positions)


def test_readings_of_one_host_have_the_name_of_the_metric(tmp_path):
    logs = Logs(tmp_path)
    put(logs, tmp_path, "job/algo-1-1", {1: "loss=1", 2: "score=2"})
    assert feed.read_metrics(logs, job("loss", "score"), {}).series == {"loss": [(1, 1.0)], "score": [(2, 2.0)]}
    assert feed.read_metrics(logs, job(), {}) == feed.MetricPart({}, {})
    assert feed.read_metrics(logs, {"TrainingJobName": "job"}, {}) == feed.MetricPart({}, {})


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (1999, 1999), (2000, 2000), (2001, 1001), (4001, 1335)])
def test_many_readings_are_thinned_and_the_last_stays(tmp_path, count, shown):
    logs = Logs(tmp_path)
    put(logs, tmp_path, "job/algo-1-1", {at: f"loss={at}" for at in range(1, count + 1)})
    points = feed.read_metrics(logs, job("loss"), {}).series["loss"]
    assert len(points) == shown
    assert (points[0], points[-1]) == ((1, 1.0), (count, float(count)))


@pytest.mark.parametrize(("text", "found"), [("", {}), ("{}", {}), ('{"a": 0, "b": 7}', {"a": 0, "b": 7})])
def test_positions_are_read(text, found):
    assert feed.parse_positions(text) == found


@pytest.mark.parametrize("text", ["[]", "1", '{"a": -1}', '{"a": 1.5}', '{"a": "1"}', "{"])
def test_other_positions_are_rejected(text):
    with pytest.raises(ValueError):
        feed.parse_positions(text)


def test_a_stream_that_was_deleted_meanwhile_has_no_lines(logs, monkeypatch):
    host = "job/algo-1-1700000000"
    monkeypatch.setattr(logs, "stream_names", lambda group, prefix: ["job/gone", host])
    for whole in (False, True):
        part = feed.read_log(logs, TRAINING_JOBS, "job/", {}, whole)
        assert [event.message for _, event in part.lines] == ["loss=1", "loss=3"]
        assert list(part.positions) == [host]
    assert list(feed.read_metrics(logs, job("loss"), {}).positions) == [host]


def test_a_group_that_was_deleted_meanwhile_has_no_lines(logs, monkeypatch):
    monkeypatch.setattr(logs, "stream_names", lambda group, prefix: ["job/gone"])
    assert feed.read_log(logs, "gone", "job/", {}) == feed.LogPart([], {})
