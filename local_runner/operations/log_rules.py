"""Rules of CloudWatch Logs that AWS's model of the requests cannot say. Source: DescribeLogGroups, DescribeLogStreams,
FilterLogEvents, GetLogEvents (API reference)."""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.operations.rules import Request, Rule, at_most_one, exactly_one


def order(request: Request) -> Iterator[str]:
    """Streams with a prefix are in the order of their names."""
    if request.get("orderBy") == "LastEventTime" and "logStreamNamePrefix" in request:
        yield "Cannot order by LastEventTime with a logStreamNamePrefix."


def alone(request: Request) -> Iterator[str]:
    """Groups that are named need no other filter."""
    others = ("logGroupNamePrefix", "logGroupNamePattern", "logGroupClass", "accountIdentifiers")
    if given := [field for field in others if "logGroupIdentifiers" in request and field in request]:
        yield f"logGroupIdentifiers and {given[0]} exclude each other. Leave one of them out."


ONE_GROUP = exactly_one("logGroupName", "logGroupIdentifier")
GROUPS_RULES: tuple[Rule, ...] = (at_most_one("logGroupNamePrefix", "logGroupNamePattern"), alone)
STREAMS_RULES: tuple[Rule, ...] = (ONE_GROUP, order)
GET_RULES: tuple[Rule, ...] = (ONE_GROUP,)
FILTER_RULES: tuple[Rule, ...] = (ONE_GROUP, at_most_one("logStreamNames", "logStreamNamePrefix"))
