"""Rows of `wildsage endpoints`: without a server an endpoint is stopped, unless it has failed."""

from __future__ import annotations

import pytest

from wildsage.local_runner.commands.endpoints import row
from wildsage.local_runner.monitor.overview import EndpointSummary

ARN = "arn:aws:sagemaker:eu-west-1:000000000000:endpoint/e"


@pytest.mark.parametrize(
    ("status", "alive", "shown"),
    [
        ("InService", True, "InService"),
        ("InService", False, "stopped"),
        ("Creating", False, "stopped"),
        ("Failed", True, "Failed"),
        ("Failed", False, "Failed"),
    ],
)
def test_the_status_of_an_endpoint(status, alive, shown):
    name, found, variants, created, region, reason = row(
        EndpointSummary("e", ARN, status, ["a", "b"], 0.0, "why"), alive
    )
    assert (name, found, variants, region, reason) == ("e", shown, "a, b", "eu-west-1", "why")
    assert created.startswith(("1969", "1970"))


def test_where_no_server_ran_the_command_says_so(cli, tmp_path):
    said = cli("endpoints", "--data", tmp_path)
    assert said.status == 1 and "No local AWS has run on" in said.err
