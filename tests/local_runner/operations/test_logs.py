"""Events, streams and groups: pages, tokens, times, patterns, at their edges."""

import os
from types import SimpleNamespace

import pytest

from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.operations import log_rules
from wildsage.local_runner.operations import logs as operations
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.wire.errors import AwsError

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def six_lines(tmp_path):
    """The view of an operation on two streams of three lines each, written in turn, and the lines."""
    logs, lines = Logs(tmp_path), [f"{'even' if number % 2 == 0 else 'odd'} {number}" for number in range(6)]
    writers = [logs.writer(GROUP, name) for name in ("a", "b")]
    for number, line in enumerate(lines):
        writers[number % 2](line)
    for writer in writers:
        writer.close()
    return RequestContext(SimpleNamespace(logs=logs)), lines


def pages(operation, context, **request) -> list[dict]:
    """All pages, from the first without a token to the first that has none to give."""
    found = [operation(context, request)]
    while token := found[-1].get("nextToken"):
        found.append(operation(context, {**request, "nextToken": token}))
        assert len(found) < 20, "no end"
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("pattern", ["", "even"])
def test_events_are_filtered_page_by_page_to_the_last(six_lines, limit, pattern):
    context, lines = six_lines
    found = pages(operations.filter_log_events, context, logGroupName=GROUP, limit=limit, filterPattern=pattern)
    events = [event for page in found for event in page["events"]]
    assert sorted(event["message"] for event in events) == sorted(line for line in lines if pattern in line)
    assert len({event["eventId"] for event in events}) == len(events)
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    assert len(found) == -(-6 // limit), "a full page is the last if nothing follows"
    if not pattern:
        assert all(len(page["events"]) == limit for page in found[:-1])


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_events_of_a_stream_are_read_page_by_page_in_both_directions(six_lines, limit):
    context, lines = six_lines
    for head, token_of, wanted in ((True, "nextForwardToken", lines[::2]), (False, "nextBackwardToken", lines[::2])):
        request = {"logGroupName": GROUP, "logStreamName": "a", "limit": limit, "startFromHead": head}
        found = [operations.get_log_events(context, request)]
        while found[-1]["events"]:
            found.append(operations.get_log_events(context, {**request, "nextToken": found[-1][token_of]}))
        read = [[event["message"] for event in page["events"]] for page in (found if head else reversed(found))]
        assert [line for page in read for line in page] == wanted
        assert len(found) == -(-3 // limit) + 1  # and the empty page that ends it


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize("descending", [False, True])
def test_streams_and_groups_are_listed_page_by_page_to_the_last(tmp_path, limit, descending):
    logs, names = Logs(tmp_path), ["a", "b", "c"]
    for name in names:
        logs.writer(GROUP, name).close()
        logs.writer(name, "stream").close()
    context = RequestContext(SimpleNamespace(logs=logs))
    found = pages(operations.describe_log_streams, context, logGroupName=GROUP, limit=limit, descending=descending)
    assert [one["logStreamName"] for page in found for one in page["logStreams"]] == sorted(names, reverse=descending)
    assert len(found) == -(-3 // limit)
    found = pages(operations.describe_log_groups, context, limit=limit)
    assert [one["logGroupName"] for page in found for one in page["logGroups"]] == [GROUP, *names]
    assert len(found) == -(-4 // limit)


@pytest.fixture
def written(tmp_path):
    """Makes the view of an operation on streams of these lines, a second apart; the first is from 1970-01-01T00:00:01Z."""

    def view(**streams: list[bytes]) -> RequestContext:
        for name, lines in streams.items():
            Logs(tmp_path).writer("group", name).close()
            stamped = [b"%d\t%s\n" % (1000 * number, line) for number, line in enumerate(lines, start=1)]
            (tmp_path / "group" / name).write_bytes(b"".join(stamped))
        return RequestContext(SimpleNamespace(logs=Logs(tmp_path)))

    return view


def read(context, operation=operations.get_log_events, **request) -> list[str]:
    where = {"logGroupName": "group"} | ({"logStreamName": "s"} if operation is operations.get_log_events else {})
    return [event["message"] for event in operation(context, {**where, **request})["events"]]


@pytest.mark.parametrize("limit", [1, 3, 4, 5])
def test_bytes_that_are_not_utf8_are_shown_as_such_and_lose_no_line(written, limit):
    lines = [b"before", b"caf\xe9", b"\xff", b"after"]
    context, wanted = written(s=lines), ["before", "caf\ufffd", "\ufffd", "after"]
    found = pages(operations.filter_log_events, context, logGroupName="group", limit=limit)
    assert [event["message"] for page in found for event in page["events"]] == wanted
    messages, token = [], {}
    while batch := (
        page := operations.get_log_events(
            context, {"logGroupName": "group", "logStreamName": "s", "limit": limit, "startFromHead": True, **token}
        )
    )["events"]:
        messages += [event["message"] for event in batch]
        token = {"nextToken": page["nextForwardToken"]}
    assert messages == wanted
    assert read(context, operations.filter_log_events, filterPattern="caf") == ["caf\ufffd"]


@pytest.mark.parametrize("operation", [operations.get_log_events, operations.filter_log_events])
@pytest.mark.parametrize(
    ("between", "wanted"),
    [
        ({}, "abc"),
        ({"startTime": 2000}, "bc"),
        ({"startTime": 2001}, "c"),
        ({"endTime": 2000}, "a"),
        ({"endTime": 2001}, "ab"),
        ({"startTime": 2000, "endTime": 3000}, "b"),
        ({"startTime": 3001}, ""),
    ],
)
def test_times_begin_with_startTime_and_end_before_endTime(written, operation, between, wanted):
    assert read(written(s=[b"a", b"b", b"c"]), operation, **between) == list(wanted)


@pytest.mark.parametrize(("more_bytes", "shown"), [(0, 2), (1, 1)])
def test_a_page_of_a_megabyte_counts_bytes_and_26_for_each_event(written, more_bytes, shown):
    half = "ä".encode() * ((1 << 19) // 2 - 13)
    context = written(s=[half, half + b"x" * more_bytes, b"last"])
    found = read(context, startFromHead=True)
    assert len(found) == shown
    assert len(read(context, startFromHead=False)) == 3


def test_streams_are_merged_by_time_and_chosen_by_their_names(written):
    context = written(a=[b"a1", b"a2"], ab=[b"ab1"], b=[b"b1", b"b2"])
    every = read(context, operations.filter_log_events)
    assert every[:3] == ["a1", "ab1", "b1"] and sorted(every[3:]) == ["a2", "b2"]
    assert read(context, operations.filter_log_events, logStreamNames=["b", "ab"]) == ["ab1", "b1", "b2"]
    assert read(context, operations.filter_log_events, logStreamNamePrefix="a") == ["a1", "ab1", "a2"]
    assert read(context, operations.filter_log_events, logStreamNames=["none"]) == []


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("-", ["a - b", "-c"]),
        ("?", ["d?"]),
        ("?a ?d", ["a - b", "d?"]),
        ("a b", ["a - b"]),
        ("-a -d", ["-c"]),
        ("?a -b", []),
    ],
)
def test_signs_of_patterns(written, pattern, wanted):
    assert read(written(s=[b"a - b", b"-c", b"d?"]), operations.filter_log_events, filterPattern=pattern) == wanted


@pytest.mark.parametrize("pattern", ["{ $.x = 1 }", "[a, b]", "%x%", '"open'])
def test_other_patterns_are_rejected(written, pattern):
    with pytest.raises(AwsError) as caught:
        read(written(s=[b"a"]), operations.filter_log_events, filterPattern=pattern)
    assert caught.value.code == "InvalidParameterException"


@pytest.mark.parametrize("token", ["f/x", "f/-1", "x", "f/1.5", ""])
def test_tokens_that_no_page_gave_are_rejected(written, token):
    context = written(s=[b"a"])
    for operation in (operations.get_log_events, operations.filter_log_events):
        with pytest.raises(AwsError, match="The specified nextToken is invalid"):
            read(context, operation, nextToken=token)
    for listed in (operations.describe_log_streams, operations.describe_log_groups):
        with pytest.raises(AwsError, match="The specified nextToken is invalid"):
            listed(context, {"logGroupName": "group", "nextToken": token})


def test_streams_are_listed_by_name_or_by_their_last_event(written, tmp_path):
    context = written(a=[b"1"], b=[b"1"], c=[b"1"])
    for number, name in enumerate("bca"):
        os.utime(tmp_path / "group" / name, (number, number))
    where = {"logGroupName": "group"}

    def listed(**order) -> str:
        found = operations.describe_log_streams(context, where | order)["logStreams"]
        return "".join(one["logStreamName"] for one in found)

    assert (listed(), listed(descending=True)) == ("abc", "cba")
    by_time = {"orderBy": "LastEventTime"}
    assert (listed(**by_time), listed(**by_time, descending=True)) == ("bca", "acb")
    assert listed(orderBy="LogStreamName", limit=2) == "ab"


def test_what_a_stream_and_a_group_say(written, tmp_path):
    context = written(s=[b"a", b"b"])
    os.utime(tmp_path / "group" / "s", (5, 5))
    (stream,) = operations.describe_log_streams(context, {"logGroupName": "group"})["logStreams"]
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:group"
    assert stream == {
        "logStreamName": "s",
        "creationTime": 1000,
        "firstEventTimestamp": 1000,
        "lastEventTimestamp": 5000,
        "lastIngestionTime": 5000,
        "arn": f"{arn}:log-stream:s",
        "storedBytes": 14,
    }
    (event, _) = operations.get_log_events(context, {"logGroupIdentifier": arn, "logStreamName": "s"})["events"]
    assert event == {"timestamp": 1000, "message": "a", "ingestionTime": 1000}


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ({}, ["/aws/one", "/aws/two", "three"]),
        ({"logGroupNamePrefix": "/aws"}, ["/aws/one", "/aws/two"]),
        ({"logGroupNamePattern": "two"}, ["/aws/two"]),
        (
            {"logGroupIdentifiers": ["three", "arn:aws:logs:us-east-1:000000000000:log-group:/aws/two"]},
            ["/aws/two", "three"],
        ),
        ({"logGroupIdentifiers": ["absent"]}, []),
    ],
)
def test_groups_are_chosen_by_a_prefix_a_part_or_their_names(tmp_path, request_, wanted):
    for name in ("/aws/one", "/aws/two", "three"):
        Logs(tmp_path).writer(name, "s").close()
    found = operations.describe_log_groups(RequestContext(SimpleNamespace(logs=Logs(tmp_path))), request_)["logGroups"]
    assert [one["logGroupName"] for one in found] == wanted


def test_fifty_groups_are_a_page_and_one_more_is_the_next(tmp_path):
    for number in range(51):
        Logs(tmp_path).writer(f"{number:02d}", "s").close()
    context = RequestContext(SimpleNamespace(logs=Logs(tmp_path)))
    assert [len(page["logGroups"]) for page in pages(operations.describe_log_groups, context)] == [50, 1]


@pytest.mark.parametrize(
    "operation", [operations.get_log_events, operations.filter_log_events, operations.describe_log_streams]
)
def test_a_group_that_does_not_exist_is_not_found(written, operation):
    with pytest.raises(AwsError, match="The specified log group does not exist: absent") as caught:
        operation(written(), {"logGroupName": "absent", "logStreamName": "s"})
    assert caught.value.code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "others", [["logGroupNamePrefix"], ["logGroupNamePattern", "logGroupClass"], ["accountIdentifiers"]]
)
def test_groups_that_are_named_need_no_other_filter(others):
    problems = list(log_rules.alone({"logGroupIdentifiers": ["g"], **dict.fromkeys(others, "x")}))
    assert problems == [f"logGroupIdentifiers and {others[0]} exclude each other. Leave one of them out."]
    assert list(log_rules.alone({"logGroupIdentifiers": ["g"]})) == []
    assert list(log_rules.alone(dict.fromkeys(others, "x"))) == []


