"""Batch transform jobs as boto3 sees them."""

import gzip
import json
import struct

import pytest
from botocore.exceptions import ClientError

from wildsage.containers.codecs.records import recordio

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
GROUP = "/aws/sagemaker/TransformJobs"
QUICK = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture(scope="module")
def echo(aws):
    """A model whose containers answer with what they are sent."""
    return aws.model(environment={"ANSWER": "echo"})


@pytest.fixture
def transform(aws):
    """Starts a job on some files and returns its description at its end and its outputs by name."""

    def run(model: str, files: dict[str, bytes], instances: int = 1, **fields) -> tuple[dict, dict[str, bytes]]:
        name = start(aws, model, files, instances, **fields)
        found = ended(aws, name)
        return found, outputs(aws, name)

    return run


def start(aws, model: str, files: dict[str, bytes], instances: int = 1, **fields) -> str:
    name = aws.name("transform")
    folder = aws.upload(f"in/{name}", **files)
    source = {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{folder}/"}},
        **fields.pop("source", {}),
    }
    aws.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput=source,
        TransformOutput={"S3OutputPath": f"s3://bucket/out/{name}", **fields.pop("target", {})},
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": instances},
        **fields,
    )
    return name


def ended(aws, name: str) -> dict:
    return aws.until(
        lambda: aws.sagemaker.describe_transform_job(TransformJobName=name),
        lambda found: found["TransformJobStatus"] in ("Completed", "Failed", "Stopped"),
    )


def outputs(aws, name: str) -> dict[str, bytes]:
    prefix = f"out/{name}/"
    found = aws.s3.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
    keys = [entry["Key"] for entry in found]
    return {key.removeprefix(prefix): aws.s3.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}


def messages(aws, name: str, suffix: str = "") -> list[str]:
    streams = aws.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    found = [stream["logStreamName"] for stream in streams if stream["logStreamName"].endswith(suffix)]
    return [
        event["message"]
        for stream in found
        for event in aws.logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
    ]


def requests(aws, name: str) -> list[int]:
    """Sizes of the bodies that the containers got."""
    return [int(line.split()[2]) for line in messages(aws, name) if line.startswith("invocation of")]


def rejection(aws, model: str, **fields) -> str:
    with pytest.raises(ClientError) as caught:
        start(aws, model, {"a": b"x"}, **fields)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return caught.value.response["Error"]["Message"]


def test_every_object_below_the_prefix_gets_an_output_under_its_own_name(aws, echo, transform):
    files = {"a.csv": b"1,2", "deeper/b.csv": b"3,4", "deeper/still/c": b"\x00\xff"}
    found, stored = transform(echo, files)
    assert found["TransformJobStatus"] == "Completed" and "FailureReason" not in found
    assert found["TransformEndTime"] >= found["TransformStartTime"] >= found["CreationTime"]
    assert stored == {f"{name}.out": content for name, content in files.items()}


