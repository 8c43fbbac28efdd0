"""The form with which a person tries an endpoint: what it sends, the answer, and the programs that do the same."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Request

from wildsage.local_runner.console import snippets
from wildsage.local_runner.console.previews import objects as previews
from wildsage.local_runner.console.previews.kinds import Preview
from wildsage.local_runner.console.samples import CSV, SampleRequest
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker_runtime.invoke import MAX_BODY_BYTES, invoke_endpoint
from wildsage.local_runner.wire.errors import AwsError

ACCEPTED = ("application/json", "application/jsonlines", "text/csv", "application/x-recordio-protobuf")
CONTENT_TYPES = (*ACCEPTED, "text/libsvm", "application/x-image")
FIELDS = {"target": "TargetModel", "variant": "TargetVariant", "hostname": "TargetContainerHostname"}
"""Fields of the form that InvokeEndpoint takes under other names, where they are filled in."""
UNNAMED_BODY = "body.csv"


@dataclass(frozen=True)
class TryForm:
    """What the fields of the form hold. `body` is what is sent; `file` names the file that it comes from, if any."""

    content_type: str = CSV
    accept: str = ""
    text: str = ""
    body: bytes = b""
    file: str = ""
    options: Mapping[str, str] | None = None

    @classmethod
    def of_sample(cls, sample: SampleRequest | None) -> TryForm:
        """The form as it is first shown."""
        if sample is None:
            return cls()
        file = "" if sample.is_text else sample.source.rpartition("/")[2]
        return cls(
            sample.content_type, text=sample.body.decode() if sample.is_text else "", body=sample.body, file=file
        )

    @classmethod
    def sent(cls, request: Request, sample: SampleRequest | None) -> TryForm:
        """The form as a browser sent it: a file, the sample if it is not text, or the text, whose lines end as in files."""
        fields = request.form
        file = request.files.get("file")
        text = fields.get("text", "").replace("\r\n", "\n")
        body, name = text.encode(), ""
        if file and file.filename:
            body, name = file.stream.read(MAX_BODY_BYTES + 1), file.filename
        elif "sample" in fields and sample:
            body, name = sample.body, sample.source.rpartition("/")[2]
        options = {field: value for field in FIELDS if (value := fields.get(field, ""))}
        return cls(fields.get("content_type", ""), fields.get("accept", ""), text, body, name, options)


@dataclass(frozen=True)
class TryAnswer:
    """The answer of an endpoint: `error` is "" if it succeeded, and `preview` None if it did not."""

    took_s: float
    content_type: str = ""
    size_bytes: int = 0
    variant: str = ""
    preview: Preview | None = None
    error: str = ""
    code: str = ""


def ask(context: RequestContext, endpoint: str, form: TryForm) -> TryAnswer:
    """Send the form to an endpoint, as InvokeEndpoint does."""
    named = {FIELDS[field]: value for field, value in (form.options or {}).items()}
    types = {"ContentType": form.content_type, "Accept": form.accept}
    request = {
        "EndpointName": endpoint,
        "Body": form.body,
        **named,
        **{name: one for name, one in types.items() if one},
    }
    if len(form.body) > MAX_BODY_BYTES:
        return TryAnswer(0, error=f"A body has at most {MAX_BODY_BYTES:,} bytes.", code="Too large")
    begun_s = time.monotonic()
    try:
        answer = invoke_endpoint(context, request)
    except AwsError as error:
        return TryAnswer(time.monotonic() - begun_s, error=error.message, code=error.code)
    took_s = time.monotonic() - begun_s
    body, kind = answer["Body"], answer["ContentType"] or ""
    variant = answer["InvokedProductionVariant"]
    return TryAnswer(took_s, kind, len(body), variant, previews.preview_answer(body, kind))


def programs(server: str, region: str, endpoint: str, form: TryForm, signed: bool) -> dict[str, str]:
    """What sends the same as the form, by the name of the tool."""
    sent = snippets.SentRequest(
        server=server,
        region=region,
        endpoint=endpoint,
        content_type=form.content_type,
        accept=form.accept,
        body=form.body,
        target=(form.options or {}).get("target", ""),
        file=form.file or ("" if form.body else UNNAMED_BODY),
        signed=signed,
    )
    return {"curl": snippets.curl(sent), "boto3": snippets.boto3(sent), "SageMaker SDK": snippets.sdk(sent)}
