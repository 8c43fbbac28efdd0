"""CloudWatch Logs: reading the logs of jobs and endpoints.

Here jobs and endpoints alone write logs, and a line can be read as soon as it is written. Filter patterns are words; those
for JSON, columns and regular expressions are rejected.
"""

from __future__ import annotations

import heapq
import shlex
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from wildsage.containers.contract.whole_number import MOST_DIGITS, whole_number
from wildsage.local_runner.jobs.logs import LogEvent, LogStream, NoSuchGroup, NoSuchStream
from wildsage.local_runner.operations import log_rules
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.operations.rules import keeps
from wildsage.local_runner.wire.errors import AwsError

SERVICE = "logs"
MAX_EVENTS = 10_000
MAX_PAGE_BYTES = 1 << 20
EVENT_OVERHEAD_BYTES = 26
DEFAULT_LIST_PAGE = 50


@keeps(*log_rules.GROUPS_RULES)
def describe_log_groups(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    wanted = request.get("logGroupNamePattern", "")
    names = [name for name in context.services.logs.groups(request.get("logGroupNamePrefix", "")) if wanted in name]
    if "logGroupIdentifiers" in request:
        given = {_group_name(one) for one in request["logGroupIdentifiers"]}
        names = [name for name in names if name in given]
    page, token = _page(names, request)
    return {"logGroups": [{"logGroupName": name, "arn": f"{_arn(context, name)}:*"} for name in page], **token}


@keeps(*log_rules.STREAMS_RULES)
def describe_log_streams(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    group, logs = _group(request), context.services.logs
    names_of = logs.stream_names_by_time if request.get("orderBy") == "LastEventTime" else logs.stream_names
    try:
        names = names_of(group, request.get("logStreamNamePrefix", ""))
    except NoSuchGroup as error:
        raise _not_found(error) from None
    if request.get("descending"):
        names.reverse()
    page, token = _page(names, request)
    return {"logStreams": [_described(context, group, logs.stream(group, name)) for name in page], **token}


@keeps(*log_rules.GET_RULES)
def get_log_events(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Returns one page. The forward token is the position after it, so that it stays the same until something is written."""
    limit = request.get("limit", MAX_EVENTS)
    token = request.get("nextToken")
    if token is None:
        start = 0
        forward = request.get("startFromHead", False)
    else:
        start = _position(token)
        forward = token.startswith("f/")
    events = _between(_events(context, request, start if forward else 0), request)
    if forward:
        page = list(_fit_page(islice(events, limit)))
    else:
        page = list(deque((event for event in events if token is None or event.end < start), maxlen=limit))
    last = page[-1].end if page else start
    first = page[0].end if page else start
    return {
        "events": [_shown(event) for event in page],
        "nextForwardToken": f"f/{last:0{MOST_DIGITS}d}",
        "nextBackwardToken": f"b/{first:0{MOST_DIGITS}d}",
    }


@keeps(*log_rules.FILTER_RULES)
def filter_log_events(context: RequestContext, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the events of several streams, merged by time."""
    try:
        existing = context.services.logs.stream_names(_group(request), request.get("logStreamNamePrefix", ""))
    except NoSuchGroup as error:
        raise _not_found(error) from None
    names = [name for name in existing if name in request.get("logStreamNames", (name,))]
    matches = _pattern(request.get("filterPattern", ""))
    merged = heapq.merge(*(_named(context, request, name) for name in names), key=lambda pair: pair[1].timestamp_ms)
    skip = _position(request["nextToken"]) if "nextToken" in request else 0
    limit = request.get("limit", MAX_EVENTS)
    found = list(islice(merged, skip, skip + limit + 1))
    more = {"nextToken": f"f/{skip + limit:0{MOST_DIGITS}d}"} if len(found) > limit else {}
    events = [
        {**_shown(event), "logStreamName": name, "eventId": f"{name}@{event.end}"}
        for name, event in found[:limit]
        if matches(event.message)
    ]
    return {"events": events, "searchedLogStreams": [], **more}


def _named(context: RequestContext, request: dict[str, Any], stream: str) -> Iterator[tuple[str, LogEvent]]:
    return ((stream, event) for event in _between(_events(context, {**request, "logStreamName": stream}, 0), request))


def _events(context: RequestContext, request: dict[str, Any], position: int) -> Iterator[LogEvent]:
    try:
        return context.services.logs.events(_group(request), request["logStreamName"], position)
    except (NoSuchGroup, NoSuchStream) as error:
        raise _not_found(error) from None


def _between(events: Iterable[LogEvent], request: dict[str, Any]) -> Iterator[LogEvent]:
    """The events from startTime on and before endTime, in milliseconds."""
    start, end = request.get("startTime", 0), request.get("endTime", float("inf"))
    return (event for event in events if start <= event.timestamp_ms < end)


def _fit_page(events: Iterable[LogEvent]) -> Iterator[LogEvent]:
    """The first events, up to a megabyte, counted as CloudWatch counts it."""
    size_bytes = 0
    for event in events:
        size_bytes += len(event.message.encode()) + EVENT_OVERHEAD_BYTES
        if size_bytes > MAX_PAGE_BYTES:
            return
        yield event


def _pattern(text: str) -> Callable[[str], bool]:
    """A test of messages: all terms must occur, no `-term`, and one `?term` if there is any. Quotes enclose spaces."""
    if text.startswith(("{", "[", "%")):
        raise AwsError(
            "InvalidParameterException",
            "Filter patterns for JSON, columns and regexes are not implemented yet.",
        )
    try:
        terms = shlex.split(text)
    except ValueError as error:
        raise AwsError("InvalidParameterException", f"Filter pattern {text!r}: {error}.") from None
    absent = [term[1:] for term in terms if term.startswith("-") and term != "-"]
    optional = [term[1:] for term in terms if term.startswith("?") and term != "?"]
    needed = [term for term in terms if not term.startswith(("-", "?")) or term in ("-", "?")]

    def matches(message: str) -> bool:
        return (
            all(term in message for term in needed)
            and not any(term in message for term in absent)
            and (not optional or any(term in message for term in optional))
        )

    return matches


def _group(request: dict[str, Any]) -> str:
    """The name of the group, which the request gives as a name or an ARN."""
    return _group_name(request.get("logGroupName") or request.get("logGroupIdentifier", ""))


def _group_name(name: str) -> str:
    return name.partition(":log-group:")[2].removesuffix(":*") if name.startswith("arn:") else name


def _position(token: str) -> int:
    try:
        return whole_number(token[2:])
    except ValueError:
        raise _bad_token() from None


def _page(names: list[str], request: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """A token holds the last name that was returned, so that groups and streams that are created meanwhile do not move the next
    page."""
    try:
        start = names.index(request["nextToken"].removeprefix("f/")) + 1 if "nextToken" in request else 0
    except ValueError:
        raise _bad_token() from None
    page = names[start : start + request.get("limit", DEFAULT_LIST_PAGE)]
    return page, {"nextToken": f"f/{page[-1]}"} if start + len(page) < len(names) else {}


def _bad_token() -> AwsError:
    return AwsError("InvalidParameterException", "The specified nextToken is invalid.")


def _arn(context: RequestContext, group: str) -> str:
    return context.arn("logs", f"log-group:{group}")


def _described(context: RequestContext, group: str, stream: LogStream) -> dict[str, Any]:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "firstEventTimestamp": stream.created_ms,
        "lastEventTimestamp": stream.written_ms,
        "lastIngestionTime": stream.written_ms,
        "arn": f"{_arn(context, group)}:log-stream:{stream.name}",
        "storedBytes": stream.size_bytes,
    }


def _shown(event: LogEvent) -> dict[str, Any]:
    return {"timestamp": event.timestamp_ms, "message": event.message, "ingestionTime": event.timestamp_ms}


def _not_found(error: Exception) -> AwsError:
    return AwsError("ResourceNotFoundException", str(error))
