"""The pages of endpoints: numbers of the last minutes, the form with which one is tried, deletion."""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from wildsage.local_runner.console import PATH, samples
from wildsage.local_runner.console.app import make_app
from wildsage.local_runner.console.pages import endpoints
from wildsage.local_runner.jobs.hosting.endpoint import KIND
from wildsage.local_runner.jobs.training import states
from wildsage.local_runner.operations.sagemaker_runtime.invoke import MAX_BODY_BYTES
from wildsage.local_runner.signatures import keys

REGION = "us-east-1"
ARN = f"arn:aws:sagemaker:{REGION}:000000000000"
IMAGE = f"382416733822.dkr.ecr.{REGION}.amazonaws.com/kmeans:1"
MODEL = "s3://bucket/output/the-job/output/model.tar.gz"
PAGE = f"/endpoints/{REGION}/live"
STAND_IN = Path(__file__).parents[2] / "stand_in.py"
WITHIN_S = 240


def variant(name: str = "v", weight: float = 1, **container: object) -> dict:
    described = {
        "Name": "primary",
        "Image": IMAGE,
        "ModelDataUrl": MODEL,
        "Environment": {"ANSWER": "echo"},
        "Mode": "SingleModel",
    }
    return {
        "VariantName": name,
        "Containers": [described | container],
        "ExecutionMode": "Serial",
        "InstanceCount": 1,
        "Weight": weight,
    }


def document(*variants: dict, **deployment: object) -> dict:
    return {
        "EndpointName": "live",
        "EndpointArn": f"{ARN}:endpoint/live",
        "EndpointConfigName": "config",
        "Deployment": {
            "Id": "1",
            "EndpointConfigName": "config",
            "Variants": list(variants or [variant()]),
            **deployment,
        },
    }


def archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz"):
        pass
    return file.getvalue()


@pytest.fixture
def stand(open_console):
    """A visitor of a server whose containers are stand-ins, with the data and the job of a model."""
    visitor = open_console(command=(sys.executable, "-S", str(STAND_IN)))
    objects = visitor.regions.objects
    objects.create_bucket("bucket")
    objects.put("bucket", "train/rows.csv", [b"1.5,2\n3,4\n"])
    objects.put("bucket", "output/the-job/output/model.tar.gz", [archive()])
    channel = {
        "ChannelName": "train",
        "ContentType": "text/csv;label_size=0",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train/"}},
    }
    job = {
        "TrainingJobName": "the-job",
        "TrainingJobArn": f"{ARN}:training-job/the-job",
        "TrainingJobStatus": "Completed",
        "CreationTime": 1.0,
        "AlgorithmSpecification": {"TrainingImage": IMAGE},
        "InputDataConfig": [channel],
        "ModelArtifacts": {"S3ModelArtifacts": MODEL},
    }
    visitor.regions.services(REGION).store.insert(states.KIND.name, "the-job", job)
    return visitor


@pytest.fixture
def add(stand):
    """Adds an endpoint that is only stored: no container runs."""

    def insert(*variants: dict, **deployment: object) -> None:
        stored = document(*variants, **deployment) | {"EndpointStatus": "Creating", "CreationTime": 1.0}
        stand.regions.services(REGION).store.insert(KIND.name, "live", stored)

    return insert


@pytest.fixture
def live(stand):
    """A visitor of a server with an endpoint in service, which echoes."""
    services = stand.regions.services(REGION)
    services.endpoints.create(document())
    until(lambda: services.store.get(KIND.name, "live")["EndpointStatus"] == "InService")
    return stand


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answer(page: str) -> str:
    return page[page.index('id="answer"') : page.index('id="programs"')]


