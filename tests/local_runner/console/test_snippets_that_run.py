"""The programs of the form are sent to a real server, and send what the form sends."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace

import pytest

from wildsage.local_runner.client import environment
from wildsage.local_runner.console import snippets
from wildsage.local_runner.console.snippets import SentRequest

BODY = b'it\'s "1",\n2'


@pytest.fixture(scope="module")
def sent(aws) -> SentRequest:
    """What is sent to an endpoint that echoes."""
    name = aws.deploy(aws.config(aws.model({"ANSWER": "echo"})))
    return SentRequest(aws.endpoint, "us-east-1", name, "text/csv", "text/plain", BODY)


def run(command: list[str], aws, folder) -> bytes:
    clients = environment.client_environment(
        aws.endpoint, aws.data, False, {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    )
    done = subprocess.run(command, capture_output=True, cwd=folder, env=dict(clients), check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_the_command_of_curl(aws, sent, tmp_path):
    assert run(["bash", "-c", f"{snippets.curl(sent)} -s"], aws, tmp_path) == BODY
    assert run(["bash", "-c", f"{snippets.curl(replace(sent, signed=True))} -s"], aws, tmp_path) == BODY


def test_the_program_with_boto3(aws, sent, tmp_path):
    assert run([sys.executable, "-c", snippets.boto3(sent)], aws, tmp_path) == BODY + b"\n"


def test_the_program_with_the_sdk(aws, sent, tmp_path):
    if importlib.util.find_spec("sagemaker") is None:
        pytest.skip("the SageMaker SDK is not installed")
    assert run([sys.executable, "-c", snippets.sdk(sent)], aws, tmp_path).endswith(repr(BODY).encode() + b"\n")


def test_a_body_that_is_long_or_not_text_stands_in_a_file(aws, sent, tmp_path):
    for body in (b"1," * 3_000, b"\xff\x00", b"\x1b[2J"):
        long = replace(sent, body=body)
        assert long.body_file == "body.csv"
        (tmp_path / "body.csv").write_bytes(body)
        assert run(["bash", "-c", f"{snippets.curl(long)} -s"], aws, tmp_path) == body
    assert "@cat.png" in snippets.curl(replace(sent, file="cat.png"))
    assert 'Body=open("cat.png", "rb").read()' in snippets.boto3(replace(sent, file="cat.png"))


def test_a_body_that_looks_like_the_name_of_a_file_is_sent_as_it_is(aws, sent, tmp_path):
    (tmp_path / "private").write_text("secret")
    assert run(["bash", "-c", f"{snippets.curl(replace(sent, body=b'@private'))} -s"], aws, tmp_path) == b"@private"


def test_a_name_with_terminal_codes_is_not_pasted(sent):
    odd = replace(sent, file="in/\x1b[201~\ntouch x\n.csv")
    assert odd.body_file == "body.csv"
    assert all("\x1b" not in write(odd) for write in (snippets.curl, snippets.boto3, snippets.sdk))


def test_names_are_written_in_their_own_letters(sent):
    assert 'open("chat-😀.csv", "rb")' in snippets.boto3(replace(sent, file="chat-😀.csv"))


def test_a_target_model_and_a_region_are_named(sent):
    other = replace(sent, region="eu-west-1", target="a.tar.gz")
    assert "X-Amzn-SageMaker-Target-Model: a.tar.gz" in snippets.curl(other)
    assert "--aws-sigv4 aws:amz:eu-west-1:sagemaker" in snippets.curl(other)
    assert 'TargetModel="a.tar.gz"' in snippets.boto3(other) and '"eu-west-1"' in snippets.boto3(other)
    assert 'target_model="a.tar.gz"' in snippets.sdk(other)
