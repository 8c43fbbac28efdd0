"""`wildsage logs` of a folder whose server has ended: one stream is printed as it is, several with their names."""

from __future__ import annotations

from contextlib import closing

import pytest

from wildsage.local_runner.jobs.hosting.endpoint import KIND as ENDPOINT
from wildsage.local_runner.jobs.logs import TRANSFORM_JOBS, Logs
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.jobs.transform.job import KIND
from wildsage.local_runner.settings import ServerSettings


def add(store: Store, name: str) -> None:
    job = {
        "TransformJobName": name,
        "TransformJobArn": f"arn:aws:sagemaker:us-east-1:0:transform-job/{name}",
        "TransformJobStatus": "Completed",
        "CreationTime": 1.0,
    }
    store.insert(KIND.name, name, job)


def write(logs: Logs, folder, stream: str, lines: dict[int, str]) -> None:
    logs.writer(TRANSFORM_JOBS, stream).close()
    (file,) = folder.rglob(stream.replace("/", "%2F"))
    file.write_text("".join(f"{at}\t{line}\n" for at, line in lines.items()))


@pytest.fixture
def at_rest(tmp_path):
    """The jobs alone, with one stream, both, with two, and silent, with none; the log of a deleted job; and an endpoint."""
    folder = ServerSettings(tmp_path).region("us-east-1")
    folder.path.mkdir(parents=True)
    logs = Logs(folder.logs)
    with closing(Store(folder.state)) as store:
        for name in ("alone", "both", "silent"):
            add(store, name)
        endpoint = {
            "EndpointName": "answers",
            "EndpointArn": "arn:aws:sagemaker:us-east-1:0:endpoint/answers",
            "EndpointStatus": "InService",
            "CreationTime": 1.0,
            "Deployment": {"Variants": []},
        }
        store.insert(ENDPOINT.name, "answers", endpoint)
    write(logs, tmp_path, "alone/i-1", {1000: "first", 2000: "\x1b[31mred\x1b[0m\x07"})
    write(logs, tmp_path, "both/i-1", {1000: "one", 3000: "three"})
    write(logs, tmp_path, "both/i-2", {2000: "two"})
    write(logs, tmp_path, "deleted/i-1", {1000: "gone"})
    return tmp_path


@pytest.mark.parametrize("name", ["alone", "alo", "a"])
def test_a_log_is_found_by_the_name_or_its_beginning(cli, at_rest, name):
    said = cli("logs", name, "--data", at_rest)
    if name == "a":  # an endpoint begins with it too
        assert said.status == 2 and "alone, answers" in said.err
    else:
        assert (said.status, said.out.splitlines()[0], said.err) == (0, "first", "")
        assert "\x1b[31mred" in said.out and "\x07" not in said.out


def test_lines_of_several_streams_come_by_time_with_their_names(cli, at_rest):
    said = cli("logs", "both", "--data", at_rest)
    assert said.out.splitlines() == ["i-1: one", "i-2: two", "i-1: three"]


@pytest.mark.parametrize("name", ["silent", "answers"])
def test_a_job_or_an_endpoint_without_a_log_prints_nothing(cli, at_rest, name):
    said = cli("logs", name, "--data", at_rest)
    assert (said.status, said.out) == (0, "")


def test_the_log_of_a_deleted_job_is_found_by_its_whole_name(cli, at_rest):
    assert cli("logs", "deleted", "--data", at_rest).out == "gone\n"
    said = cli("logs", "delet", "--data", at_rest)
    assert said.status == 1 and "no job, endpoint or log named delet" in said.err


def test_a_name_that_is_nearly_right_is_suggested(cli, at_rest):
    said = cli("logs", "silint", "--data", at_rest)
    assert said.status == 1 and "Did you mean silent?" in said.err


@pytest.mark.parametrize("option", ["-f", "--follow"])
def test_following_a_job_that_has_ended_says_how_it_ended(cli, at_rest, option):
    said = cli("logs", option, "alone", "--data", at_rest)
    assert said.status == 0 and said.out.startswith("first\n")
    assert said.err == "transform job alone: Completed"
