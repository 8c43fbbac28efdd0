"""Logs of jobs, read through boto3 as the SDKs read them."""

import pytest

GROUP = "/aws/sagemaker/TrainingJobs"


def stream_of(aws, job):
    return aws.until(
        lambda: aws.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{job}/")["logStreams"], bool
    )[0]["logStreamName"]


def test_lines_can_be_read_while_the_job_runs(aws):
    job = aws.train(lines="first|second", sleep_s="60")
    aws.until(lambda: aws.messages_so_far(job), lambda messages: "second" in messages)
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
