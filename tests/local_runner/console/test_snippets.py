"""The programs of the form, word by word, and where their body stands."""

from __future__ import annotations

import ast
import shlex
from dataclasses import replace

import pytest

from wildsage.local_runner.console import snippets
from wildsage.local_runner.console.snippets import SentRequest

SENT = SentRequest("http://127.0.0.1:4577", "us-east-1", "e", "text/csv", "", b'it\'s "1"')
FULL = replace(SENT, accept="text/csv", target="a.tar.gz", file="in/cat.png")


def test_the_command_of_curl():
    url = "http://127.0.0.1:4577/endpoints/e/invocations"
    assert shlex.split(snippets.curl(SENT)) == ["curl", url, "-H", "Content-Type: text/csv", "--data-raw", 'it\'s "1"']
    more = ["-H", "Accept: text/csv", "-H", "X-Amzn-SageMaker-Target-Model: a.tar.gz", "--data-binary", "@cat.png"]
    assert shlex.split(snippets.curl(FULL)) == ["curl", url, "-H", "Content-Type: text/csv", *more]
    assert shlex.split(snippets.curl(replace(SENT, body=b"")))[-2:] == ["--data-raw", ""]


@pytest.mark.parametrize(
    ("region", "signed", "has_signature"),
    [("us-east-1", False, False), ("us-east-1", True, True), ("eu-west-1", False, True), ("eu-west-1", True, True)],
)
def test_a_command_of_curl_is_signed_where_the_server_needs_it(region, signed, has_signature):
    command = snippets.curl(replace(SENT, region=region, signed=signed))
    end = f' --aws-sigv4 aws:amz:{region}:sagemaker --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
    assert command.endswith(end) == has_signature and ("--aws-sigv4" in command) == has_signature


def called(program: str, name: str) -> dict[str, object]:
    """The arguments of a call in a program, those without a name by their position."""
    (call,) = (
        node
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(name)
    )
    given = {str(number): value for number, value in enumerate(call.args)}
    return {key: ast.unparse(value) for key, value in (given | {one.arg: one.value for one in call.keywords}).items()}


def test_the_program_with_boto3():
    assert called(snippets.boto3(SENT), "client") == {
        "0": "'sagemaker-runtime'",
        "1": "'us-east-1'",
        "endpoint_url": "'http://127.0.0.1:4577'",
    }
    plain = {"EndpointName": "'e'", "ContentType": "'text/csv'", "Body": ast.unparse(ast.parse(repr(SENT.body)))}
    assert called(snippets.boto3(SENT), "invoke_endpoint") == plain
    more = {"Accept": "'text/csv'", "TargetModel": "'a.tar.gz'", "Body": "open('cat.png', 'rb').read()"}
    assert called(snippets.boto3(FULL), "invoke_endpoint") == plain | more


@pytest.mark.parametrize(
    ("accept", "deserializer"),
    [
        ("", "JSONDeserializer()"),
        ("application/json", "JSONDeserializer()"),
        ("text/csv", "CSVDeserializer()"),
        ("text/plain", "BytesDeserializer('text/plain')"),
    ],
)
def test_the_program_with_the_sdk(accept, deserializer):
    program = snippets.sdk(replace(SENT, accept=accept))
    assert called(program, "Predictor") == {
        "0": "'e'",
        "serializer": "IdentitySerializer('text/csv')",
        "deserializer": deserializer,
    }
    assert f"from sagemaker.deserializers import {deserializer.partition('(')[0]}\n" in program
    assert called(program, "predict") == {"0": ast.unparse(ast.parse(repr(SENT.body)))}
    assert called(snippets.sdk(FULL), "predict") == {
        "0": "open('cat.png', 'rb').read()",
        "target_model": "'a.tar.gz'",
    }


@pytest.mark.parametrize(
    ("body", "content_type", "file", "body_file"),
    [
        (b"x" * 4_000, "text/csv", "", ""),
        (b"x" * 4_001, "text/csv", "", "body.csv"),
        (b"a\nb\n", "text/csv", "", ""),
        (b"\xff", "application/x-image", "", "body.jpg"),
        (b"\x1b[2J", "application/json ; x=y", "", "body.json"),
        (b"\x00", "application/x-recordio-protobuf", "", "body.bin"),
        (b"x", "text/csv", "in/rows.csv", "rows.csv"),
        (b"x", "text/libsvm", "in/\x1b[201~rows", "body.libsvm"),
    ],
)
def test_a_body_that_is_long_or_not_text_or_of_a_file_stands_in_a_file(body, content_type, file, body_file):
    assert replace(SENT, body=body, content_type=content_type, file=file).body_file == body_file


def test_names_are_written_in_their_own_letters():
    assert 'open("chat-😀.csv", "rb")' in snippets.boto3(replace(SENT, file="chat-😀.csv"))
