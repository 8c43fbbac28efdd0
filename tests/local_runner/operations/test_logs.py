"""Logs, read the ways the SDKs read them."""

from types import SimpleNamespace

import pytest

from wildsage.local_runner.jobs.logs import Logs
from wildsage.local_runner.operations import logs as operations
from wildsage.local_runner.operations.context import RequestContext

GROUP = "/aws/sagemaker/TrainingJobs"


def stream_of(aws, job):
    return aws.until(
        lambda: aws.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{job}/")["logStreams"], bool
    )[0]["logStreamName"]


def test_lines_can_be_read_while_the_job_runs(aws):
    job = aws.train(lines="first|second", sleep_s="30")
    aws.until(lambda: aws.messages(job), lambda messages: "second" in messages)
    assert aws.sagemaker.describe_training_job(TrainingJobName=job)["SecondaryStatus"] == "Training"
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    aws.finished(job)


def test_forward_tokens_lead_to_an_empty_page_that_keeps_its_token(aws):
    job = aws.train(lines="|".join(f"line {number}" for number in range(25)))
    aws.finished(job)
    stream = stream_of(aws, job)
    read, token, pages = [], {}, 0
    while True:
        page = aws.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True, limit=10, **token)
        if not page["events"]:
            break
        read += [event["message"] for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
        pages += 1
    assert read == [f"line {number}" for number in range(25)]
    assert pages == 3
    assert page["nextForwardToken"] == token["nextToken"]


def test_a_start_time_skips_what_was_read(aws):
    job = aws.train(lines="a|b")
    aws.finished(job)
    stream = stream_of(aws, job)
    first = aws.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
    later = aws.logs.get_log_events(
        logGroupName=GROUP, logStreamName=stream, startFromHead=True, startTime=first[-1]["timestamp"] + 1
    )
    assert first[0]["timestamp"] <= first[1]["timestamp"] <= first[0]["ingestionTime"] + 10_000
    assert later["events"] == []


def test_without_start_from_head_the_last_lines_come_first(aws):
    job = aws.train(lines="|".join("abcdef"))
    aws.finished(job)
    where = {"logGroupName": GROUP, "logStreamName": stream_of(aws, job), "limit": 2}
    last = aws.logs.get_log_events(**where)
    before = aws.logs.get_log_events(**where, nextToken=last["nextBackwardToken"])
    assert [e["message"] for e in last["events"]] == ["e", "f"]
    assert [e["message"] for e in before["events"]] == ["c", "d"]


def test_a_page_ends_at_a_megabyte_and_the_next_goes_on(aws):
    job = aws.train(lines="|".join(["x" * 1000] * 2), repeat="700")
    aws.finished(job)
    where = {"logGroupName": GROUP, "logStreamName": stream_of(aws, job), "startFromHead": True}
    first = aws.logs.get_log_events(**where)
    second = aws.logs.get_log_events(**where, nextToken=first["nextForwardToken"])
    assert len(first["events"]) == (1 << 20) // 1026
    assert len(first["events"]) + len(second["events"]) == 1400


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", ["red apple", "green apple", "red pear"]),
        ("red apple", ["red apple"]),
        ('"green apple"', ["green apple"]),
        ("apple -red", ["green apple"]),
        ("?pear ?green", ["green apple", "red pear"]),
        ("-", []),
        ("?", []),
    ],
)
def test_filter_patterns(aws, pattern, expected):
    job = aws.train(lines="red apple|green apple|red pear")
    aws.finished(job)
    found = aws.logs.filter_log_events(logGroupName=GROUP, logStreamNamePrefix=f"{job}/", filterPattern=pattern)
    assert [event["message"] for event in found["events"]] == expected


def test_patterns_we_cannot_read_are_rejected(aws):
    aws.finished(aws.train())
    with pytest.raises(aws.logs.exceptions.InvalidParameterException, match="not implemented"):
        aws.logs.filter_log_events(logGroupName=GROUP, filterPattern="{ $.x = 1 }")


def test_what_is_not_there(aws):
    with pytest.raises(aws.logs.exceptions.ResourceNotFoundException):
        aws.logs.describe_log_streams(logGroupName="/aws/sagemaker/Nothing")
    aws.finished(aws.train())
    with pytest.raises(aws.logs.exceptions.ResourceNotFoundException):
        aws.logs.get_log_events(logGroupName=GROUP, logStreamName="nobody")
    groups = [group["logGroupName"] for group in aws.logs.describe_log_groups()["logGroups"]]
    assert GROUP in groups


@pytest.mark.parametrize(
    ("operation", "request_", "words"),
    [
        ("get_log_events", {"logStreamName": "s"}, "Either logGroupName or logGroupIdentifier is needed"),
        (
            "filter_log_events",
            {"logGroupName": GROUP, "logGroupIdentifier": GROUP},
            "Either logGroupName or logGroupIdentifier is needed, got logGroupName and logGroupIdentifier",
        ),
        (
            "filter_log_events",
            {"logGroupName": GROUP, "logStreamNames": ["a"], "logStreamNamePrefix": "a"},
            "logStreamNames and logStreamNamePrefix exclude each other",
        ),
        (
            "describe_log_streams",
            {"logGroupName": GROUP, "orderBy": "LastEventTime", "logStreamNamePrefix": "a"},
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ),
        (
            "describe_log_groups",
            {"logGroupNamePrefix": "/aws", "logGroupNamePattern": "Jobs"},
            "logGroupNamePrefix and logGroupNamePattern exclude each other",
        ),
        (
            "describe_log_groups",
            {"logGroupIdentifiers": [GROUP], "logGroupNamePrefix": "/aws"},
            "logGroupIdentifiers and logGroupNamePrefix exclude each other",
        ),
    ],
)
def test_fields_that_exclude_each_other_are_rejected(aws, operation, request_, words):
    with pytest.raises(aws.logs.exceptions.InvalidParameterException, match=words):
        getattr(aws.logs, operation)(**request_)


def test_groups_can_be_listed_by_their_names_and_arns(aws):
    job = aws.train(lines="a")
    aws.finished(job)
    arn = next(one["arn"] for one in aws.logs.describe_log_groups()["logGroups"] if one["logGroupName"] == GROUP)
    for given in (GROUP, arn):
        listed = aws.logs.describe_log_groups(logGroupIdentifiers=[given.removesuffix(":*")])["logGroups"]
        assert [one["logGroupName"] for one in listed] == [GROUP]


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
