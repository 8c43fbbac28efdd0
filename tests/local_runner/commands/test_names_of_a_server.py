"""Names on the command line of jobs that a server ran: found by their beginning, and completed by the shell."""

from __future__ import annotations

import os
import subprocess
import sys


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