def test_an_endpoint_is_tried_with_a_row_of_its_training_data(live):
    page = live.text(PAGE)
    assert (
        '<textarea id="text" name="text" rows="6" spellcheck="false" aria-describedby="sample">1.5,2</textarea>' in page
    )
    assert "s3://bucket/train/rows.csv" in page and 'value="text/csv"' in page and "the-job" in page

    sent = {"content_type": "text/csv", "accept": "application/json", "text": '{"a":\r\n[1,2]}'}
    page = live.post(PAGE, sent).text
    assert "&#34;a&#34;: [\n    1,\n    2\n  ]" in answer(page) and "application/json, 12 B" in answer(page)
    assert "&#34;a&#34;" in page[page.index("<textarea") :], "the form keeps what was sent"

    page = live.post(PAGE, {**sent, "file": (io.BytesIO(b"\x89PNG" + bytes(9)), "cat.png")}).text
    assert "Its format is PNG" in answer(page) or "cannot be decoded" in answer(page)
    assert "--data-binary @cat.png" in unescape(page)

    page = live.post(PAGE, {**sent, "accept": "text/html", "text": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in answer(page)

    page = live.post(PAGE, {**sent, "text": "bad"}).text
    assert "ModelError" in answer(page) and "do not like it" in answer(page)

    numbers = re.findall(r'<td class="number">([^<]*)</td>', live.text(f"{PAGE}/now"))
    assert numbers[:4] == ["100 %", "1", "4", "1"] and all(text.endswith(" ms") for text in numbers[4:6])
    until(lambda: any("invocation of 12 bytes" in line[2] for line in live.get(f"{PAGE}/log").json["lines"]))
    listed = re.findall(r'<td class="number">([^<]*)</td>', live.text("/endpoints/"))
    assert listed[:2] == ["4", "1"]

    assert live.post(f"{PAGE}/delete").location == f"{PATH}/endpoints/"
    assert "is being deleted" in live.text("/endpoints/")
    until(lambda: "There are no endpoints" in live.text("/endpoints/"))


def test_only_a_form_of_the_console_tries_an_endpoint(add, stand):
    add()
    assert stand.post(PAGE, {"text": "1"}, origin="http://localhost:8888").status_code == 403


def test_an_endpoint_that_is_not_in_service_says_so(add, stand):
    add()
    assert "not yet able to answer" in answer(stand.post(PAGE, {"text": "1", "content_type": "text/csv"}).text)


def test_a_body_beyond_the_limit_is_refused(add, stand):
    add()
    page = stand.post(PAGE, {"file": (io.BytesIO(bytes(MAX_BODY_BYTES + 1)), "large.bin")}).text
    assert f"A body has at most {MAX_BODY_BYTES:,} bytes." in answer(page)


def test_the_form_asks_for_what_the_kind_of_endpoint_needs(add, stand):
    add(variant("a", 3, Mode="MultiModel"), variant("b", 1))
    page = stand.text(PAGE)
    assert 'name="target"' in page and 'name="variant"' in page and "75 %" in page and "25 %" in page
    stand.regions.services(REGION).store.delete(KIND.name, "live")
    add(variant() | {"ExecutionMode": "Direct"})
    assert 'name="hostname"' in stand.text(PAGE)
    stand.regions.services(REGION).store.delete(KIND.name, "live")
    add(AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://bucket/async"}})
    assert "InvokeEndpointAsync" in stand.text(PAGE) and "<textarea" not in stand.text(PAGE)


def test_without_a_training_job_the_form_is_empty(add, stand):
    add(variant(ModelDataUrl="s3://bucket/elsewhere/model.tar.gz"))
    assert "></textarea>" in stand.text(PAGE)


def test_data_that_are_gone_give_no_sample(add, stand):
    add()
    stand.regions.objects.delete("bucket", "train/rows.csv")
    services = stand.regions.services(REGION)
    assert samples.sample_for(services, services.store.get(KIND.name, "live")) is None


def test_what_is_not_there_is_said(stand):
    assert "There are no endpoints" in stand.text("/endpoints/")
    assert stand.get(PAGE).status_code == 404
    assert stand.get("/endpoints/mars-1/live").status_code == 404
    assert stand.post(f"{PAGE}/delete").status_code == 400


def test_the_log_of_all_containers_is_followed(add, stand):
    add()
    logs = stand.regions.services(REGION).logs
    assert stand.get(f"{PAGE}/log").json == {"lines": [], "positions": {}, "cut": False, "ended": False}
    first, second = (logs.writer("/aws/sagemaker/Endpoints/live", f"v/instance-{number}") for number in (1, 2))
    first("<b>one</b>")
    second("two")
    answer = stand.get(f"{PAGE}/log").json
    assert sorted(line[1:] for line in answer["lines"]) == [["v/instance-1", "<b>one</b>"], ["v/instance-2", "two"]]
    second("three")
    later = stand.get(f"{PAGE}/log?positions={json.dumps(answer['positions'])}").json
    assert [line[2] for line in later["lines"]] == ["three"]


def test_numbers_are_those_of_the_last_five_minutes(add, stand):
    add()
    for path in ("/endpoints/", "/endpoints/rows", PAGE, f"{PAGE}/now"):
        assert "those of the last 5 minutes." in stand.text(path)


def test_endpoints_of_all_regions_are_listed_by_name(add, stand):
    add()
    for region, name in (("eu-west-1", "b"), (REGION, "a"), (REGION, "z")):
        arn = f"arn:aws:sagemaker:{region}:000000000000:endpoint/{name}"
        stored = document() | {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointStatus": "Failed",
            "CreationTime": 1.0,
        }
        stand.regions.services(region).store.insert(KIND.name, name, stored)
    html = stand.text("/endpoints/rows")
    assert re.findall(rf'href="{PATH}/endpoints/[^/]+/([^"]+)"', html) == ["a", "b", "live", "z"]


@pytest.mark.parametrize("signed", [False, True])
def test_programs_sign_where_the_server_asks_for_it(open_console, tmp_path, signed):
    visitor = open_console(keys=keys.ensure(tmp_path / "aws") if signed else None)
    stored = document() | {"EndpointStatus": "InService", "CreationTime": 1.0}
    visitor.regions.services(REGION).store.insert(KIND.name, "live", stored)
    with make_app(visitor.regions).test_request_context(PAGE, base_url="http://localhost:4577"):
        page = unescape(endpoints.endpoint(REGION, "live"))
    assert ("--aws-sigv4" in page) == signed
    assert "http://localhost:4577/endpoints/live/invocations" in page
