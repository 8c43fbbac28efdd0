"""The list of jobs and the page of a job, without a browser."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest

from tests.local_runner.console.test_jobs import REGION, document
from wildsage.local_runner.console import PATH, feed
from wildsage.local_runner.console.pages import jobs
from wildsage.local_runner.jobs.logs import TRAINING_JOBS
from wildsage.local_runner.jobs.training.states import KIND
from wildsage.local_runner.jobs.tuning.definition import OBJECTIVE
from wildsage.local_runner.monitor.overview import KINDS


@pytest.fixture
def add(visitor):
    """Adds training jobs that have ended to the store."""

    def insert(*jobs: dict) -> None:
        for job in jobs:
            visitor.regions.services(REGION).store.insert(KIND.name, job["TrainingJobName"], job)

    return insert


def names(html: str) -> list[str]:
    return re.findall(r'id="job-training-us-east-1-([^"]+)"', html)


# ---- the list


def test_an_empty_server_says_so(visitor):
    assert "No job has been started yet." in visitor.text("/jobs/")


def test_pages_list_every_job_once_the_newest_first(visitor, add):
    add(*[document(f"job-{number:03}", created=1_790_000_000 + number // 7) for number in range(120)])
    seen, html = [], visitor.text("/jobs/")
    while True:
        seen += names(html)
        older = re.search(r'id="older" href="([^"]+)"', html)
        if not older:
            break
        html = visitor.text(older[1].replace("&amp;", "&").removeprefix(PATH))
    expected = sorted(range(120), key=lambda number: (number // 7, f"job-{number:03}"), reverse=True)
    assert seen == [f"job-{number:03}" for number in expected]


def test_the_list_is_filtered_by_name_kind_and_status(visitor, add):
    add(
        document("first-model"),
        document("second-model", outcome="Failed", reason="ClientError: bad"),
        document("other"),
    )
    assert names(visitor.text("/jobs/?name=MODEL")) == ["second-model", "first-model"]
    assert names(visitor.text("/jobs/?status=Failed")) == ["second-model"]
    assert names(visitor.text("/jobs/?kind=transform")) == []
    assert "No job matches the filter." in visitor.text("/jobs/?kind=transform")
    assert "Failed (1)" in visitor.text("/jobs/")


def test_a_page_reads_no_more_documents_than_it_shows(visitor, add, monkeypatch):
    add(*[document(f"job-{number:04}", created=1_790_000_000 + number) for number in range(300)])
    store = visitor.regions.services(REGION).store
    read, original = [], store._read
    monkeypatch.setattr(store, "_read", lambda rows: read.extend(rows) or original(rows))
    visitor.text("/jobs/rows")
    assert len(read) == 51


@pytest.mark.parametrize("after", ["nonsense", "[1]", '["a", "b"]', "{}", f'[1{"0" * 400}, "a"]', "[" * 9_000])
def test_a_place_that_no_page_gave_is_rejected(visitor, after):
    assert visitor.get(f"/jobs/?after={after}").status_code == 400


# ---- a job


def test_a_failed_job_shows_the_reason_first_and_nothing_of_it_as_html(visitor, add):
    add(document("failed", outcome="Failed", reason="ClientError: <img src=x onerror=alert(1)>"))
    html = visitor.text(f"/jobs/{REGION}/training/failed")
    assert html.index("ClientError: &lt;img") < html.index("Hyperparameters")
    assert "<script>alert" not in html and "<img src=x" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_the_steps_of_a_job_have_their_durations(visitor, add):
    add(document("done"))
    text = re.sub(r"<[^>]+>", "", visitor.text(f"/jobs/{REGION}/training/done/now"))
    assert re.search(r"Starting\s+1\.0 s", text) and re.search(r"Training\s+1 min 0 s", text)


@pytest.mark.parametrize(
    "path", ["training/absent", "baking/absent", "training/absent/metrics", "tuning/absent/log", "tuning/absent/trials"]
)
def test_a_job_that_does_not_exist_is_404(visitor, add, path):
    add(document("present"))
    assert visitor.get(f"/jobs/{REGION}/{path}").status_code == 404
    assert visitor.get(f"/jobs/mars-1/{path}").status_code == 404


def test_the_log_continues_where_the_last_answer_ended(visitor, add):
    add(document("talks"))
    logs = visitor.regions.services(REGION).logs
    first, second = (logs.writer(TRAINING_JOBS, f"talks/algo-{host}-1790000000") for host in (1, 2))
    first("from one")
    second("from <two>")
    answer = visitor.get(f"/jobs/{REGION}/training/talks/log").json
    assert sorted(line[2] for line in answer["lines"]) == ["from <two>", "from one"]
    first("later")
    positions = json.dumps(answer["positions"])
    later = visitor.get(f"/jobs/{REGION}/training/talks/log?positions={positions}").json
    assert [line[2] for line in later["lines"]] == ["later"] and later["ended"]
    assert visitor.get(f"/jobs/{REGION}/training/talks/log?positions=[1]").status_code == 400
    assert (
        visitor.get(f'/jobs/{REGION}/training/talks/log?positions={{"talks/algo-1-1790000000":-1}}').status_code == 400
    )
    download = visitor.get(f"/jobs/{REGION}/training/talks/log.txt")
    assert download.mimetype == "text/plain" and "later\n" in download.text


def test_a_long_log_begins_at_its_end_and_its_file_is_whole(visitor, add, monkeypatch):
    monkeypatch.setattr(feed, "TAIL_BYTES", 200)
    add(document("long"))
    write = visitor.regions.services(REGION).logs.writer(TRAINING_JOBS, "long/algo-1-1790000000")
    for number in range(100):
        write(f"line {number:02}")
    answer = visitor.get(f"/jobs/{REGION}/training/long/log").json
    assert answer["cut"] and answer["lines"][-1][2] == "line 99" and len(answer["lines"]) < 20
    whole = visitor.text(f"/jobs/{REGION}/training/long/log.txt")
    assert whole.splitlines() == [f"line {number:02}" for number in range(100)]


def test_metrics_are_read_once_and_name_their_host_where_there_are_several(visitor, add):
    job = document("measured")
    job["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "train:loss", "Regex": "loss=([0-9.]+)"}]
    add(job)
    logs = visitor.regions.services(REGION).logs
    write = logs.writer(TRAINING_JOBS, "measured/algo-1-1790000000")
    write("loss=3.5")
    answer = visitor.get(f"/jobs/{REGION}/training/measured/metrics").json
    assert [value for _, value in answer["series"]["train:loss"]] == [3.5]
    write("nothing")
    logs.writer(TRAINING_JOBS, "measured/algo-2-1790000000")("loss=2.5")
    positions = json.dumps(answer["positions"])
    later = visitor.get(f"/jobs/{REGION}/training/measured/metrics?positions={positions}").json
    assert [value for _, value in later["series"]["train:loss (algo-2)"]] == [2.5]
    assert "train:loss (algo-1)" not in later["series"]


def test_many_readings_are_thinned_and_keep_the_last():
    points = [(float(at), float(at)) for at in range(100_001)]
    thinned = feed._thinned(points)
    assert len(thinned) <= feed.MOST_POINTS + 1 and thinned[0] == points[0] and thinned[-1] == points[-1]


def test_a_job_that_has_ended_cannot_be_stopped(visitor, add):
    add(document("done"))
    response = visitor.post(f"/jobs/{REGION}/training/done/stop")
    assert response.status_code == 400 and "is in status Completed" in response.text


def running(name: str) -> dict:
    """A training job that has not begun yet to train."""
    job = {**document(name), "TrainingJobStatus": "InProgress"}
    del job["TrainingStartTime"], job["TrainingEndTime"]
    return job


def test_the_next_page_keeps_the_filter_and_begins_after_the_last_job(visitor, add):
    add(*[document(f"job-{number:02}", created=float(number)) for number in range(52)])
    (older,) = re.findall(
        r'id="older" href="([^"]+)"', visitor.text("/jobs/rows?kind=training&status=Completed&name=job")
    )
    assert "kind=training&amp;status=Completed&amp;name=job" in older
    assert names(visitor.text(older.replace("&amp;", "&").removeprefix(PATH))) == ["job-01", "job-00"]


@pytest.mark.parametrize(("job", "ended"), [(running("a"), False), (document("a"), True)])
def test_pages_of_a_job_know_whether_it_has_ended(visitor, add, job, ended):
    add(job)
    at = f"/jobs/{REGION}/training/a"
    for path in ("/now", "/artifact"):
        assert ("data-ended" in visitor.text(at + path)) == ended
    for path in ("/log", "/metrics", "/usage"):
        assert visitor.get(at + path).json["ended"] == ended
    assert ("data-usage" in visitor.text(at)) != ended
    assert ("The artifact is written when the job has ended." in visitor.text(f"{at}/artifact")) != ended


def test_time_counts_from_the_start_or_from_the_creation(visitor, add):
    add(running("waits"), {**running("runs"), "TrainingStartTime": 1_790_000_007.0})
    for name, began in (("waits", 1_790_000_000), ("runs", 1_790_000_007)):
        assert visitor.get(f"/jobs/{REGION}/training/{name}/metrics").json["started_ms"] == began * 1000
        assert f'data-since="{began}' in visitor.text(f"/jobs/{REGION}/training/{name}/now")


def test_a_job_shows_what_it_used_and_reached(visitor, add):
    used = {"Usage": {"CpuSeconds": 30.5, "PeakMemoryBytes": 2_000_000}}
    add({**document("a"), **used, "FinalMetricDataList": [{"MetricName": "test:msd", "Value": 0.25, "Timestamp": 0.0}]})
    html = visitor.text(f"/jobs/{REGION}/training/a/now")
    assert "Peak memory" in html and "2.0 MB" in html and "test:msd" in html and "0.25" in html
    assert "ml.m5.large" in html


def test_the_whole_document_and_its_metrics_are_on_the_page(visitor, add):
    job = document("a")
    job["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "own", "Regex": "own=(.*)"}]
    bare = document("b")
    bare["AlgorithmSpecification"]["MetricDefinitions"] = []
    add(job, bare)
    html = visitor.text(f"/jobs/{REGION}/training/a")
    assert "data-metrics=" in html and f"{PATH}/jobs/{REGION}/training/a/log" in html
    assert "data-metrics=" not in visitor.text(f"/jobs/{REGION}/training/b")
    lines = re.sub(r"<[^>]+>", "", html).replace("&#34;", '"').splitlines()
    fields = [line.split('"')[1] for line in lines if line.startswith('  "')]
    assert '  "CreationTime": 1790000000.0,' in lines and fields == sorted(fields)


def test_the_artifact_is_shown_as_long_as_it_is_there(visitor, add):
    store = visitor.regions.objects
    store.create_bucket("bucket")
    store.put("bucket", "out/model.tar.gz", [b"no archive"])
    for name, uri in (("kept", "s3://bucket/out/model.tar.gz"), ("lost", "s3://bucket/x"), ("gone", "s3://absent/x")):
        add({**document(name), "ModelArtifacts": {"S3ModelArtifacts": uri}})
    assert "no archive" in visitor.text(f"/jobs/{REGION}/training/kept/artifact")
    for name in ("lost", "gone"):
        html = visitor.text(f"/jobs/{REGION}/training/{name}/artifact")
        assert "The job left no artifact, or it has been deleted." in html


def test_a_log_is_a_file_of_the_name_of_its_job(visitor, add):
    add(document("talks"))
    write = visitor.regions.services(REGION).logs.writer(TRAINING_JOBS, "talks/algo-1-1790000000")
    write("one")
    write("two ü")
    found = visitor.get(f"/jobs/{REGION}/training/talks/log.txt")
    assert found.headers["Content-Disposition"] == 'attachment; filename="talks.log"'
    assert (found.content_type, found.text) == ("text/plain; charset=utf-8", "one\ntwo ü\n")


def test_a_tuning_job_has_trials_and_no_log(visitor):
    arn = f"arn:aws:sagemaker:{REGION}:000000000000:hyper-parameter-tuning-job/t"
    tuning = {"HyperParameterTuningJobName": "t", "HyperParameterTuningJobArn": arn, "CreationTime": 1.0}
    store = visitor.regions.services(REGION).store
    store.insert("hyper-parameter-tuning-job", "t", {**tuning, "HyperParameterTuningJobStatus": "Completed"})
    reached = [{"MetricName": OBJECTIVE, "Value": 0.5}]
    trial = {
        **document("t-001"),
        "TuningJobArn": arn,
        "TunedHyperParameters": {"k": "3"},
        "FinalMetricDataList": reached,
    }
    store.insert(KIND.name, "t-001", {**trial, "TuningObjective": {"Type": "Minimize", "MetricName": "loss"}})
    charts = visitor.get(f"/jobs/{REGION}/tuning/t/trials.json").json
    assert charts["trials"] == [{"number": 1, "name": "t-001", "objective": 0.5, "tuned": {"k": "3"}}]
    assert charts["ended"] is True
    assert "t-001" in visitor.text(f"/jobs/{REGION}/tuning/t/trials")
    html = visitor.text(f"/jobs/{REGION}/tuning/t")
    assert "t-001" in html and f"/jobs/{REGION}/tuning/t/log" not in html
    for path in ("log", "log.txt", "usage"):
        assert "A tuning job has no log of its own." in visitor.get(f"/jobs/{REGION}/tuning/t/{path}").text


def test_a_running_job_is_asked_to_stop(visitor, add, monkeypatch):
    stopped = []
    services = visitor.regions.services(REGION)
    add(running("a"))
    monkeypatch.setattr(services.training, "stop", stopped.append)
    response = visitor.post(f"/jobs/{REGION}/training/a/stop")
    assert (response.status_code, response.location) == (302, f"{PATH}/jobs/{REGION}/training/a")
    assert stopped == ["a"]


def test_each_kind_of_jobs_has_what_runs_it():
    services = SimpleNamespace(training=1, tuning=2, transforms=3, processing=4)
    assert [jobs.runner(services, kind.word) for kind in KINDS] == [
        {"training": 1, "tuning": 2, "transform": 3, "processing": 4}[kind.word] for kind in KINDS
    ]
