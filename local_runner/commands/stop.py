"""`wildsage stop`: stop a job or delete an endpoint."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from wildsage.local_runner.commands.names import active_names, all_names, complete, full_name
from wildsage.local_runner.commands.terminal import DATA, DataOption, examples, fail, open_overview, stderr, suggestion
from wildsage.local_runner.monitor.overview import EndpointSummary, JobSummary, Overview
from wildsage.local_runner.server.lock import running
from wildsage.local_runner.signatures import keys

POLL_INTERVAL_S = 0.1
ANSWER_WITHIN_S = 60.0
EXAMPLES = examples("wildsage stop my-job", "wildsage stop my-endpoint", "wildsage stop my-job --no-wait")


def stop(
    name: Annotated[
        str,
        typer.Argument(help="Name of a running job or of an endpoint, or its beginning.", autocompletion=complete),
    ],
    wait: Annotated[bool, typer.Option(help="Wait until it has stopped.")] = True,
    data: DataOption = DATA,
) -> None:
    """Stop a job, which saves its model so far, or delete an endpoint; its configuration and model stay."""
    server = running(data)
    if server is None:
        fail(1, f"No local AWS runs on {data}, so there is nothing to stop. `wildsage jobs` lists the jobs.")
    with open_overview(data) as overview:
        found = find(overview, full_name(name, all_names(overview), active_names(overview)))
        if isinstance(found, JobSummary) and not found.is_running:
            fail(1, f"{found.kind.word.capitalize()} job {found.name} has already ended: {found.status}.")
        if isinstance(found, JobSummary) and (tuner := overview.tuner(found)):
            stderr.print(
                f"[yellow]Tuning job {tuner.name} started it and continues with others: `wildsage stop {tuner.name}` ends it.[/]"
            )
        stderr.print(f"Stopping {describe(found)} …")
        request_stop(server.endpoint, data, found)
        if wait:
            stderr.print(f"{describe(found)}: {wait_for_end(overview, data, found)}.")


def find(overview: Overview, name: str) -> JobSummary | EndpointSummary:
    """The job or endpoint named `name`: a running job first, then an endpoint, then a job that has ended."""
    jobs = [job for job in overview.jobs() if job.name == name]
    endpoints = [endpoint for endpoint in overview.endpoints() if endpoint.name == name]
    found: list[JobSummary | EndpointSummary] = [*(job for job in jobs if job.is_running), *endpoints, *jobs]
    if not found:
        fail(1, f"There is no job or endpoint named {name}.{suggestion(name, active_names(overview))}")
    return found[0]


def describe(found: JobSummary | EndpointSummary) -> str:
    """The kind and the name of a job or an endpoint."""
    return f"{found.kind.word} job {found.name}" if isinstance(found, JobSummary) else f"endpoint {found.name}"


def request_stop(endpoint: str, data: Path, found: JobSummary | EndpointSummary) -> None:
    """Ask the server of a data folder to stop it, as an AWS client does."""
    import urllib3  # no other command needs these
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    if isinstance(found, JobSummary):
        operation, request = f"Stop{found.kind.stem}", {f"{found.kind.stem}Name": found.name}
    else:
        operation, request = "DeleteEndpoint", {"EndpointName": found.name}
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    signed = AWSRequest("POST", f"{endpoint}/", headers, json.dumps(request).encode())
    signing = keys.of_clients(data)
    SigV4Auth(Credentials(signing.access_key, signing.secret), "sagemaker", found.region).add_auth(signed)
    http = urllib3.PoolManager(retries=False, timeout=ANSWER_WITHIN_S)
    try:
        response = http.request("POST", signed.url, headers=dict(signed.headers), body=signed.data)
    except urllib3.exceptions.HTTPError as error:
        fail(1, f"The local AWS at {endpoint} did not answer: {error}")
    if response.status != 200:
        fail(1, response.json().get("message", f"{operation} failed with status {response.status}."))


def wait_for_end(overview: Overview, data: Path, found: JobSummary | EndpointSummary) -> str:
    """Wait until it has ended and return its final status."""
    while running(data):
        if isinstance(found, JobSummary):
            job = next((each for each in overview.jobs() if each.arn == found.arn), None)
            if job is None or not job.is_running:
                return job.status if job else "deleted"
        elif all(endpoint.arn != found.arn for endpoint in overview.endpoints()):
            return "deleted"
        time.sleep(POLL_INTERVAL_S)
    fail(3, "The local AWS ended before it had stopped.")
