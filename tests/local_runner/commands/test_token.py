"""`--token` of `up` and `run`: programs of ours get the keys and know nothing of it, others are rejected."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from wildsage.local_runner.__main__ import app
from wildsage.local_runner.client import environment
from wildsage.local_runner.processes import accounts
from wildsage.local_runner.signatures import keys

WILDSAGE = [sys.executable, "-m", "wildsage.local_runner"]
PROGRAM = """
import boto3, subprocess, sys
s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
s3.create_bucket(Bucket="made")
s3.put_object(Bucket="made", Key="k", Body=b"x")
print(boto3.client("sts").get_caller_identity()["Account"], sagemaker.list_models()["Models"])
subprocess.run([sys.executable, "-c", "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"], check=True)
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What `wildsage up --token` says first, while it runs."""
    command = [*WILDSAGE, "up", "--port", "0", "--token", "--log-format", "json", "--data"]
    with subprocess.Popen(
        [*command, str(tmp_path_factory.mktemp("data"))], stdout=subprocess.PIPE, text=True
    ) as process:
        yield json.loads(process.stdout.readline())
        process.terminate()


def test_variables_hold_the_keys_and_strangers_have_none(up):
    data = Path(up["data"])
    found = keys.read(data)
    assert (up["variables"]["AWS_ACCESS_KEY_ID"], up["variables"]["AWS_SECRET_ACCESS_KEY"]) == (
        found.access_key,
        found.secret,
    )
    assert environment.client_environment(up["endpoint"], data, False, {})["AWS_SECRET_ACCESS_KEY"] == found.secret
    assert urllib3.request("GET", up["endpoint"], timeout=240).status == 403
    stranger = boto3.client("s3", endpoint_url=up["endpoint"], aws_access_key_id="x", aws_secret_access_key="x")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        stranger.list_buckets()


def test_an_unmodified_program_runs_on_a_kept_server_and_so_does_what_it_starts(up, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run([*WILDSAGE, "run", "--data", up["data"], str(program)], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.splitlines()) == (0, ["000000000000 []", "made"]), ran.stderr


def test_export_gives_the_keys_and_stop_signs(up):
    said = CliRunner().invoke(app, ["up", "--export", "--data", up["data"]]).stdout
    assert f"export AWS_SECRET_ACCESS_KEY={keys.read(Path(up['data'])).secret}\n" in said.replace("'", "")
    session = boto3.Session(
        up["variables"]["AWS_ACCESS_KEY_ID"], up["variables"]["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )
    s3, client = (session.client(service, endpoint_url=up["endpoint"]) for service in ("s3", "sagemaker"))
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="model.tar.gz", Body=b"damaged, so that the endpoint fails at once")
    image = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
    role = "arn:aws:iam::000000000000:role/R"
    client.create_model(
        ModelName="m",
        PrimaryContainer={"Image": image, "ModelDataUrl": "s3://models/model.tar.gz"},
        ExecutionRoleArn=role,
    )
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    while client.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating":
        pass
    result = CliRunner().invoke(app, ["stop", "e", "--data", up["data"]])
    assert result.exit_code == 0, result.stderr
    assert client.list_endpoints()["Endpoints"] == []


def test_a_program_has_a_server_of_its_own_that_asks_for_signatures(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, urllib.error, urllib.request\n"
        "try:\n    urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'])\n"
        "except urllib.error.HTTPError as error:\n    print(error.code)\n" + PROGRAM
    )
    command = [*WILDSAGE, "run", "--token", "--data", str(tmp_path / "data"), str(program)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.splitlines()) == (0, ["403", "000000000000 []", "made"]), ran.stderr


def test_keys_stay_over_a_restart_and_are_new_where_the_file_was_deleted(tmp_path):
    first = keys.ensure(tmp_path)
    assert keys.ensure(tmp_path) == first
    (tmp_path / keys.FILE).unlink()
    assert keys.of_clients(tmp_path) == keys.PLACEHOLDERS
    assert keys.ensure(tmp_path).secret != first.secret


@pytest.mark.parametrize("content", ["", "[]", "null", "{}", '{"access_key": "A"}', "\x00"])
def test_a_damaged_file_of_keys_is_made_anew(tmp_path, content):
    (tmp_path / keys.FILE).write_text(content)
    assert keys.read(tmp_path) is None
    assert keys.ensure(tmp_path) == keys.read(tmp_path)


def test_people_with_a_shell_count_as_others_and_services_do_not(monkeypatch):
    def user(name: str, uid: int, shell: str) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", uid, uid, "", "/", shell))

    users = [
        user("root", 0, "/bin/bash"),
        user("daemon", 1, "/usr/sbin/nologin"),
        user("ben", 1001, "/bin/zsh"),
        user("anna", 1000, "/bin/bash"),
        user("me", 1002, "/bin/bash"),
        user("mail", 1003, "/usr/sbin/nologin"),
        user("nobody", 65534, "/bin/sh"),
    ]
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    monkeypatch.setattr(os, "getuid", lambda: 1002)
    assert accounts.of_others() == ["anna", "ben"]
