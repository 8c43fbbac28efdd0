"""The form that tries an endpoint: what it sends of its fields, and what the answer or its rejection shows."""

from __future__ import annotations

import io
import time
from types import SimpleNamespace

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from wildsage.local_runner.console import try_form
from wildsage.local_runner.console.samples import SampleRequest
from wildsage.local_runner.console.try_form import TryAnswer, TryForm, ask, programs
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.sagemaker_runtime.invoke import MAX_BODY_BYTES
from wildsage.local_runner.wire.errors import AwsError

TEXT = SampleRequest("text/csv", b"1,2", "s3://bucket/folder/rows.csv")
PICTURE = SampleRequest("application/x-image", b"\xff\xd8", "s3://bucket/folder/a.jpg")


def sent(given: SampleRequest | None = None, **fields) -> TryForm:
    return TryForm.sent(Request(EnvironBuilder(method="POST", data=fields).get_environ()), given)


def test_the_first_form_holds_the_sample():
    assert TryForm.of_sample(None) == TryForm()
    assert TryForm.of_sample(TEXT) == TryForm("text/csv", text="1,2", body=b"1,2")
    assert TryForm.of_sample(PICTURE) == TryForm("application/x-image", body=b"\xff\xd8", file="a.jpg")


def test_a_text_is_sent_with_the_line_ends_of_files():
    form = sent(text="1,2\r\n3,ä\r\n", content_type="text/csv", accept="application/json", variant="v", target="")
    assert form.body == "1,2\n3,ä\n".encode()
    assert form.text == "1,2\n3,ä\n"
    assert (form.content_type, form.accept, form.file, form.options) == (
        "text/csv",
        "application/json",
        "",
        {"variant": "v"},
    )


def test_a_file_is_sent_before_a_sample_and_a_sample_before_the_text():
    file = (io.BytesIO(b"from file"), "mine.csv")
    form = sent(PICTURE, text="typed", sample="1", file=file)
    assert (form.body, form.file, form.text) == (b"from file", "mine.csv", "typed")
    form = sent(PICTURE, text="typed", sample="1")
    assert (form.body, form.file) == (b"\xff\xd8", "a.jpg")
    assert sent(None, text="typed", sample="1").body == sent(PICTURE, text="typed").body == b"typed"


def test_a_file_is_read_until_it_is_too_long():
    assert len(sent(file=(io.BytesIO(bytes(MAX_BODY_BYTES + 2)), "a")).body) == MAX_BODY_BYTES + 1


@pytest.fixture
def asked(monkeypatch) -> list[dict]:
    """What endpoints are asked, in place of a running one."""
    requests: list[dict] = []

    def invoke(context, request):
        requests.append(request)
        if request["Body"] == b"bad":
            raise AwsError("ModelError", "It was bad.")
        return {"Body": b"[1]", "ContentType": None, "InvokedProductionVariant": "v"}

    monkeypatch.setattr(try_form, "invoke_endpoint", invoke)
    return requests


CONTEXT = RequestContext(SimpleNamespace())


def test_an_endpoint_is_asked_with_what_was_filled_in(asked):
    form = TryForm("text/csv", "", body=b"1", options={"target": "m", "variant": "w", "hostname": "h"})
    begun_s = time.monotonic()
    answer = ask(CONTEXT, "e", form)
    assert 0 <= answer.took_s <= time.monotonic() - begun_s
    wanted = {"TargetModel": "m", "TargetVariant": "w", "TargetContainerHostname": "h"}
    assert asked == [{"EndpointName": "e", "Body": b"1", "ContentType": "text/csv", **wanted}]
    assert (answer.content_type, answer.size_bytes, answer.variant, answer.error) == ("", 3, "v", "")
    assert answer.preview
    ask(CONTEXT, "e", TryForm("", "text/csv"))
    assert asked[1] == {"EndpointName": "e", "Body": b"", "Accept": "text/csv"}


def test_a_rejection_is_shown(asked):
    begun_s = time.monotonic()
    answer = ask(CONTEXT, "e", TryForm(body=b"bad"))
    assert 0 <= answer.took_s <= time.monotonic() - begun_s
    assert (answer.content_type, answer.size_bytes, answer.variant) == ("", 0, "")
    assert (answer.code, answer.error, answer.preview) == ("ModelError", "It was bad.", None)


def test_a_body_has_a_limit(asked):
    assert ask(CONTEXT, "e", TryForm(body=bytes(MAX_BODY_BYTES))).error == ""
    too_large = TryAnswer(0, error="A body has at most 6,291,456 bytes.", code="Too large")
    assert ask(CONTEXT, "e", TryForm(body=bytes(MAX_BODY_BYTES + 1))) == too_large
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("form", "named"), [(TryForm(), "body.csv"), (TryForm(body=b"1", file="mine.csv"), "mine.csv")]
)
def test_programs_send_the_same(form, named):
    found = programs("http://127.0.0.1:4577", "us-east-1", "my-endpoint", form, False)
    assert list(found) == ["curl", "boto3", "SageMaker SDK"]
    assert all("my-endpoint" in program for program in found.values())
    assert named in found["curl"]
