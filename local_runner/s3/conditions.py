"""Conditional headers and ranges of HTTP (RFC 9110, sections 13 and 14) and S3."""

from __future__ import annotations

import re
from collections.abc import Callable

from werkzeug.http import parse_date

from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.objects import ObjectSummary

RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


class NotModified(Exception):
    """The client's copy is current: status 304."""


def check_read(stored: ObjectSummary, header: Callable[[str], str], prefix: str = "") -> None:
    """Check If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, with the prefix of a copy's source if given.

    A condition on the ETag overrides the one on the date. Raises PreconditionFailed or NotModified.
    """
    modified = stored.last_modified.replace(microsecond=0)
    if match := header(f"{prefix}If-Match"):
        if not _matches_etag(match, stored.etag):
            raise _failed("If-Match")
    elif (since := parse_date(header(f"{prefix}If-Unmodified-Since"))) and modified > since:
        raise _failed("If-Unmodified-Since")
    if none_match := header(f"{prefix}If-None-Match"):
        if _matches_etag(none_match, stored.etag):
            raise _failed("If-None-Match") if prefix else NotModified
    elif (since := parse_date(header(f"{prefix}If-Modified-Since"))) and modified <= since:
        raise _failed("If-Modified-Since") if prefix else NotModified


def check_write(existing: ObjectSummary | None, header: Callable[[str], str]) -> None:
    """Check a write: If-None-Match forbids an existing object, If-Match requires its ETag. Raises PreconditionFailed."""
    if header("If-None-Match") and existing is not None:
        raise _failed("If-None-Match")
    match = header("If-Match")
    if match and (existing is None or not _matches_etag(match, existing.etag)):
        raise _failed("If-Match")


def byte_range(text: str, size: int) -> tuple[int, int] | None:
    """(first, last + 1) of `bytes=2-5`, `bytes=2-` or the suffix `bytes=-3`; None for anything else: the whole object.

    Raises InvalidRange if the range holds no byte of the object.
    """
    asked = RANGE.fullmatch(text.strip())
    if not asked or asked[1] == asked[2] == "" or (asked[1] and asked[2] and int(asked[1]) > int(asked[2])):
        return None
    first = int(asked[1]) if asked[1] else max(size - int(asked[2]), 0)
    end = min(int(asked[2]) + 1, size) if asked[1] and asked[2] else size
    if first >= end:
        raise S3Error(
            "InvalidRange", "The requested range is not satisfiable", RangeRequested=text, ActualObjectSize=str(size)
        )
    return first, end


def _matches_etag(header: str, etag: str) -> bool:
    return any(given.strip().removeprefix("W/").strip('"') in (etag, "*") for given in header.split(","))


def _failed(condition: str) -> S3Error:
    return S3Error(
        "PreconditionFailed", "At least one of the preconditions you specified did not hold", Condition=condition
    )
