"""Names on the command line: whole, by their beginning, and completed by the shell."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from wildsage.local_runner.commands.names import full_name


def test_a_whole_name_wins_over_names_that_begin_with_it():
    assert full_name("job-1", ["job-10", "job-1"]) == "job-1"


def test_the_beginning_of_one_name_is_enough():
    assert full_name("ab", ["abc", "b", "abc"]) == "abc"


def test_a_name_that_nothing_begins_with_stays():
    assert full_name("x", ["abc"]) == "x"


def test_the_beginning_of_several_names_is_an_error_that_lists_them(capsys):
    with pytest.raises(typer.Exit) as stopped:
        full_name("job", [f"job-{n}" for n in range(7)])
    assert stopped.value.exit_code == 2
    assert "job-0, job-1, job-2, job-3, job-4 and 2 more" in capsys.readouterr().err.replace("\n", " ")


def test_only_active_names_are_meant_by_their_beginning():
    assert full_name("job", ["job-old", "job-new"], ["job-new"]) == "job-new"
    assert full_name("job-old", ["job-old", "job-old-2"], ["job-old-2"]) == "job-old"


def test_a_log_is_found_by_the_beginning_of_its_job(aws, cli):
    job = aws.train(TrainingJobName="prefix-of-a-log-1", lines="hello")
    aws.finished(job)
    assert "hello" in cli("logs", "prefix-of", "--data", aws.data).out


def test_the_shell_completes_names(aws):
    job = aws.train(TrainingJobName="completed-by-the-shell-1")
    aws.finished(job)
    environment = {
        **os.environ,
        "_WILDSAGE_COMPLETE": "complete_bash",
        "COMP_WORDS": f"wildsage logs --data {aws.data} completed-by",
        "COMP_CWORD": "4",
    }
    command = [sys.executable, "-m", "wildsage.local_runner"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert answer.stdout.split() == [job], answer.stderr