def test_types_and_environment_reach_the_container(aws, transform):
    model = aws.model(environment={"SAGEMAKER_A": "model", "SAGEMAKER_B": "model"})
    _, stored = transform(
        model,
        {"a": b"x"},
        source={"ContentType": "text/x-any; a=b"},
        target={"Accept": "application/jsonlines; verbose=true"},
        Environment={"SAGEMAKER_B": "job"},
        MaxPayloadInMB=3,
        BatchStrategy="SingleRecord",
    )
    seen = json.loads(stored["a.out"])
    assert (seen["type"], seen["accept"]) == ("text/x-any; a=b", "application/jsonlines; verbose=true")
    environment = seen["environment"]
    assert environment["SAGEMAKER_BATCH"] == "true"
    assert (environment["SAGEMAKER_A"], environment["SAGEMAKER_B"]) == ("model", "job")
    assert environment["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "3"
    assert environment["SAGEMAKER_BATCH_STRATEGY"] == "SINGLE_RECORD"
    assert "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS" not in environment


@pytest.mark.parametrize(("strategy", "sizes"), [("SingleRecord", [3, 3, 5]), ("MultiRecord", [13])])
@pytest.mark.parametrize(("assemble", "end"), [("None", b""), ("Line", b"\n")])
def test_lines(aws, echo, strategy, sizes, assemble, end):
    name = start(
        aws,
        echo,
        {"a.csv": b"1,2\n3,4\r\n\n50,60"},
        source={"SplitType": "Line"},
        target={"AssembleWith": assemble},
        BatchStrategy=strategy,
    )
    assert ended(aws, name)["TransformJobStatus"] == "Completed"
    assert requests(aws, name) == sizes
    between = end if strategy == "SingleRecord" else b"\n"
    assert outputs(aws, name) == {"a.csv.out": between.join([b"1,2", b"3,4", b"50,60"]) + end}


def test_a_request_holds_as_many_records_as_its_limit_lets_in(aws, echo):
    line = b"x" * 300_000
    name = start(
        aws,
        echo,
        {"a": b"\n".join([line] * 7)},
        source={"SplitType": "Line"},
        MaxPayloadInMB=1,
        target={"AssembleWith": "Line"},
    )
    ended(aws, name)
    assert requests(aws, name) == [900_002, 900_002, 300_000]
    assert outputs(aws, name) == {"a.out": b"\n".join([line] * 7) + b"\n"}


def framed(payload: bytes) -> bytes:
    """A TFRecord; its checksums are not looked at on the way."""
    return struct.pack("<QI", len(payload), 1) + payload + struct.pack("<I", 2)


@pytest.mark.parametrize(("split", "frame"), [("RecordIO", recordio.frame), ("TFRecord", framed)])
@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_binary_records_keep_their_frames_only_among_others(aws, echo, transform, split, frame, strategy):
    payloads = [b"one", b"", b"three\n"]
    content = b"".join(map(frame, payloads))
    found, stored = transform(echo, {"a": content}, source={"SplitType": split}, BatchStrategy=strategy)
    assert found["TransformJobStatus"] == "Completed"
    assert stored == {"a.out": content if strategy == "MultiRecord" else b"".join(payloads)}


def test_gzip_is_undone_on_the_way(aws, echo, transform):
    found, stored = transform(
        echo, {"a.csv.gz": gzip.compress(b"1\n2\n")}, source={"CompressionType": "Gzip", "SplitType": "Line"}
    )
    assert stored == {"a.csv.gz.out": b"1\n2"}
    found, stored = transform(echo, {"b": b"no gzip"}, source={"CompressionType": "Gzip"})
    assert found["TransformJobStatus"] == "Failed" and "the object is not a valid gzip file" in found["FailureReason"]


def test_an_object_without_records_has_an_empty_output(echo, transform):
    found, stored = transform(echo, {"a": b"\n\n", "b": b"x"}, source={"SplitType": "Line"})
    assert found["TransformJobStatus"] == "Completed"
    assert stored == {"a.out": b"", "b.out": b"x"}


def test_several_requests_are_on_their_way_at_once_and_their_answers_stay_in_order(aws):
    model = aws.model(environment={"ANSWER": "echo", "SLEEP_S": "0.05"})
    records = b"".join(b"%d\n" % number for number in range(40))
    files = {"a": records, "b": b"b\n", "c": records}
    name = start(
        aws,
        model,
        files,
        source={"SplitType": "Line"},
        target={"AssembleWith": "Line"},
        BatchStrategy="SingleRecord",
        MaxConcurrentTransforms=8,
    )
    ended(aws, name)
    assert outputs(aws, name) == {f"{name}.out": content for name, content in files.items()}
    most = max(int(line.split()[-1]) for line in messages(aws, name) if line.startswith("in flight"))
    assert 4 <= most <= 8


def test_the_container_proposes_and_the_job_decides(aws):
    proposal = {"MaxConcurrentTransforms": 3, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 2}
    model = aws.model(environment={"ANSWER": "echo", "EXECUTION_PARAMETERS": json.dumps(proposal)})
    name = start(aws, model, {"a": b"1\n2"}, source={"SplitType": "Line"}, MaxPayloadInMB=5)
    ended(aws, name)
    plan = "[sagemaker logs]: MaxConcurrentTransforms=3, MaxPayloadInMB=5, BatchStrategy=SINGLE_RECORD"
    assert plan in messages(aws, name)
    assert requests(aws, name) == [1, 1]


@pytest.mark.parametrize("proposal", ["no JSON", "[]", '{"MaxConcurrentTransforms": "many", "BatchStrategy": 7}'])
def test_a_proposal_that_is_none_is_passed_over(aws, proposal):
    model = aws.model(environment={"ANSWER": "echo", "EXECUTION_PARAMETERS": proposal})
    name = start(aws, model, {"a": b"1"})
    assert ended(aws, name)["TransformJobStatus"] == "Completed"
    plan = "[sagemaker logs]: MaxConcurrentTransforms=1, MaxPayloadInMB=6, BatchStrategy=MULTI_RECORD"
    assert plan in messages(aws, name)


def test_a_model_that_holds_several_transforms_nothing(aws):
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/models/", "Mode": "MultiModel"}
    aws.sagemaker.create_model(ModelName="several", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    assert (
        rejection(aws, "several")
        == "Model several has a multi-model container, which batch transform does not support."
    )


def test_without_a_limit_an_object_is_streamed(aws, echo):
    content = bytes(range(256)) * 8_000
    name = start(aws, echo, {"a": content}, MaxPayloadInMB=0)
    assert ended(aws, name)["TransformJobStatus"] == "Completed"
    assert "in chunks" in messages(aws, name)
    assert outputs(aws, name) == {"a.out": content}
    whole = {"MaxPayloadInMB": 0, "DataProcessing": {"InputFilter": "$[1]"}}
    name = start(aws, echo, {"a": b"1,2"}, source={"ContentType": "text/csv"}, **whole)
    assert "MaxPayloadInMB 0 sends each object as a whole" in ended(aws, name)["FailureReason"]


def test_streamed_answers_that_are_rejected_leave_no_output(aws, echo, transform):
    found, stored = transform(echo, {"a": b"bad", "b": b"2"}, MaxPayloadInMB=0, MaxConcurrentTransforms=2)
    assert "the container answered 415: do not like it" in found["FailureReason"]
    assert stored == {"b.out": b"2"}


def test_instances_share_the_objects(aws):
    files = {f"part-{number}": b"x" for number in range(5)}
    model = aws.model()
    name = start(aws, model, files, instances=2)
    assert ended(aws, name)["TransformJobStatus"] == "Completed"
    processes = [json.loads(answer)["pid"] for answer in outputs(aws, name).values()]
    assert len(processes) == 5 and sorted(processes.count(pid) for pid in set(processes)) == [2, 3]
    streams = aws.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]
    assert len(streams) == 2


def test_a_manifest_names_the_objects(aws, echo, transform):
    manifest = json.dumps([{"prefix": "s3://bucket/listed/"}, "one.csv", "sub/two.csv"]).encode()
    aws.upload("listed", **{"one.csv": b"1", "sub/two.csv": b"2", "three.csv": b"3", "my.manifest": manifest})
    data = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://bucket/listed/my.manifest"}}
    _, stored = transform(echo, {}, source={"DataSource": data})
    assert stored == {"one.csv.out": b"1", "sub/two.csv.out": b"2"}


def test_a_bad_record_fails_the_job_and_spares_the_other_objects(aws, echo):
    files = {"a": b"1\nbad\n3", "b": b"4\n5", "c": b"bad"}
    name = start(aws, echo, files, source={"SplitType": "Line"}, BatchStrategy="SingleRecord")
    found = ended(aws, name)
    assert found["TransformJobStatus"] == "Failed"
    assert found["FailureReason"] == (
        f"ClientError: bucket/in/{name}/a: the container answered 415: do not like it "
        "(record 2, from byte 2 of the object) 1 more objects failed. See job logs for more information."
    )
    assert outputs(aws, name) == {"b.out": b"45"}
    told = [line.partition(":[sagemaker logs]: ")[2] for line in messages(aws, name, "data-log")]
    message = ("ClientError: 415", "", "Message:", "do not like it (record 2, from byte 2 of the object)")
    assert told[:4] == [f"bucket/in/{name}/a: {line}" for line in message]


def test_records_beyond_the_limit_and_frames_cut_short_are_the_callers_mistake(aws, echo, transform):
    big = b"x" * (1 << 20)
    found, _ = transform(echo, {"a": big + b"x"}, MaxPayloadInMB=1)
    assert "ClientError: " in found["FailureReason"]
    assert "Too much data for max payload size: the object has 1048577 bytes or more" in found["FailureReason"]
    found, stored = transform(echo, {"a": big}, MaxPayloadInMB=1)
    assert stored == {"a.out": big}
    found, _ = transform(echo, {"a": b"1\n" + big + b"x\n"}, source={"SplitType": "Line"}, MaxPayloadInMB=1)
    assert "max payload size: line 2 has" in found["FailureReason"]
    found, _ = transform(echo, {"a": recordio.frame(b"abcd")[:-1]}, source={"SplitType": "RecordIO"})
    assert "row 1: the stream ends inside the record" in found["FailureReason"]
    found, _ = transform(echo, {"a": framed(b"abcd")[:-1]}, source={"SplitType": "TFRecord"})
    assert "record 1: the object ends inside it" in found["FailureReason"]


def test_a_container_that_dies_is_asked_again_and_then_given_up(aws, echo, transform):
    found, _ = transform(echo, {"a": b"die"}, ModelClientConfig={"InvocationsMaxRetries": 1})
    assert found["TransformJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("AlgorithmError: bucket/in/")
    assert "The container closed the connection or is being restarted" in found["FailureReason"]


def test_a_request_has_its_own_time_limit(aws, transform):
    model = aws.model(environment={"SLEEP_S": "3"})
    found, _ = transform(
        model, {"a": b"x"}, ModelClientConfig={"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    )
    assert "no answer within 1 s" in found["FailureReason"]


@pytest.mark.parametrize(
    ("environment", "files", "reason"),
    [
        ({"CRASH": "1"}, {"a": b"x"}, "AlgorithmError: The primary container did not pass the ping health check."),
        ({}, {}, "ClientError: Data download failed:No S3 objects found under S3 URL"),
    ],
)
def test_what_cannot_begin_fails_with_its_reason(aws, transform, environment, files, reason):
    found, _ = transform(aws.model(environment=environment), files)
    assert found["TransformJobStatus"] == "Failed" and found["FailureReason"].startswith(reason)


def test_a_job_is_stopped(aws):
    model = aws.model(environment={"SLEEP_S": "0.2", "ANSWER": "echo"})
    name = start(aws, model, {"a": b"x\n" * 1000}, source={"SplitType": "Line"}, BatchStrategy="SingleRecord")
    aws.until(
        lambda: requests(aws, name) if aws.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"] else [], bool
    )
    aws.sagemaker.stop_transform_job(TransformJobName=name)
    assert ended(aws, name)["TransformJobStatus"] == "Stopped"
    assert outputs(aws, name) == {}
    with pytest.raises(ClientError, match="is in status Stopped"):
        aws.sagemaker.stop_transform_job(TransformJobName=name)


JOB = {
    "source": {"ContentType": "text/csv", "SplitType": "Line"},
    "target": {"Accept": "text/csv", "AssembleWith": "Line"},
}


def test_filters_and_join_of_csv(aws, echo, transform):
    found, stored = transform(
        echo,
        {"a.csv": b'id1,1,2\n"id,2",3,4\n'},
        **JOB,
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    )
    assert stored == {"a.csv.out": b'id1,2\n"id,2",4\n'}, found
    assert found["DataProcessing"] == {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}


def test_join_of_json_lines_of_which_one_is_not_an_object(aws, echo, transform):
    _, stored = transform(
        echo,
        {"a": b'{"id": 7, "features": [1, 2]}\n[3]\n'},
        source={"ContentType": "application/jsonlines", "SplitType": "Line"},
        target={"Accept": "application/jsonlines", "AssembleWith": "Line"},
        DataProcessing={"JoinSource": "Input"},
    )
    assert [json.loads(line) for line in stored["a.out"].splitlines()] == [
        {"id": 7, "features": [1, 2], "SageMakerOutput": {"id": 7, "features": [1, 2]}},
        {"SageMakerInput": [3], "SageMakerOutput": [3]},
    ]


def test_answers_that_are_no_pairs_of_the_records_fail(aws, transform):
    model = aws.model()  # one JSON document, however many records
    found, _ = transform(
        model,
        {"a": b"{}\n{}"},
        source={"ContentType": "application/jsonlines", "SplitType": "Line"},
        DataProcessing={"JoinSource": "Input"},
    )
    assert "2 records were sent, but the answer has 1, so they cannot be joined" in found["FailureReason"]


def test_a_record_that_a_filter_finds_nothing_in_is_named(echo, transform):
    found, stored = transform(echo, {"a": b"1,2\n3\n"}, **JOB, DataProcessing={"InputFilter": "$[1]"})
    assert (
        'record 2 (at byte 4 of the object): the filter $[1] selects nothing of ["3"]' in found["FailureReason"]
        and stored == {}
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"DataProcessing": {"InputFilter": "$["}}, "DataProcessing: got '$[', expected a JSONPath"),
        ({"DataProcessing": {"OutputFilter": "$..a"}}, "SageMaker does not support other parts"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "TransformInput.ContentType is not given"),
        (
            {"DataProcessing": {"JoinSource": "Input"}, **JOB, "target": {"Accept": "application/json"}},
            "got application/json",
        ),
        (
            {"DataProcessing": {"OutputFilter": "$[0]"}, "target": {"Accept": "image/png"}},
            "TransformOutput.Accept is image/png",
        ),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB: got 101, expected at most 100."),
        ({"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 3}, "got 3 * 50 MB, expected at most 100 MB"),
        ({"target": {"S3OutputPath": "s3://nowhere-else/x"}}, "the bucket nowhere-else does not exist"),
        ({"DataCaptureConfig": {"DestinationS3Uri": "s3://bucket/x"}}, "DataCaptureConfig is not implemented"),
        ({"BatchStrategy": "AllRecords"}, "Member must satisfy enum value set"),
    ],
)
def test_what_would_not_run_as_asked_is_rejected(aws, echo, fields, message):
    assert message in rejection(aws, echo, **fields)


def test_names_lists_waiter_and_tags(aws, echo):
    name = start(aws, echo, {"a": b"x"}, Tags=[{"Key": "k", "Value": "v"}])
    aws.sagemaker.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName=name, WaiterConfig=QUICK)
    with pytest.raises(ClientError) as caught:
        start_again = {**_request(aws, name), "TransformJobName": name}
        aws.sagemaker.create_transform_job(**start_again)
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"
    found = aws.sagemaker.list_transform_jobs(NameContains=name, StatusEquals="Completed")["TransformJobSummaries"]
    assert [job["TransformJobName"] for job in found] == [name]
    arn = found[0]["TransformJobArn"]
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    with pytest.raises(ClientError) as caught:
        aws.sagemaker.describe_transform_job(TransformJobName="nobody")
    assert caught.value.response["Error"]["Message"] == 'Could not find requested job with name: "nobody".'


def _request(aws, name: str) -> dict:
    found = aws.sagemaker.describe_transform_job(TransformJobName=name)
    fields = ("TransformJobName", "ModelName", "TransformInput", "TransformOutput", "TransformResources")
    return {field: found[field] for field in fields}


def test_a_killed_server_leaves_no_job_in_progress(start_aws, tmp_path):
    first = start_aws(tmp_path / "data")
    name = start(first, first.model(environment={"SLEEP_S": "60"}), {"a": b"x"})
    first.until(
        lambda: first.sagemaker.describe_transform_job(TransformJobName=name),
        lambda found: "TransformStartTime" in found,
    )
    first.stop()
    second = start_aws(tmp_path / "data")
    found = second.sagemaker.describe_transform_job(TransformJobName=name)
    assert found["TransformJobStatus"] == "Failed"
    assert found["FailureReason"].startswith("InternalServerError: the local SageMaker stopped")


def test_a_job_that_waits_for_its_turn_begins_when_its_server_is_back(start_aws, tmp_path):
    first = start_aws(tmp_path / "data", "0", "process", "1")
    model = first.model()
    first.train(sleep_s="60")
    name = start(first, model, {"a": b"x"})
    first.stop()
    second = start_aws(tmp_path / "data", "0", "process", "1")
    assert ended(second, name)["TransformJobStatus"] == "Completed"
