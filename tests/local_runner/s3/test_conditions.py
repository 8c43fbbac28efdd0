"""Conditional headers and ranges: RFC 9110, sections 13.1 and 14.1.2, and what S3 makes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from werkzeug.http import http_date

from wildsage.local_runner.s3.conditions import NotModified, byte_range, check_read, check_write
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.objects import ObjectSummary

WRITTEN = datetime(2026, 1, 1, 12, 0, 5, 500_000, UTC)
STORED = ObjectSummary(bucket="b", key="k", size=1, etag="abc", modified_ns=int(WRITTEN.timestamp() * 1000) * 1_000_000)
BEFORE, SAME, AFTER = (http_date(datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC)) for second in (4, 5, 6))


def headers(**given: str) -> Callable[[str], str]:
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return lambda name: named.get(name, "")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"If_Match": '"abc"'},
        {"If_Match": "abc"},
        {"If_Match": "*"},
        {"If_Match": '"x", "abc"'},
        {"If_Match": 'W/"abc"'},
        {"If_None_Match": '"x"'},
        {"If_Unmodified_Since": SAME},
        {"If_Unmodified_Since": AFTER},
        {"If_Unmodified_Since": "not a date"},
        {"If_Modified_Since": BEFORE},
        {"If_Match": '"abc"', "If_Unmodified_Since": BEFORE},
        {"If_None_Match": '"x"', "If_Modified_Since": AFTER},
    ],
    ids=str,
)
def test_a_read_whose_conditions_hold(given):
    check_read(STORED, headers(**given))
    check_read(
        STORED, headers(**{f"x-amz-copy-source-{name}": value for name, value in given.items()}), "x-amz-copy-source-"
    )


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        ({"If_Match": '"x"'}, "If-Match"),
        ({"If_Match": '"x"', "If_Unmodified_Since": AFTER}, "If-Match"),
        ({"If_Unmodified_Since": BEFORE}, "If-Unmodified-Since"),
        ({"If_None_Match": '"abc"'}, "If-None-Match"),
        ({"If_None_Match": "*"}, "If-None-Match"),
        ({"If_None_Match": '"abc"', "If_Modified_Since": BEFORE}, "If-None-Match"),
        ({"If_Modified_Since": SAME}, "If-Modified-Since"),
        ({"If_Modified_Since": AFTER}, "If-Modified-Since"),
        ({"If_Match": '"abc"', "If_None_Match": '"abc"'}, "If-None-Match"),
    ],
    ids=str,
)
def test_a_read_one_of_whose_conditions_does_not_hold(given, condition):
    """A client's copy is then current; a copy from a source fails instead."""
    current = condition in ("If-None-Match", "If-Modified-Since")
    with pytest.raises(NotModified if current else S3Error):
        check_read(STORED, headers(**given))
    with pytest.raises(S3Error) as caught:
        copied = {f"x-amz-copy-source-{name}": value for name, value in given.items()}
        check_read(STORED, headers(**copied), "x-amz-copy-source-")
    assert (caught.value.code, caught.value.details) == ("PreconditionFailed", {"Condition": condition})


@pytest.mark.parametrize(
    ("existing", "given"),
    [
        (None, {}),
        (STORED, {}),
        (None, {"If_None_Match": "*"}),
        (STORED, {"If_Match": '"abc"'}),
        (STORED, {"If_Match": "*"}),
    ],
)
def test_a_write_whose_conditions_hold(existing, given):
    check_write(existing, headers(**given))


@pytest.mark.parametrize(
    ("existing", "given", "condition"),
    [
        (STORED, {"If_None_Match": "*"}, "If-None-Match"),
        (None, {"If_Match": '"abc"'}, "If-Match"),
        (None, {"If_Match": "*"}, "If-Match"),
        (STORED, {"If_Match": '"x"'}, "If-Match"),
    ],
)
def test_a_write_whose_condition_does_not_hold(existing, given, condition):
    with pytest.raises(S3Error) as caught:
        check_write(existing, headers(**given))
    assert (caught.value.code, caught.value.details) == ("PreconditionFailed", {"Condition": condition})


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("bytes=0-0", 10, (0, 1)),
        (" bytes=2-5 ", 10, (2, 6)),
        ("bytes=3-3", 10, (3, 4)),
        ("bytes=9-9", 10, (9, 10)),
        ("bytes=9-10", 10, (9, 10)),
        ("bytes=2-", 10, (2, 10)),
        ("bytes=0-", 10, (0, 10)),
        ("bytes=-1", 10, (9, 10)),
        ("bytes=-10", 10, (0, 10)),
        ("bytes=-11", 10, (0, 10)),
        ("", 10, None),
        ("bytes=-", 10, None),
        ("bytes=5-4", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("lines=0-1", 10, None),
        ("bytes=a-b", 10, None),
        ("bytes=0-" + "9" * 19, 10, (0, 10)),
        ("bytes=0-" + "9" * 20, 10, None),
    ],
)
def test_a_range_is_clipped_to_the_object_and_anything_else_is_the_whole(text, size, expected):
    assert byte_range(text, size) == expected


@pytest.mark.parametrize(("text", "size"), [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_a_range_without_a_byte_of_the_object_is_rejected(text, size):
    with pytest.raises(S3Error) as caught:
        byte_range(text, size)
    assert caught.value.code == "InvalidRange"
    assert caught.value.details == {"RangeRequested": text, "ActualObjectSize": str(size)}
