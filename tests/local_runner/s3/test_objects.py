"""Buckets and objects as the store returns them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wildsage.local_runner.s3.objects import Attributes, ObjectSummary, utc_time


@pytest.mark.parametrize(
    ("nanoseconds", "microseconds"),
    [(0, 0), (999_999, 0), (1_000_000, 1_000), (1_999_999, 1_000), (999_999_999, 999_000)],
)
def test_a_time_has_whole_milliseconds_of_which_none_is_in_the_future(nanoseconds, microseconds):
    assert utc_time(nanoseconds) == datetime(1970, 1, 1, 0, 0, 0, microseconds, UTC)


def test_attributes_are_read_as_they_were_written():
    for attributes in (Attributes(), Attributes("text/csv", {"a": "ü"}, {"Expires": "0"}, "a=1")):
        assert Attributes.from_json(attributes.to_json()) == attributes
    assert Attributes().content_type == "binary/octet-stream"


def test_a_summary_says_when_its_object_was_written():
    summary = ObjectSummary(bucket="b", key="k", size=0, etag="", modified_ns=60_000_000_000)
    assert (summary.last_modified, summary.checksums) == (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), {})