@pytest.mark.parametrize(
    ("request_", "broken"),
    [
        ({}, False),
        ({"orderBy": "LastEventTime"}, False),
        ({"logStreamNamePrefix": "p"}, False),
        ({"orderBy": "LogStreamName", "logStreamNamePrefix": "p"}, False),
        ({"orderBy": "LastEventTime", "logStreamNamePrefix": "p"}, True),
    ],
)
def test_streams_with_a_prefix_are_in_the_order_of_their_names(request_, broken):
    found = [problem for rule in log_rules.STREAMS_RULES for problem in rule({"logGroupName": "g", **request_})]
    assert found == ["Cannot order by LastEventTime with a logStreamNamePrefix."] * broken


@pytest.mark.parametrize("rules", [log_rules.STREAMS_RULES, log_rules.GET_RULES, log_rules.FILTER_RULES])
def test_a_group_is_named_once(rules):
    def problems(request: dict) -> list[str]:
        return [problem for rule in rules for problem in rule(request)]

    assert problems({"logGroupName": "g"}) == problems({"logGroupIdentifier": "g"}) == []
    assert len(problems({})) == len(problems({"logGroupName": "g", "logGroupIdentifier": "g"})) == 1


def test_a_page_begins_at_the_end_unless_it_is_to_begin_at_the_head(written):
    context = written(s=[b"a", b"b", b"c"])
    assert read(context, limit=1) == ["c"]
    assert read(context, limit=1, startFromHead=False) == ["c"]
    assert read(context, limit=1, startFromHead=True) == ["a"]
