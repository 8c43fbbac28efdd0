"""Errors of S3."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wildsage.local_runner.s3 import errors
from wildsage.local_runner.s3.errors import STATUS_OF, NoSuchBucket, NoSuchKey, NoSuchUpload, S3Error


@pytest.mark.parametrize(
    ("code", "status"),
    [("NoSuchKey", 404), ("AccessDenied", 403), ("InvalidRange", 416), ("NotImplemented", 501), ("StorageFull", 507)],
)
def test_a_code_has_its_status(code, status):
    error = S3Error(code, "text", Key="k")
    assert (error.code, str(error), error.status, error.details) == (code, "text", status, {"Key": "k"})


def test_every_code_that_is_raised_has_a_status():
    folder = Path(errors.__file__).parent
    raised = {
        code
        for file in folder.glob("*.py")
        for code in re.findall(r"(?:S3Error|NoSetting)\(\s*\"(\w+)\"", file.read_text())
    }
    assert len(raised) > 30 and raised <= STATUS_OF.keys()


def test_what_is_missing_is_named_and_how_to_supply_it():
    assert "aws s3 mb s3://nowhere" in str(NoSuchBucket("nowhere"))
    advised = NoSuchBucket("nowhere", "Ask for it.")
    assert str(advised).endswith("does not exist: nowhere. Ask for it.") and advised.bucket == "nowhere"
    assert (advised.code, advised.details) == ("NoSuchBucket", {"BucketName": "nowhere"})
    assert (str(NoSuchKey("b", "k")), NoSuchKey("b", "k").details) == (
        "The specified key does not exist: s3://b/k",
        {"Key": "k"},
    )
    assert (NoSuchUpload("u").code, NoSuchUpload("u").details) == ("NoSuchUpload", {"UploadId": "u"})
    assert "No multipart upload u is in progress" in str(NoSuchUpload("u"))
