"""The plugin in test sessions of its own: clean for each test, everything set back, nothing paid where it is not used."""

from __future__ import annotations

import os
import time
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from wildsage.local_runner.server import lock

pytest_plugins = ("pytester",)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Runs the given test files in a session whose environment is that of a user with an account."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of a real account")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    def run(*arguments: str, **files: str) -> pytest.RunResult:
        pytester.makepyfile(**files)
        return pytester.runpytest_subprocess(
            "-p", "wildsage.local_runner.testing.pytest_plugin", *arguments, timeout=120
        )

    return run


ISOLATED = """
import boto3, pytest

@pytest.mark.parametrize("turn", range(3))
def test_nothing_is_left_of_the_test_before(wildsage, turn):
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    assert s3.list_buckets()["Buckets"] == []
    assert sagemaker.list_models()["Models"] == []
    s3.create_bucket(Bucket="mine")
    s3.put_object(Bucket="mine", Key="key", Body=b"body")
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=wildsage.role, PrimaryContainer={
        "Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"})
    assert (wildsage.data / "s3/buckets/mine/key").read_bytes() == b"body"
"""


STRICT = """
import boto3, pytest

def test_an_image_of_another_region_is_rejected(wildsage):
    with pytest.raises(Exception, match="Cross region ECR image pulls are not allowed"):
        boto3.client("sagemaker", region_name="eu-west-1").create_model(
            ModelName="m", ExecutionRoleArn=wildsage.role, PrimaryContainer={
                "Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"})
"""


TOKEN = """
import boto3, subprocess, sys, urllib3

def test_only_programs_of_the_test_are_answered(wildsage):
    assert urllib3.request("GET", wildsage.endpoint, timeout=240).status == 403
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    subprocess.run([sys.executable, "-c", "import boto3; boto3.client('sts').get_caller_identity()"], check=True)
"""


def test_a_setting_makes_servers_ask_for_signatures(session) -> None:
    session("-o", "wildsage_token=true", test_it=TOKEN).assert_outcomes(passed=1)


def test_each_worker_of_xdist_has_its_own(session) -> None:
    session("-p", "xdist", "-n", "2", test_it=ISOLATED, test_other=ISOLATED).assert_outcomes(passed=6)


RESTORED = """
import os, sys
import boto3, botocore.session, botocore.waiter
import sagemaker.session

def looks():
    return (dict(os.environ), boto3.DEFAULT_SESSION, botocore.session.Session.create_client, botocore.waiter.Waiter.wait,
            sagemaker.session.time, list(sys.meta_path))

boto3.setup_default_session(aws_access_key_id="theirs", aws_secret_access_key="theirs", region_name="eu-west-1")
before = looks()

def test_inside(wildsage):
    assert boto3.client("s3").meta.endpoint_url == wildsage.endpoint
    session = sagemaker.session.Session()
    assert session.account_id() == "000000000000"
    assert sagemaker.get_execution_role() == wildsage.role
    assert "AWS_SESSION_TOKEN" not in os.environ
    assert sagemaker.session.time is not before[4]

def test_outside():
    variable = {"PYTEST_CURRENT_TEST"}
    now = looks()
    assert {k: v for k, v in now[0].items() if k not in variable} == {k: v for k, v in before[0].items() if k not in variable}
    assert now[1:] == before[1:]
"""


def test_the_environment_and_the_libraries_are_set_back(session) -> None:
    session(test_it=RESTORED).assert_outcomes(passed=2)


LATE = """
import sys

def test_inside(wildsage):
    import boto3
    assert boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").get_caller_identity()["Account"] == "000000000000"

def test_outside():
    import boto3, botocore.session
    assert boto3.DEFAULT_SESSION is None
    assert "local_runner" not in botocore.session.Session.create_client.__code__.co_filename
"""


def test_libraries_imported_by_a_test_are_set_back_too(session) -> None:
    session(test_it=LATE).assert_outcomes(passed=2)


SHARED = """
import boto3, pytest

@pytest.fixture(scope="module")
def bucket(wildsage_module):
    boto3.client("s3").create_bucket(Bucket="kept")
    return "kept"

def test_first(bucket):
    boto3.client("s3").put_object(Bucket=bucket, Key="a", Body=b"")

def test_its_own_inside_the_shared_one(bucket, wildsage):
    assert boto3.client("s3").list_buckets()["Buckets"] == []

def test_last(bucket):
    assert boto3.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert boto3.client("sts", endpoint_url="https://sts.eu-west-1.amazonaws.com").get_caller_identity()
"""


CODE = "import boto3; print(boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com').get_caller_identity()['Account'])"
PROGRAMS = f"""
import subprocess, sys

def test_programs_that_a_test_starts_are_clients_too(wildsage):
    done = subprocess.run([sys.executable, "-c", {CODE!r}], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "000000000000"
"""


def test_a_test_has_an_empty_aws_or_that_of_its_module_which_rejects_what_aws_rejects(session) -> None:
    files = {"test_isolated": ISOLATED, "test_strict": STRICT, "test_shared": SHARED, "test_programs": PROGRAMS}
    session(**files).assert_outcomes(passed=3 + 1 + 3 + 1)


def test_a_server_that_does_not_start_is_reported(session) -> None:
    source = """
    import pytest
    @pytest.fixture
    def tmp_path_factory(tmp_path):
        (tmp_path / "aws").mkdir()
        (tmp_path / "aws" / "lock").mkdir()
        class Factory:
            def mktemp(self, name): return tmp_path / "aws"
        return Factory()
    def test_it(wildsage): pass
    """
    result = session(test_it=source)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*The local AWS for this test did not start: The server ended at once; see *server.log*"]
    )


def test_nothing_is_imported_or_started_where_no_test_asks(session) -> None:
    source = """
    import sys
    def test_it():
        heavy = {"boto3", "botocore", "torch", "numpy", "gunicorn", "flask", "werkzeug", "sagemaker"}
        assert not heavy & set(sys.modules)
    """
    session(test_it=source).assert_outcomes(passed=1)


def test_nothing_outlives_a_killed_session(session, pytester: pytest.Pytester) -> None:
    source = """
    import os, signal
    def test_it(wildsage):
        print(wildsage.data, end="", file=open("data", "w"), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    session(test_it=source)
    data, deadline = Path((pytester.path / "data").read_text()), time.monotonic() + 240
    while not lock._is_free(data):  # the last process of the server lets it go
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_installing_the_package_turns_the_plugin_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (plugin,) = project["entry-points"]["pytest11"].items()
    module = EntryPoint(*plugin, group="pytest11").load()
    assert {"wildsage", "wildsage_module"} <= vars(module).keys()


def test_pytest_finds_it_by_its_entry_point(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = pytester.path / "site" / "wildsage-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: wildsage\nVersion: 0\n")
    (installed / "entry_points.txt").write_text("[pytest11]\nwildsage = wildsage.local_runner.testing.pytest_plugin\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed.parent), str(ROOT)]))
    pytester.makepyfile("def test_it(): pass")
    pytester.runpytest_subprocess("--fixtures").stdout.fnmatch_lines(["wildsage -- *", "*An empty local AWS*"])
