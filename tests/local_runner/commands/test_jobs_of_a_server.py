"""`wildsage jobs` and `wildsage endpoints`, while the server runs, after it was killed, and where none ever ran."""

from __future__ import annotations

import json

PROGRESS = "#progress_metric: host=algo-1, completed 40.0 % of epochs"


def by_name(said) -> dict[str, dict[str, str]]:
    assert said.status == 0, said.err
    return {row["name"]: row for row in said.cells}


def test_jobs_are_listed_with_how_they_ended(aws, cli):
    done, failed = aws.train(), aws.train(exit="1", failure="ClientError: no rows")
    for job in (done, failed):
        aws.finished(job)
    rows = by_name(cli("jobs", "--data", aws.data, "--limit", "0"))
    assert rows[done]["status"] == "Completed"
    assert rows[done]["kind"] == "training"
    assert rows[done]["took"].endswith("s")
    assert (rows[failed]["status"], rows[failed]["reason"]) == ("Failed", "ClientError: no rows")


def test_a_running_job_shows_its_phase_and_its_progress(aws, cli):
    job = aws.train(lines=f"{PROGRESS.replace('40.0', '10.0')}|{PROGRESS}", sleep_s="60")
    row = aws.until(lambda: by_name(cli("jobs", "--data", aws.data))[job], lambda row: row["progress"] == "40 %")
    assert row["status"] == "Training"
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    aws.finished(job)


def test_the_newest_come_first_and_the_others_are_counted(aws, cli):
    older, newer = aws.train(), aws.train()
    for job in (older, newer):
        aws.finished(job)
    said = cli("jobs", "--data", aws.data, "--limit", "1")
    assert [row["name"] for row in said.cells] == [newer]
    assert "older jobs are not shown; --limit 0 shows all" in said.err


def test_after_a_kill_jobs_are_interrupted_or_wait_on_and_endpoints_are_at_rest(start_aws, cli, tmp_path):
    aws = start_aws(tmp_path / "aws", "0", "process", "1")
    endpoint = aws.deploy(aws.config(aws.model()))
    assert by_name(cli("endpoints", "--data", aws.data))[endpoint]["status"] == "InService"
    job = aws.train(sleep_s="60")
    aws.until(
        lambda: aws.sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"], lambda s: s == "Training"
    )
    waiting = aws.train()
    aws.process.kill()
    aws.process.wait()
    shown = by_name(cli("jobs", "--data", aws.data))
    assert (shown[job]["status"], shown[waiting]["status"]) == ("Interrupted", "Pending")
    row = by_name(cli("endpoints", "--data", aws.data))[endpoint]
    assert (row["status"], row["variants"]) == ("stopped", "v0")


def test_a_folder_where_no_server_ever_ran_is_named(cli, tmp_path):
    for command in (["jobs"], ["endpoints"], ["logs", "x"], ["clean"]):
        said = cli(*command, "--data", tmp_path / "nowhere")
        assert said.status == 1
        assert f"No local AWS has run on {tmp_path / 'nowhere'} yet. Start one with `wildsage up`" in said.err
        assert not (tmp_path / "nowhere").exists()


def test_jobs_are_chosen_by_status_and_given_as_json(aws, cli):
    done, failed = aws.train(), aws.train(exit="1", failure="ClientError: no rows")
    for job in (done, failed):
        aws.finished(job)
    said = cli("jobs", "--data", aws.data, "--limit", "0", "--status", "failed", "--json")
    found = {job["name"]: job for job in map(json.loads, said.out.splitlines())}
    assert failed in found and done not in found
    assert {job["status"] for job in found.values()} == {"Failed"}
    record = found[failed]
    assert (record["kind"], record["region"], record["reason"]) == ("training", "us-east-1", "ClientError: no rows")
    assert 0 < record["created"] <= record["ended"]


def test_a_status_that_no_job_can_have_is_rejected_with_those_that_there_are(cli, tmp_path):
    said = cli("jobs", "--data", tmp_path, "--status", "Faild")
    words = " ".join(said.err.replace("│", " ").split())
    assert said.status == 2 and "got 'Faild', expected one of Completed, Failed, Stopped, InProgress" in words
