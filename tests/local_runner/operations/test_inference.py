"""Pipelines, multi-model endpoints, weights, streams and asynchronous inference as boto3 sees them."""

import hashlib
import io
import json
import tarfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from wildsage.local_runner.operations.request_slots import SLOTS
from wildsage.local_runner.operations.sagemaker_runtime.invoke import TOO_MANY

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
MORE = 16


def archive(name: str) -> bytes:
    """A model of the stand-in."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        member = tarfile.TarInfo("name")
        member.size = len(name)
        tar.addfile(member, io.BytesIO(name.encode()))
    return body.getvalue()


def container(uri: str, **fields) -> dict:
    return {"Image": IMAGE, "ModelDataUrl": uri, **fields}


def create(aws, **fields) -> str:
    name = aws.name("made")
    aws.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, **fields)
    return name


def configure(aws, variants: list[dict], **fields) -> str:
    name = aws.name("config")
    made = [
        {"VariantName": f"v{number}", "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge", **variant}
        for number, variant in enumerate(variants)
    ]
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=made, **fields)
    return name


def rejection(call, **request) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def prefix(aws) -> str:
    """Two models of the stand-in, and one that it cannot load, below one prefix."""
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w:gz").close()
    return aws.upload(
        "models", **{"a.tar.gz": archive("A"), "sub/b.tar.gz": archive("B"), "c.tar.gz": empty.getvalue()}
    )


# Pipelines


@pytest.fixture(scope="module")
def stages(aws, prefix) -> list[dict]:
    environment = {"ANSWER": "append"}
    return [
        container(f"{prefix}/a.tar.gz", Environment=environment, ContainerHostname="first"),
        container(f"{prefix}/sub/b.tar.gz", Environment=environment, ContainerHostname="second"),
    ]


def test_in_a_pipeline_each_container_answers_the_one_before(aws, stages):
    model = create(aws, Containers=stages)
    described = aws.sagemaker.describe_model(ModelName=model)["Containers"]
    assert [one["ContainerHostname"] for one in described] == ["first", "second"]
    name = aws.deploy(configure(aws, [{"ModelName": model}]))
    answer = aws.runtime.invoke_endpoint(EndpointName=name, Body=b"x", Accept="text/csv")
    assert answer["Body"].read() == b"x>A:any>B:text/csv"
    with pytest.raises(aws.runtime.exceptions.ModelError, match="from first with message"):
        aws.runtime.invoke_endpoint(EndpointName=name, Body=b"bad")
    assert "is for models whose InferenceExecutionConfig" in rejection(
        aws.runtime.invoke_endpoint, EndpointName=name, Body=b"x", TargetContainerHostname="first"
    )
    streams = aws.logs.describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["v0/instance-1/first", "v0/instance-1/second"]
    deployed = aws.sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"][0]["DeployedImages"]
    assert len(deployed) == 2


def test_direct_containers_are_asked_one_by_one(aws, stages):
    model = create(aws, Containers=stages, InferenceExecutionConfig={"Mode": "Direct"})
    name = aws.deploy(configure(aws, [{"ModelName": model}]))
    answer = aws.runtime.invoke_endpoint(EndpointName=name, Body=b"x", TargetContainerHostname="second")
    assert answer["Body"].read() == b"x>B:any"
    message = rejection(aws.runtime.invoke_endpoint, EndpointName=name, Body=b"x", TargetContainerHostname="third")
    assert message == "TargetContainerHostname: got third, expected one of first, second."


def test_a_pipeline_transforms_a_batch(aws, stages):
    model = create(aws, Containers=stages)
    data = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": aws.upload("stages", a=b"x")}}
    name = aws.name("staged")
    aws.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={"DataSource": data},
        TransformOutput={"S3OutputPath": f"s3://bucket/{name}"},
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    )
    aws.until(
        lambda: aws.sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"],
        lambda status: status == "Completed",
    )
    assert aws.s3.get_object(Bucket="bucket", Key=f"{name}/a.out")["Body"].read() == b"x>A:any>B:any"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "either PrimaryContainer or Containers, got neither"),
        (
            {"PrimaryContainer": {"Image": IMAGE}, "Containers": [{"Image": IMAGE}]},
            "got PrimaryContainer and Containers",
        ),
        ({"Containers": [{"Image": IMAGE, "ContainerHostname": "a"}] * 2}, "ContainerHostname must be unique"),
        (
            {"Containers": [{"Image": IMAGE}] * 2, "InferenceExecutionConfig": {"Mode": "Direct"}},
            "needs a ContainerHostname for every container",
        ),
        ({"PrimaryContainer": {"Image": IMAGE, "Mode": "MultiModel"}}, "Mode MultiModel needs a ModelDataUrl"),
    ],
)
def test_models_that_could_not_serve_are_rejected(aws, fields, message):
    assert message in rejection(aws.sagemaker.create_model, ModelName="never", ExecutionRoleArn=ROLE, **fields)


def test_a_model_may_lie_in_s3_as_plain_files(aws):
    source = {"S3Uri": aws.upload("plain", name=b"plain") + "/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    model = create(aws, PrimaryContainer={"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}})
    assert aws.invoke(aws.deploy(configure(aws, [{"ModelName": model}])))["name"] == "plain"
    for wrong, message in (
        ({"S3Uri": "s3://bucket/none/"}, "No object has this prefix"),
        ({"CompressionType": "Gzip"}, "S3Prefix with None"),
    ):
        container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": {**source, **wrong}}}
        assert message in rejection(aws.sagemaker.create_model, ModelName="never", PrimaryContainer=container)


# Multi-model endpoints


@pytest.fixture(scope="module")
def multi_model(aws, prefix) -> str:
    environment = {"MODELS_AT_ONCE": "1"}
    model = create(aws, PrimaryContainer=container(prefix, Mode="MultiModel", Environment=environment))
    return aws.deploy(configure(aws, [{"ModelName": model}]))


def test_models_are_loaded_at_their_first_request_and_make_room_for_others(aws, multi_model):
    assert aws.invoke(multi_model, TargetModel="a.tar.gz")["name"] == "A"
    assert aws.invoke(multi_model, TargetModel="a.tar.gz")["name"] == "A"
    assert aws.invoke(multi_model, TargetModel="sub/b.tar.gz")["name"] == "B"
    assert aws.invoke(multi_model, TargetModel="/sub/b.tar.gz")["name"] == "B"
    assert aws.invoke(multi_model, TargetModel="a.tar.gz")["name"] == "A"
    group = f"/aws/sagemaker/Endpoints/{multi_model}"
    a, b = (hashlib.sha256(key.encode()).hexdigest()[:32] for key in ("a.tar.gz", "sub/b.tar.gz"))
    wanted = [f"loaded {a}", f"unloaded {a}", f"loaded {b}", f"unloaded {b}", f"loaded {a}"]

    def lines():
        events = aws.logs.filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events if "loaded" in event["message"]]

    aws.until(lines, lambda found: found == wanted)


def test_models_without_a_cache_are_unloaded_after_their_last_request(aws, prefix):
    given = container(
        prefix, Mode="MultiModel", MultiModelConfig={"ModelCacheSetting": "Disabled"}, Environment={"SLEEP_S": "0.2"}
    )
    endpoint = aws.deploy(configure(aws, [{"ModelName": create(aws, PrimaryContainer=given)}]))
    with ThreadPoolExecutor(4) as pool:
        together = [pool.submit(aws.invoke, endpoint, TargetModel="a.tar.gz") for _ in range(8)]
        assert {one.result()["name"] for one in together} == {"A"}
    assert aws.invoke(endpoint, TargetModel="a.tar.gz")["name"] == "A"
    assert aws.invoke(endpoint, TargetModel="sub/b.tar.gz")["name"] == "B"
    assert aws.invoke(endpoint, TargetModel="a.tar.gz")["name"] == "A"
    a, b = (hashlib.sha256(key.encode()).hexdigest()[:32] for key in ("a.tar.gz", "sub/b.tar.gz"))

    def counts() -> list[int]:
        events = aws.logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{endpoint}")["events"]
        lines = [event["message"] for event in events]
        return [sum(line == f"{act} {name}" for line in lines) for name in (a, b) for act in ("loaded", "unloaded")]

    aws.until(counts, lambda found: found[0] == found[1] >= 3 and found[2:] == [1, 1])
    (folder,) = [place for place in aws.region.endpoints.rglob("models") if endpoint in place.parts]
    assert list(folder.iterdir()) == []


def test_a_model_may_come_later_and_must_be_there_then(aws, multi_model):
    message = rejection(aws.runtime.invoke_endpoint, EndpointName=multi_model, Body=b"x", TargetModel="late.tar.gz")
    assert message.startswith("Failed to download model data for TargetModel late.tar.gz.")
    folder = hashlib.sha256(b"late.tar.gz").hexdigest()[:32]
    assert list(aws.region.endpoints.rglob(f"{folder}*")) == []
    aws.upload("models", **{"late.tar.gz": archive("late")})
    assert aws.invoke(multi_model, TargetModel="late.tar.gz")["name"] == "late"


def test_a_model_that_the_container_cannot_load_is_a_model_error(aws, multi_model):
    with pytest.raises(aws.runtime.exceptions.ModelError) as caught:
        aws.invoke(multi_model, TargetModel="c.tar.gz")
    found = caught.value.response
    assert (found["OriginalStatusCode"], found["OriginalMessage"]) == (500, "cannot load it")
    assert aws.invoke(multi_model, TargetModel="a.tar.gz")["name"] == "A"


def test_a_container_that_starts_again_loads_its_models_again(aws, multi_model):
    first = aws.invoke(multi_model, TargetModel="a.tar.gz")["pid"]
    with pytest.raises(aws.runtime.exceptions.ModelError):
        aws.invoke(multi_model, b"die", TargetModel="a.tar.gz")

    def pid():
        try:
            return aws.invoke(multi_model, TargetModel="a.tar.gz")["pid"]
        except aws.runtime.exceptions.ModelError:
            return None

    aws.until(pid, lambda found: found not in (None, first))


def test_target_model_goes_with_multi_model_endpoints_alone(aws, multi_model):
    assert "needs TargetModel" in rejection(aws.runtime.invoke_endpoint, EndpointName=multi_model, Body=b"x")
    single = aws.deploy(aws.config(aws.model()))
    message = rejection(aws.runtime.invoke_endpoint, EndpointName=single, Body=b"x", TargetModel="a.tar.gz")
    assert message.startswith("TargetModel is for multi-model endpoints")


# Variants


def shown(aws, endpoint: str) -> list[tuple]:
    variants = aws.settled(endpoint)["ProductionVariants"]
    return [(one["VariantName"], one["CurrentWeight"], one["CurrentInstanceCount"]) for one in variants]


def test_weights_share_the_requests_and_change_while_the_endpoint_serves(aws):
    models = [
        {"ModelName": aws.model(name=name), "InitialVariantWeight": weight} for name, weight in (("x", 0), ("y", 3))
    ]
    name = aws.deploy(configure(aws, models))
    assert {aws.invoke(name)["name"] for _ in range(20)} == {"y"}
    assert aws.invoke(name, TargetVariant="v0")["name"] == "x"
    before = aws.invoke(name, TargetVariant="v0")["pid"]
    update = aws.sagemaker.update_endpoint_weights_and_capacities
    update(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "v0", "DesiredWeight": 1, "DesiredInstanceCount": 2},
            {"VariantName": "v1", "DesiredWeight": 0},
        ],
    )
    assert shown(aws, name) == [("v0", 1.0, 2), ("v1", 0.0, 1)]
    pids = Counter(aws.invoke(name)["pid"] for _ in range(60))
    assert len(pids) == 2 and before in pids and min(pids.values()) > 10
    update(EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "v0", "DesiredInstanceCount": 1}])
    assert shown(aws, name) == [("v0", 1.0, 1), ("v1", 0.0, 1)]
    assert {aws.invoke(name)["pid"] for _ in range(10)} == {before}
    message = rejection(update, EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "other"}])
    assert message == f"Endpoint {name} has no variant other; it has v0, v1."


def test_an_update_may_keep_weights_and_instances(aws):
    model = aws.model()
    name = aws.deploy(configure(aws, [{"ModelName": model}, {"ModelName": model}]))
    wanted = [{"VariantName": "v0", "DesiredWeight": 5, "DesiredInstanceCount": 2}]
    aws.sagemaker.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=wanted)
    assert shown(aws, name)[0] == ("v0", 5.0, 2)
    other = configure(aws, [{"ModelName": model, "InitialVariantWeight": 2}])
    aws.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=other,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
    )
    assert shown(aws, name) == [("v0", 2.0, 2)]


def test_no_request_is_lost_in_an_update(aws):
    """Two clients ask without a pause, with answers that take a while, until the new containers answer both."""
    slow = {"SLEEP_S": "0.05"}
    old, new = (aws.config(aws.model(environment=slow, name=name)) for name in ("old", "new"))
    endpoint = aws.deploy(old)
    answers: list[str] = []
    late: list[str] = []  # of requests that were sent when the new containers had answered one
    over = threading.Event()

    def hammer() -> None:
        client = aws.client("sagemaker-runtime")
        while not over.is_set():
            is_late = "new" in answers
            try:
                answer = json.loads(client.invoke_endpoint(EndpointName=endpoint, Body=b"1")["Body"].read())["name"]
            except Exception as error:
                answer = repr(error)
            answers.append(answer)
            late.extend([answer] * is_late)

    clients = [threading.Thread(target=hammer) for _ in range(2)]
    for client in clients:
        client.start()
    aws.until(lambda: answers.count("old"), lambda count: count > 10)
    aws.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=new)
    aws.until(lambda: answers.count("new"), lambda count: count > 20)
    aws.settled(endpoint)
    over.set()
    for client in clients:
        client.join()
    assert set(answers) == {"old", "new"} and set(late) == {"new"}


def test_an_inference_id_reaches_the_container(aws):
    name = aws.deploy(aws.config(aws.model()))
    assert aws.invoke(name, InferenceId="seven")["inference_id"] == "seven"


# Streams


@pytest.fixture(scope="module")
def endpoint(aws) -> str:
    return aws.deploy(aws.config(aws.model()))


def test_an_answer_is_streamed_as_it_is_written(aws, endpoint):
    answer = aws.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"stream")
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/plain", "v0")
    events = iter(answer["Body"])
    assert next(events) == {"PayloadPart": {"Bytes": b"first"}}
    aws.invoke(endpoint, b"go")  # the container waits for it
    assert b"".join(event["PayloadPart"]["Bytes"] for event in events) == b"second"


def test_what_was_not_written_in_pieces_arrives_too(aws, endpoint):
    answer = aws.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"x")
    body = b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"])
    assert json.loads(body)["sha256"] == hashlib.sha256(b"x").hexdigest()


def test_a_rejection_comes_before_the_stream_and_a_broken_one_within_it(aws, endpoint):
    with pytest.raises(aws.runtime.exceptions.ModelError, match="do not like it"):
        aws.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"bad")
    events = iter(aws.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"stream break")["Body"])
    assert next(events) == {"PayloadPart": {"Bytes": b"first"}}
    aws.invoke(endpoint, b"go")
    with pytest.raises(EventStreamError, match=r"ModelStreamError.*interrupted its answer"):
        list(events)


# Asynchronous inference


ASYNC = {"OutputConfig": {"S3OutputPath": "s3://bucket/async/out", "S3FailurePath": "s3://bucket/async/failed"}}


@pytest.fixture(scope="module")
def asynchronous(aws) -> str:
    model = aws.model()
    topics = {"NotificationConfig": {"SuccessTopic": "arn:aws:sns:us-east-1:000000000000:done"}}
    config = {"OutputConfig": {**ASYNC["OutputConfig"], **topics}}
    return aws.deploy(configure(aws, [{"ModelName": model}], AsyncInferenceConfig=config))


def arrived(aws, uri: str) -> bytes:
    """An object, once it is there."""

    def look():
        try:
            return aws.s3.get_object(Bucket="bucket", Key=uri.removeprefix("s3://bucket/"))["Body"].read()
        except aws.s3.exceptions.NoSuchKey:
            return None

    return aws.until(look, lambda found: found is not None)


def test_an_answer_comes_to_s3(aws, asynchronous):
    folder = aws.upload("async/in", body=b"x" * 8_000_000)
    answer = aws.runtime.invoke_endpoint_async(
        EndpointName=asynchronous, InputLocation=f"{folder}/body", ContentType="a/b", InferenceId="mine"
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202 and answer["InferenceId"] == "mine"
    seen = json.loads(arrived(aws, answer["OutputLocation"]))
    assert (seen["type"], seen["inference_id"]) == ("a/b", "mine")
    assert seen["sha256"] == hashlib.sha256(b"x" * 8_000_000).hexdigest()
    assert aws.sagemaker.describe_endpoint(EndpointName=asynchronous)["AsyncInferenceConfig"]["OutputConfig"]
    group = f"/aws/sagemaker/Endpoints/{asynchronous}"
    aws.until(
        lambda: [event["message"] for event in aws.logs.filter_log_events(logGroupName=group)["events"]],
        lambda lines: any("Wildsage does not notify SNS topics (arn:aws:sns" in line for line in lines),
    )


def test_a_failure_comes_to_s3_too(aws, asynchronous):
    folder = aws.upload("async/in", bad=b"bad")
    answer = aws.runtime.invoke_endpoint_async(EndpointName=asynchronous, InputLocation=f"{folder}/bad")
    assert b'Received error (415) from primary with message "do not like it"' in arrived(aws, answer["FailureLocation"])
    answer = aws.runtime.invoke_endpoint_async(EndpointName=asynchronous, InputLocation=f"{folder}/nothing")
    assert b"The specified key does not exist" in arrived(aws, answer["FailureLocation"])


def test_an_updated_endpoint_answers_as_many_at_once_as_it_says_now(aws, tmp_path):
    """The stand-in says how many requests it has; it answers none before so many are there."""
    go = tmp_path / "go"
    model = aws.model(environment={"UNTIL": str(go)})
    folder = aws.upload("async/in", body=b"x")

    def config(concurrency: int) -> str:
        limits = {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": concurrency}}
        return configure(aws, [{"ModelName": model}], AsyncInferenceConfig={**ASYNC, **limits})

    def most_in_flight() -> int:
        events = aws.logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
        found = [int(e["message"].split()[-1]) for e in events if e["message"].startswith("in flight: ")]
        return max(found, default=0)

    def most_of(asked: int, at_once: int) -> int:
        go.unlink(missing_ok=True)
        ask = aws.runtime.invoke_endpoint_async
        answers = [ask(EndpointName=name, InputLocation=f"{folder}/body") for _ in range(asked)]
        aws.until(most_in_flight, lambda found: found >= at_once)
        threading.Event().wait(0.5)  # in which no more come
        go.touch()
        for answer in answers:
            arrived(aws, answer["OutputLocation"])
        return most_in_flight()

    name = aws.deploy(config(1))
    assert most_of(2, at_once=1) == 1
    aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config(3))
    aws.settled(name)
    assert most_of(4, at_once=3) == 3


def test_each_kind_of_endpoint_has_its_own_call(aws, asynchronous, endpoint):
    message = rejection(aws.runtime.invoke_endpoint, EndpointName=asynchronous, Body=b"x")
    assert message.endswith("has an AsyncInferenceConfig: it answers InvokeEndpointAsync only.")
    message = rejection(aws.runtime.invoke_endpoint_async, EndpointName=endpoint, InputLocation="s3://bucket/x")
    assert message == f"Endpoint {endpoint} has no AsyncInferenceConfig. Use InvokeEndpoint."
    config = {"OutputConfig": {"S3OutputPath": "s3://no-such-bucket/x"}}
    with pytest.raises(ClientError, match="the bucket no-such-bucket does not exist"):
        configure(aws, [{"ModelName": aws.model()}], AsyncInferenceConfig=config)


# Data capture


def test_requests_and_answers_are_captured(aws):
    config = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    name = aws.deploy(configure(aws, [{"ModelName": aws.model()}], DataCaptureConfig=config))
    assert aws.sagemaker.describe_endpoint(EndpointName=name)["DataCaptureConfig"]["CaptureStatus"] == "Started"
    answer = aws.invoke(name, b"1,2", ContentType="text/csv", InferenceId="seven")
    aws.invoke(name, b"\xff", ContentType="image/png")

    def lines() -> list[dict]:
        prefix = f"captured/{name}/v0/"
        keys = [one["Key"] for one in aws.s3.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])]
        bodies = [aws.s3.get_object(Bucket="bucket", Key=key)["Body"].read() for key in sorted(keys)]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    first, second = aws.until(lines, lambda found: len(found) == 2)
    captured = first["captureData"]
    sent = {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2", "encoding": "CSV"}
    assert captured["endpointInput"] == sent
    assert (json.loads(captured["endpointOutput"]["data"]), captured["endpointOutput"]["encoding"]) == (answer, "JSON")
    assert first["eventMetadata"]["inferenceId"] == "seven" and first["eventVersion"] == "0"
    assert second["captureData"]["endpointInput"]["data"] == "/w=="


def test_what_waits_for_an_answer_survives_a_restart(start_aws, tmp_path):
    first = start_aws(tmp_path / "data")
    model = first.model(environment={"SLEEP_S": "5"})
    name = first.deploy(configure(first, [{"ModelName": model}], AsyncInferenceConfig=ASYNC))
    folder = first.upload("async/in", body=b"x")
    answer = first.runtime.invoke_endpoint_async(EndpointName=name, InputLocation=f"{folder}/body")
    first.stop()
    second = start_aws(tmp_path / "data")
    assert json.loads(arrived(second, answer["OutputLocation"]))["name"] == "stand-in"


# Concurrent work


def test_slow_answers_leave_threads_for_everybody_else(aws, tmp_path):
    go = tmp_path / "go"
    name = aws.deploy(aws.config(aws.model({"UNTIL": str(go)})))
    once = Config(retries={"total_max_attempts": 1}, max_pool_connections=SLOTS + MORE)
    runtime = aws.session.client("sagemaker-runtime", endpoint_url=aws.endpoint, config=once)

    def code() -> str:
        try:
            runtime.invoke_endpoint(EndpointName=name, Body=b"x")
        except ClientError as error:
            assert TOO_MANY in str(error)
            return error.response["Error"]["Code"]
        return ""

    with ThreadPoolExecutor(SLOTS + MORE) as pool, ExitStack() as answering:
        answering.callback(go.touch)
        asked = [pool.submit(code) for _ in range(SLOTS + MORE)]
        rejected = next(as_completed(asked))
        assert aws.sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService"
        assert sum(not each.done() for each in asked) >= SLOTS
        assert rejected.result() == "ServiceUnavailable"
    codes = Counter(each.result() for each in asked)
    assert set(codes) == {"", "ServiceUnavailable"}
    assert codes[""] >= SLOTS


# Serverless


def test_a_serverless_endpoint_answers_as_many_requests_at_a_time_as_it_says(aws):
    name = aws.name("config")
    variant = {"VariantName": "v0", "ModelName": aws.model(name="m")}
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "ServerlessConfig": serverless}]
    )
    assert (
        "ServerlessConfig" in aws.sagemaker.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"][0]
    )
    endpoint = aws.deploy(name)
    (shown_variant,) = aws.sagemaker.describe_endpoint(EndpointName=endpoint)["ProductionVariants"]
    assert (shown_variant["CurrentServerlessConfig"], shown_variant["CurrentInstanceCount"]) == (serverless, 0)
    assert aws.invoke(endpoint)["name"] == "m"

    stream = aws.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"stream")["Body"]
    events = iter(stream)
    assert next(events)["PayloadPart"]["Bytes"] == b"first"
    with pytest.raises(ClientError, match="Rate exceeded") as caught:
        aws.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"1,2")
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ThrottlingException", 429)

    update = aws.sagemaker.update_endpoint_weights_and_capacities
    wrong = [{"VariantName": "v0", "DesiredInstanceCount": 2}]
    assert "is serverless" in rejection(update, EndpointName=endpoint, DesiredWeightsAndCapacities=wrong)
    more = [{"VariantName": "v0", "ServerlessUpdateConfig": {"MaxConcurrency": 2}}]
    update(EndpointName=endpoint, DesiredWeightsAndCapacities=more)
    aws.settled(endpoint)
    assert aws.invoke(endpoint, b"go")["name"] == "m"
    assert next(events)["PayloadPart"]["Bytes"] == b"second"
    assert list(events) == []
    assert aws.invoke(endpoint)["name"] == "m"
