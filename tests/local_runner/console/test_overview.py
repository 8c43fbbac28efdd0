"""The overview shows what runs, what the disk holds, how to connect, and what was requested that is not here."""

from __future__ import annotations

import os
import platform
import re
import shutil

import numpy as np
import pytest

import wildsage
from tests.local_runner.console.test_jobs import REGION, document
from wildsage.local_runner.console import PATH
from wildsage.local_runner.console.app import make_app
from wildsage.local_runner.console.pages import overview
from wildsage.local_runner.jobs.training.states import KIND

SIGNED = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
JSON = "application/x-amz-json-1.1"


def call(visitor, service: str, target: str, operation: str) -> int:
    headers = {
        "Host": "localhost:4577",
        "Authorization": SIGNED.format(service=service),
        "X-Amz-Target": f"{target}.{operation}",
        "Content-Type": JSON,
    }
    return visitor.client.post("/", headers=headers, data=b"{}").status_code


def rows(html: str) -> dict[str, list[str]]:
    """Cells of each line of all tables, by its head."""
    found = re.findall(r'<tr><th scope="row"[^>]*>([^<]+)</th>(.*?)</tr>', html, re.DOTALL)
    return {name: re.findall(r"<td[^>]*>([^<]*)</td>", cells) for name, cells in found}


def tile(html: str, name: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.split(f"<dt>{name}</dt>")[1].split("</div>")[0]).split())


def test_what_was_asked_for_in_vain_is_counted(visitor):
    assert "Nothing: every operation and bucket that was asked for is here." in visitor.text("/")
    assert call(visitor, "sagemaker", "SageMaker", "ListApps") == 501
    assert call(visitor, "sagemaker", "SageMaker", "ListApps") == 501
    assert call(visitor, "dynamodb", "DynamoDB_20120810", "ListTables") == 501
    assert visitor.client.get("/no-such-bucket?list-type=2", headers={"Host": "localhost:4577"}).status_code == 404
    table = rows(visitor.text("/now"))
    assert table["sagemaker ListApps"] == ["not implemented", "2"]
    assert table["dynamodb ListTables"] == ["not implemented", "1"]
    assert table["s3://no-such-bucket"] == ["no such bucket", "1"]


def test_an_operation_of_s3_that_is_not_implemented_is_counted_too(visitor):
    visitor.regions.objects.create_bucket("bucket")
    headers = {"Host": "localhost:4577"}
    assert visitor.client.put("/bucket?replication", headers=headers, data=b"<a/>").status_code == 501
    assert rows(visitor.text("/now"))["s3 PutBucketReplication"] == ["not implemented", "1"]


def test_what_runs_leads_to_its_page(visitor):
    name = "live"
    arn = f"arn:aws:sagemaker:{REGION}:000000000000:endpoint/{name}"
    found = {"EndpointName": name, "EndpointArn": arn, "EndpointStatus": "InService", "CreationTime": 1.0}
    deployment = {"Variants": []}
    visitor.regions.services(REGION).store.insert("endpoint", name, {**found, "Deployment": deployment})
    visitor.regions.services(REGION).store.insert(
        KIND.name, "running", {**document("running"), KIND.status_field: "InProgress"}
    )
    html = visitor.text("/now")
    assert f'href="{PATH}/endpoints/{REGION}/{name}"' in html
    assert f'href="{PATH}/jobs/{REGION}/training/running"' in html


def test_tiles_count_jobs_and_objects(visitor):
    services = visitor.regions.services(REGION)
    services.store.insert(KIND.name, "good", document("good"))
    services.store.insert(KIND.name, "bad", document("bad", outcome="Failed", reason="no"))
    visitor.regions.objects.create_bucket("bucket")
    for key, size in (("a", 1_000_000), ("b", 500_000)):
        visitor.regions.objects.put("bucket", key, [bytes(size)])
    html = visitor.text("/")
    assert tile(html, "Failed jobs") == "1 of 2 jobs"
    assert tile(html, "Objects in S3") == "1.5 MB 2 objects"
    assert tile(html, "Running jobs").startswith("0 of ")


def test_the_lines_to_export_name_the_address_that_the_browser_uses(visitor):
    html = visitor.text("/")
    assert "export AWS_ENDPOINT_URL=http://localhost:4577\n" in html
    assert "export AWS_ACCESS_KEY_ID=wildsage\n" in html
    assert "export PYTHONPATH=" in html and "WILDSAGE_SDK_POLLING" not in html


def test_in_a_container_the_lines_name_none_of_its_files(visitor, monkeypatch):
    monkeypatch.setenv("WILDSAGE_PUBLISHED_AT", "http://127.0.0.1:4577")
    lines = visitor.text("/").split("<pre")[1].split("</pre>")[0]
    assert "AWS_ENDPOINT_URL" in lines and "PYTHONPATH" not in lines


@pytest.fixture
def here(visitor):
    """Within a request of the console."""
    with make_app(visitor.regions).test_request_context("/"):
        yield visitor.regions


def test_the_fifty_newest_of_what_runs_are_shown(here):
    for region, offset in (("eu-west-1", 0), (REGION, 1)):
        store = here.services(region).store
        for number in range(offset, 52, 2):
            job = {**document(f"{number:02}"), "CreationTime": float(number), KIND.status_field: "InProgress"}
            store.insert(KIND.name, f"{number:02}", job)
        store.insert(KIND.name, "ended", document("ended"))
    assert [job.name for job in overview.running_jobs()] == [f"{number:02}" for number in range(51, 1, -1)]


def test_of_each_region_the_fifty_newest_are_read(here):
    store = here.services(REGION).store
    for number in range(51):
        job = {**document(f"{number:02}"), "CreationTime": float(number), KIND.status_field: "Stopping"}
        store.insert(KIND.name, f"{number:02}", job)
    assert [job.name for job in overview.running_jobs()] == [f"{number:02}" for number in range(50, 0, -1)]


def test_endpoints_of_all_regions_are_sorted_by_name(here):
    for name, region in (("b", REGION), ("c", REGION), ("a", "eu-west-1")):
        arn = f"arn:aws:sagemaker:{region}:000000000000:endpoint/{name}"
        found = {"EndpointName": name, "EndpointArn": arn, "EndpointStatus": "InService", "CreationTime": 1.0}
        here.services(region).store.insert("endpoint", name, {**found, "Deployment": {"Variants": []}})
    assert [endpoint.name for endpoint in overview.endpoints()] == ["a", "b", "c"]


def test_versions_are_those_of_what_is_installed(here, monkeypatch):
    monkeypatch.setattr(overview, "PACKAGES", ("no-such-package", "numpy"))
    assert overview.versions() == {
        "Wildsage": wildsage.__version__,
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "Process": str(os.getpid()),
    }


def test_the_disk_is_that_of_the_data_folder(here):
    here.objects.create_bucket("bucket")
    here.objects.put("bucket", "a", [b"12345"])
    found = overview.disk_use(here)
    assert (found.objects, found.object_bytes) == (1, 5)
    assert abs(found.free_bytes - shutil.disk_usage(here.settings.data).free) < found.free_bytes / 2
