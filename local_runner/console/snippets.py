"""The commands and programs that send what a form of the console sends: with curl, boto3 and the SageMaker SDK."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from wildsage.containers.contract.printable import printable
from wildsage.local_runner.wire.regions import DEFAULT_REGION

MOST_BYTES = 4_000
"""A longer body stands in a file."""
DESERIALIZERS = {"application/json": "JSONDeserializer()", "text/csv": "CSVDeserializer()"}
SUFFIXES = {
    "text/csv": "csv",
    "application/json": "json",
    "application/jsonlines": "jsonl",
    "text/libsvm": "libsvm",
    "application/x-image": "jpg",
}


@dataclass(frozen=True)
class SentRequest:
    """What is sent to an endpoint, and where. `server`: the address of the local AWS. `signed`: it checks signatures.

    `accept` and `target` (a model of a multi-model endpoint) may be "". `file` names the file that the body was read from.
    """

    server: str
    region: str
    endpoint: str
    content_type: str
    accept: str
    body: bytes
    target: str = ""
    file: str = ""
    signed: bool = False

    @property
    def body_file(self) -> str:
        """Name of the file that holds the body, where it does not stand in the command; else "".

        A key of S3 may hold terminal codes, which must not be pasted into a shell: such a file gets another name.
        """
        if self.file and printable(name := PurePosixPath(self.file).name) == name:
            return name
        if not self.file and len(self.body) <= MOST_BYTES and self.text is not None:
            return ""
        return f"body.{SUFFIXES.get(self.content_type.partition(';')[0].strip(), 'bin')}"

    @property
    def text(self) -> str | None:
        """The body as text; None if a shell or a person could not read it."""
        try:
            text = self.body.decode()
        except UnicodeDecodeError:
            return None
        return text if all(printable(line) == line for line in text.split("\n")) else None


def curl(sent: SentRequest) -> str:
    """A command of curl. Without a signature the server takes a request to be of its default region.

    With `--data-raw` a body that begins with `@` is not taken for the name of a file.
    """
    words = ["curl", f"{sent.server}/endpoints/{sent.endpoint}/invocations", "-H", f"Content-Type: {sent.content_type}"]
    if sent.accept:
        words += ["-H", f"Accept: {sent.accept}"]
    if sent.target:
        words += ["-H", f"X-Amzn-SageMaker-Target-Model: {sent.target}"]
    words += ["--data-binary", f"@{sent.body_file}"] if sent.body_file else ["--data-raw", sent.text or ""]
    command = shlex.join(words)
    if sent.signed or sent.region != DEFAULT_REGION:
        key = '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
        command += f" --aws-sigv4 aws:amz:{sent.region}:sagemaker {key}"
    return command


def boto3(sent: SentRequest) -> str:
    """A program that uses boto3."""
    arguments = [f"EndpointName={_quoted(sent.endpoint)}", f"ContentType={_quoted(sent.content_type)}"]
    arguments += [f"Accept={_quoted(sent.accept)}"] if sent.accept else []
    arguments += [f"TargetModel={_quoted(sent.target)}"] if sent.target else []
    lines = "".join(f"    {argument},\n" for argument in [*arguments, f"Body={_body(sent)}"])
    return (
        "import boto3\n\n"
        f'runtime = boto3.client("sagemaker-runtime", {_quoted(sent.region)}, endpoint_url={_quoted(sent.server)})\n'
        f"answer = runtime.invoke_endpoint(\n{lines})\n"
        'print(answer["Body"].read().decode())\n'
    )


def sdk(sent: SentRequest) -> str:
    """A program that uses version 2 of the SageMaker SDK, for a shell with the lines that the overview shows."""
    accept = sent.accept or "application/json"
    deserializer = DESERIALIZERS.get(accept, f"BytesDeserializer({_quoted(accept)})")
    target = f", target_model={_quoted(sent.target)}" if sent.target else ""
    return (
        f"from sagemaker.deserializers import {deserializer.partition('(')[0]}\n"
        "from sagemaker.predictor import Predictor\n"
        "from sagemaker.serializers import IdentitySerializer\n\n"
        f"predictor = Predictor({_quoted(sent.endpoint)}, serializer=IdentitySerializer({_quoted(sent.content_type)}), "
        f"deserializer={deserializer})\n"
        f"print(predictor.predict({_body(sent)}{target}))\n"
    )


def _body(sent: SentRequest) -> str:
    return f'open({_quoted(sent.body_file)}, "rb").read()' if sent.body_file else repr(sent.body)


def _quoted(text: str) -> str:
    """A text as Python code, between the quotes that Python programs commonly have."""
    return json.dumps(text, ensure_ascii=False)
