"""`wildsage logs`: of jobs and endpoints, finished, followed, and at rest."""

from __future__ import annotations

import signal
import subprocess
import sys


def test_the_log_of_a_job_is_printed_as_it_was_written(aws, cli):
    job = aws.train(lines="one|two  spaces\tand a tab|[red]three[/]")
    aws.finished(job)
    said = cli("logs", job, "--data", aws.data)
    assert said.status == 0
    assert said.out == "one\ntwo  spaces\tand a tab\n[red]three[/]\n"


def test_of_several_hosts_each_line_names_its_stream(aws, cli):
    job = aws.train(lines="hello", hosts=2)
    aws.finished(job)
    lines = sorted(cli("logs", job, "--data", aws.data).out.splitlines())
    assert [line.partition("-")[2][0] for line in lines] == ["1", "2"]
    assert all(line.endswith(": hello") for line in lines)


def test_following_ends_with_the_job_and_has_every_line(aws, cli):
    job = aws.train(lines="a|b|c", repeat="100", sleep_s="1")
    said = cli("logs", "-f", job, "--data", aws.data)
    assert said.out == "a\nb\nc\n" * 100
    assert f"training job {job}: Completed" in said.err


def test_following_shows_lines_while_the_job_runs(aws):
    job = aws.train(lines="begun", sleep_s="60")
    command = [sys.executable, "-m", "wildsage.local_runner", "logs", "--follow", job, "--data", str(aws.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout.readline() == "begun\n"
        assert following.poll() is None
        following.send_signal(signal.SIGINT)
        assert following.wait(240) in (130, -signal.SIGINT)  # a shell calls both 130
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    aws.finished(job)


def test_the_log_of_an_endpoint(aws, cli):
    endpoint = aws.deploy(aws.config(aws.model()))
    aws.invoke(endpoint, b"12345")
    aws.until(lambda: cli("logs", endpoint, "--data", aws.data).out, lambda out: "invocation of 5 bytes" in out)


def test_an_unknown_name_is_reported_with_the_nearest(aws, cli):
    job = aws.train(TrainingJobName="census-kmeans")
    aws.finished(job)
    said = cli("logs", "cencus-kmeans", "--data", aws.data)
    assert said.status == 1
    assert "has no job, endpoint or log named cencus-kmeans." in said.err
    assert "Did you mean census-kmeans?" in said.err
