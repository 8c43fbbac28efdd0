"""The environment of a client, and the shim it loads, with the real boto3 and SageMaker SDK in fresh interpreters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests import forks
from wildsage.local_runner.client import environment as client

BARE = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_", "WILDSAGE_"))}
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::000000000000:assumed-role/Role/me</Arn><UserId>me</UserId><Account>000000000000</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Identity(BaseHTTPRequestHandler):
    """Answers every request as STS answers GetCallerIdentity."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(IDENTITY)))
        self.end_headers()
        self.wfile.write(IDENTITY)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def sts() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Identity) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run(code: str, endpoint: str, data: Path, sdk_polling: bool = False, **given: str) -> str:
    environment = client.client_environment(endpoint, data, sdk_polling, BARE | given)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def run_with_sdk(sts: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Runs code in a fork of a client that has imported the SDK, and returns the last line that it prints."""
    environment = client.client_environment(sts, tmp_path_factory.mktemp("data"), False, BARE)
    with forks.serving("sagemaker", environment=environment) as python:

        def run(code: str, **given: str) -> str:
            command, variables = python.command(code), environment | given
            return subprocess.check_output(command, env=variables, text=True, timeout=240).splitlines()[-1]

        yield run


def test_an_aws_address_given_in_code_goes_to_the_local_endpoint(sts: str, tmp_path: Path) -> None:
    code = (
        "import boto3; c = boto3.client('sts', region_name='eu-west-1',"
        " endpoint_url='https://sts.eu-west-1.amazonaws.com'); print(c.get_caller_identity()['Account'])"
    )
    assert run(code, sts, tmp_path) == "000000000000"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://amazonaws.com.example.org"])
def test_other_addresses_given_in_code_are_kept(url: str, tmp_path: Path) -> None:
    code = f"import boto3; print(boto3.client('s3', endpoint_url={url!r}).meta.endpoint_url)"
    assert run(code, "http://127.0.0.1:1", tmp_path) == url


def test_the_sdk_finds_account_and_role(run_with_sdk: Callable[..., str]) -> None:
    code = "import sagemaker; s = sagemaker.Session(); print(s.account_id(), s.boto_region_name)"
    assert run_with_sdk(code, AWS_DEFAULT_REGION="eu-west-1") == "000000000000 eu-west-1"


def test_the_sdk_sleeps_briefly_and_its_clock_counts_what_was_skipped(run_with_sdk: Callable[..., str]) -> None:
    code = (
        "import time, sagemaker.session as s; a, b = time.time(), s.time.time(); s.time.sleep(10_000); s.time.sleep(0.01);"
        "print(time.time() - a, s.time.time() - b, s.time.monotonic is time.monotonic)"
    )
    slept_s, counted_s, delegates = run_with_sdk(code).split()
    assert 0.25 < float(slept_s) < 5_000
    assert float(counted_s) >= 10_000
    assert delegates == "True"


def test_sdk_polling_keeps_the_sleeps(tmp_path: Path) -> None:
    code = "import time, sagemaker.session as s, botocore.waiter as w; print(s.time is time, w.Waiter.wait.__module__)"
    assert run(code, "http://127.0.0.1:1", tmp_path, sdk_polling=True).splitlines()[-1] == "True botocore.waiter"


WAITER = """
import time
import botocore.exceptions, botocore.session
from botocore.waiter import create_waiter_with_client, WaiterModel
client = botocore.session.get_session().create_client("sagemaker")
asked = []
client.describe_training_job = lambda **_: asked.append(1) or {"TrainingJobStatus": "InProgress"}
done = {"matcher": "path", "argument": "TrainingJobStatus", "expected": "Completed", "state": "success"}
config = {"operation": "DescribeTrainingJob", "delay": 1, "maxAttempts": 1, "acceptors": [done]}
waiter = create_waiter_with_client("Done", WaiterModel({"version": 2, "waiters": {"Done": config}}), client)
slept = []
time.sleep = slept.append
try:
    waiter.wait(TrainingJobName="j", WaiterConfig={"Delay": 1, "MaxAttempts": 2})
except botocore.exceptions.WaiterError:
    pass
print(len(asked), sum(slept))
"""


def test_waiters_ask_more_often_and_as_long(tmp_path: Path) -> None:
    assert run(WAITER, "http://127.0.0.1:1", tmp_path).split() == ["8", "1.75"]


def test_without_our_variable_the_shim_does_nothing(tmp_path: Path) -> None:
    code = "import sys; print([type(finder).__name__ for finder in sys.meta_path].count('ImportPatcher'))"
    environment = BARE | {"PYTHONPATH": str(client.SHIM)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_a_sitecustomize_of_the_user_still_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['SEEN'] = 'yes'")
    code = "import os; print(os.environ.get('SEEN'))"
    assert run(code, "http://127.0.0.1:1", tmp_path, PYTHONPATH=str(tmp_path)) == "yes"


def test_the_shim_costs_no_import_at_start_up(tmp_path: Path) -> None:
    code = "import sys; print([m for m in ('boto3', 'botocore', 'sagemaker') if m in sys.modules])"
    assert run(code, "http://127.0.0.1:1", tmp_path) == "[]"


TELEMETRY = """
import importlib, requests
asked = []
requests.get = lambda *args, **settings: asked.append(args)
import sagemaker
t = importlib.import_module("sagemaker.telemetry.telemetry_logging")
t._send_telemetry_request(1, [1], sagemaker.Session(), None, None, "x")
print(len(asked))
"""


def test_no_telemetry_is_sent(run_with_sdk: Callable[..., str]) -> None:
    assert run_with_sdk(TELEMETRY) == "0"


def test_the_users_own_defaults_apply(tmp_path: Path) -> None:
    variables = {"mine": "SAGEMAKER_USER_CONFIG_OVERRIDE", "ours": "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"}
    for whose in variables:
        own = {"SchemaVersion": "1.0", "CustomParameters": {whose: "1"}}
        (tmp_path / f"{whose}.yaml").write_text(json.dumps(own))
    given = {variable: str(tmp_path / f"{whose}.yaml") for whose, variable in variables.items()}
    code = "from sagemaker.config import load_sagemaker_config as l; print(sorted(l()['CustomParameters']))"
    assert run(code, "http://127.0.0.1:1", tmp_path, **given).splitlines()[-1] == "['mine', 'ours']"


VALIDATIONS = """
import logging; logging.basicConfig(level="INFO")
import jsonschema
validate, counted = jsonschema.validate, []
jsonschema.validate = lambda *args, **settings: counted.append(1) or validate(*args, **settings)
import sagemaker
session = sagemaker.Session()
estimator = sagemaker.KMeans("arn:aws:iam::000000000000:role/r", 1, "ml.m5.large", 2, data_location="s3://b/", sagemaker_session=session)
print("validations:", len(counted))
"""


def test_the_sdk_neither_validates_nor_logs_our_settings(sts: str, tmp_path: Path) -> None:
    environment = client.client_environment(sts, tmp_path, False, BARE)
    done = subprocess.run(
        [sys.executable, "-c", VALIDATIONS], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert "validations: 0\n" in done.stdout, done.stderr
    logged = done.stdout + done.stderr
    assert "Found endpoint" not in logged
    assert "Fetched defaults" not in logged
