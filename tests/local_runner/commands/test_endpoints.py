"""Rows of `wildsage endpoints`: without a server an endpoint is stopped, unless it has failed."""

from __future__ import annotations

from contextlib import closing

import pytest

from wildsage.local_runner.commands.endpoints import row
from wildsage.local_runner.jobs.hosting.endpoint import KIND
from wildsage.local_runner.jobs.store import Store
from wildsage.local_runner.monitor.overview import EndpointSummary
from wildsage.local_runner.settings import ServerSettings

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


def test_the_endpoints_of_a_folder_at_rest_are_listed(cli, tmp_path):
    folder = ServerSettings(tmp_path).region("eu-west-1")
    folder.path.mkdir(parents=True)
    deployment = {"Variants": [{"VariantName": "v"}]}
    endpoint = {"EndpointName": "e", "EndpointArn": ARN, "EndpointStatus": "InService", "Deployment": deployment}
    with closing(Store(folder.state)) as store:
        store.insert(KIND.name, "e", endpoint | {"CreationTime": 1.0})
    (found,) = cli("endpoints", "--data", tmp_path).cells
    assert (found["name"], found["status"], found["variants"], found["region"]) == ("e", "stopped", "v", "eu-west-1")
