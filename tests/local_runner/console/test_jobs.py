"""The list of jobs and the page of a job, without a browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import urllib3

from wildsage.local_runner.client import environment
from wildsage.local_runner.console import PATH, feed, job_code
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.logs import TRAINING_JOBS
from wildsage.local_runner.jobs.training import description
from wildsage.local_runner.jobs.training.states import KIND, JobEnd, enter_secondary
from wildsage.local_runner.monitor.overview import KINDS

REGION = "us-east-1"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
TRAINING = KINDS[0]


def document(name: str, created: float = 1_790_000_000.0, outcome: str = "Completed", reason: str = "") -> dict:
    """A training job that has ended."""
    request = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::000000000000:role/WildsageRole",
        "HyperParameters": {"k": "3", "<b>": "<script>alert(1)</script>"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train/"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    job = description.training_job(request, f"arn:aws:sagemaker:{REGION}:000000000000:training-job/{name}", created)
    KIND.create(job, False, created)
    job["TrainingStartTime"] = created
    enter_secondary(job, "InProgress", "Training", created + 1)
    KIND.end(job, JobEnd(outcome, reason or None), created + 61)
    return job


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


def test_a_long_log_begins_at_its_end(visitor, add, monkeypatch):
    monkeypatch.setattr(feed, "TAIL_BYTES", 200)
    add(document("long"))
    write = visitor.regions.services(REGION).logs.writer(TRAINING_JOBS, "long/algo-1-1790000000")
    for number in range(100):
        write(f"line {number:02}")
    answer = visitor.get(f"/jobs/{REGION}/training/long/log").json
    assert answer["cut"] and answer["lines"][-1][2] == "line 99" and len(answer["lines"]) < 20


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


# ---- the same again


def test_the_same_request_has_what_the_user_gave_and_nothing_of_the_service():
    request = job_code.same_request(TRAINING, document("given"))
    assert request["TrainingJobName"] == "given-again"
    assert set(request) == {
        "TrainingJobName",
        "AlgorithmSpecification",
        "RoleArn",
        "HyperParameters",
        "InputDataConfig",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
    }
    assert request["AlgorithmSpecification"] == {"TrainingImage": IMAGE, "TrainingInputMode": "File"}


def test_metrics_of_the_algorithm_are_not_asked_for_again():
    job = document("measured")
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    own = {"Name": "own", "Regex": "own=([0-9.]+)"}
    found = metrics.shown(metrics.definitions("xgboost", [own]), [own])  # not all of them, as there are too many
    job["AlgorithmSpecification"] |= {"TrainingImage": image, "MetricDefinitions": found}
    assert job_code.same_request(TRAINING, job)["AlgorithmSpecification"]["MetricDefinitions"] == [own]
    job["AlgorithmSpecification"]["MetricDefinitions"] = metrics.shown(metrics.definitions("xgboost"))
    assert "MetricDefinitions" not in job_code.same_request(TRAINING, job)["AlgorithmSpecification"]


def test_a_long_name_stays_within_what_aws_allows():
    assert len(job_code.again(TRAINING, "n" * 63)) == 63


def test_the_programs_of_the_page_do_the_job_again(aws, channel):
    """Those of boto3 and of version 2 of the SDK, in the environment that the overview gives."""
    job = aws.train(channel(aws.upload("again", **{"a.csv": b"1,2"})), k="2", feature_dim="2")
    described = aws.finished(job)
    (_, boto3_program), (_, sdk2_program), _ = job_code.programs(TRAINING, stored(described))
    sdk2_program = sdk2_program.replace(f"{job}-again", f"{job}-again-2")
    env = environment.client_environment(aws.endpoint, aws.data, False, {})
    subprocess.run([sys.executable, "-c", boto3_program + sdk2_program], env=env, check=True, timeout=200)
    for name in (f"{job}-again", f"{job}-again-2"):
        again = aws.finished(name)
        assert again["HyperParameters"] == described["HyperParameters"]
        assert again["InputDataConfig"][0]["DataSource"] == described["InputDataConfig"][0]["DataSource"]


def stored(described: dict) -> dict:
    """A description as the store has it, with times as numbers."""
    return json.loads(json.dumps(described, default=lambda when: when.timestamp()))


def test_a_running_job_is_stopped_by_the_button(aws):
    """With a socket, since the job runs in the server."""
    job = aws.train(sleep_s="60")
    aws.until(
        lambda: aws.sagemaker.describe_training_job(TrainingJobName=job), lambda found: "TrainingStartTime" in found
    )
    address = f"{aws.endpoint}{PATH}/jobs/{REGION}/training/{job}"
    page = urllib3.request("GET", address, timeout=240)
    token = re.search(r'form-token" content="([^"]+)"', page.data.decode())[1]
    headers = {"Origin": aws.endpoint, "Cookie": page.headers["Set-Cookie"].partition(";")[0]}
    urllib3.request(
        "POST", f"{address}/stop", headers=headers, fields={"form_token": token}, redirect=False, timeout=240
    )
    assert aws.finished(job)["TrainingJobStatus"] == "Stopped"
    assert "data-ended" in urllib3.request("GET", f"{address}/now", timeout=240).data.decode()


def test_2000_jobs_are_counted_by_the_index(visitor):
    store = visitor.regions.services(REGION).store
    job = document("many")
    store._transact(
        lambda: [store._write(KIND.name, f"many-{number}", {**job, "CreationTime": number}) for number in range(2000)]
    )
    html = visitor.text("/jobs/")
    assert "All (2,000)" in html and len(names(html)) == 50
