"""Jobs and endpoints in containers: a stranger's image, which keeps the contract, and ours."""

from __future__ import annotations

import io
import ipaddress
import json
import signal
import socket
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3
from botocore.exceptions import ClientError

from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Launch
from wildsage.local_runner.backends.docker import DockerBackend, Limits
from wildsage.local_runner.jobs.tuning import hyperparameter_check

WITHIN_S = 240
FOREIGN = Path(__file__).parent / "foreign"
KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/WildsageRole"
ROWS = b"".join(b"%d,%d\n" % (x, y) for x in range(10) for y in range(10))


@pytest.fixture(scope="module")
def foreign(engine):
    """Tag of an image that was not built by us."""
    tag = "wildsage-test/foreign:latest"
    engine.images.build(path=str(FOREIGN), tag=tag, rm=True, forcerm=True)
    return tag


@pytest.fixture(scope="module")
def docker_aws(engine, aws_class, tmp_path_factory):
    server = aws_class.start(tmp_path_factory.mktemp("docker-aws"), "0", "docker")
    yield server
    server.stop()
    assert left(engine, server.data) == []


def left(engine, data: Path) -> list:
    """Containers and networks of a data folder."""
    ours = {"label": f"wildsage.data={data.resolve()}"}
    return [*engine.containers.list(all=True, filters=ours, ignore_removed=True), *engine.networks.list(filters=ours)]


def run(image: str, **fields) -> dict:
    return {"AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File", **fields}}


def seen(aws, job: str, host: str = "algo-1") -> dict[str, str]:
    found = aws.finished(job)
    assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
    text = aws.members(found["ModelArtifacts"]["S3ModelArtifacts"])[f"seen-{host}"].decode()
    return dict(line.split("=", 1) for line in text.splitlines())


def endpoint(aws, image: str, model: str | None = None, count: int = 1, **environment: str) -> str:
    name = f"e-{uuid.uuid4().hex[:8]}"
    container = {"Image": image, "Environment": environment, **({"ModelDataUrl": model} if model else {})}
    aws.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": count, "InstanceType": "ml.m5.large"}
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    aws.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert aws.settled(name)["EndpointStatus"] == "InService"
    return name


def test_a_strangers_image_trains_and_serves(docker_aws, foreign, channel, engine):
    aws = docker_aws
    uri = aws.upload("rows", part=ROWS)
    job = aws.train(channel(uri), Environment={"GREETING": "hello"}, **run(foreign))
    about = seen(aws, job)
    assert about | {"args": "train", "greeting": "hello", "job": job, "own": "1", "shm": "1048576k"} == about
    messages = aws.messages(job)
    assert {"called with: train", "counted 100", "an error line"} <= set(messages)
    artifact = aws.finished(job)["ModelArtifacts"]["S3ModelArtifacts"]
    name = endpoint(aws, foreign, artifact, GREETING="again")
    answer = aws.runtime.invoke_endpoint(EndpointName=name, Body=b"abc")["Body"].read().decode()
    assert answer.startswith("count=100 ") and "body=abc greeting=again" in answer
    serving = engine.containers.list(filters={"label": f"wildsage.data={aws.data.resolve()}"})
    assert all(b"called with: serve" in container.logs() for container in serving)
    published = [binding for c in serving for bindings in c.ports.values() for binding in bindings or ()]
    assert published and {binding["HostIp"] for binding in published} == {"127.0.0.1"}
    aws.sagemaker.delete_endpoint(EndpointName=name)
    aws.until(lambda: left(engine, aws.data), lambda found: not found)


def test_a_model_without_data_is_served_by_several_containers_in_turn(docker_aws, foreign):
    aws = docker_aws
    name = endpoint(aws, foreign, count=2)
    answers = [aws.runtime.invoke_endpoint(EndpointName=name, Body=b"")["Body"].read().decode() for _ in range(40)]
    hosts = [answer.split()[1] for answer in answers]
    assert answers[0].startswith("count=none ")
    assert len(set(hosts)) == 2 and min(hosts.count(host) for host in set(hosts)) >= 5
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_entrypoint_and_arguments_of_the_job_replace_the_images(docker_aws, foreign, channel):
    aws = docker_aws
    data = channel(aws.upload("rows", part=ROWS))
    own = aws.train(data, **run(foreign, ContainerArguments=["mine", "two words"]))
    assert seen(aws, own)["args"] == "mine two words"
    shell = ["bash", "-c", 'echo "$@" > /opt/ml/model/said', "shell"]
    other = aws.train(data, **run(foreign, ContainerEntrypoint=shell, ContainerArguments=["a", "b"]))
    assert aws.members(aws.finished(other)["ModelArtifacts"]["S3ModelArtifacts"]) == {"said": b"a b\n"}


def test_hosts_find_each_other_by_name(docker_aws, foreign, channel):
    aws = docker_aws
    data = channel(aws.upload("many", **{f"part-{n}": ROWS for n in range(3)}), distribution="ShardedByS3Key")
    job = aws.train(data, hosts=2, look_for="algo-2", **run(foreign))
    members = aws.members(aws.finished(job)["ModelArtifacts"]["S3ModelArtifacts"])
    assert (members["count-algo-1"], members["count-algo-2"]) == (b"200", b"100")
    peers = [line for line in aws.messages(job) if line.startswith("peer")]
    assert len(peers) == 2 and "peer unknown" not in peers


def test_a_failure_is_reported_in_the_images_words(docker_aws, foreign):
    found = docker_aws.finished(docker_aws.train(fail="no rows", **run(foreign)))
    assert (found["TrainingJobStatus"], found["FailureReason"]) == ("Failed", "AlgorithmError: no rows")


def test_a_command_that_is_not_there_fails_the_job(docker_aws, foreign, engine):
    found = docker_aws.finished(docker_aws.train(**run(foreign, ContainerEntrypoint=["/no/such"])))
    assert found["TrainingJobStatus"] == "Failed" and "/no/such" in found["FailureReason"]


def test_a_stop_reaches_the_container_and_leaves_nothing(docker_aws, foreign, engine, channel):
    aws = docker_aws
    job = aws.train(channel(aws.upload("rows", part=ROWS)), sleep_s="100", **run(foreign))
    aws.until(lambda: aws.messages_so_far(job), lambda lines: "counted 100" in lines)
    aws.sagemaker.stop_training_job(TrainingJobName=job)
    found = aws.finished(job)
    assert found["TrainingJobStatus"] == "Stopped"
    assert aws.members(found["ModelArtifacts"]["S3ModelArtifacts"])["stopped-algo-1"] == b"stopped in time"


def test_a_lost_host_fails_the_job_although_the_other_is_deaf(docker_aws, foreign, engine):
    aws = docker_aws
    job = aws.train(hosts=2, sleep_s="1000", deaf="1", **run(foreign))
    aws.until(lambda: aws.messages_so_far(job), lambda lines: lines.count("counted 0") == 2)
    (lost,) = [c for c in left(engine, aws.data) if c.name.endswith(f"{job}-algo-2")]
    lost.kill()
    killed = time.monotonic()
    found = aws.finished(job)
    assert time.monotonic() - killed < 110, "after SIGTERM it would have 120 s"
    assert found["FailureReason"].startswith("AlgorithmError: algo-2 ended with exit code 137")


def test_a_container_cannot_write_into_the_stored_objects(docker_aws, foreign, channel):
    aws = docker_aws
    job = aws.train(channel(aws.upload("precious", part=ROWS)), spoil="1", **run(foreign))
    assert seen(aws, job)["job"] == job
    assert any("cannot write /opt/ml/input/data/train/part" in line for line in aws.messages(job))
    assert aws.s3.get_object(Bucket="bucket", Key="precious/part")["Body"].read() == ROWS


def test_an_image_that_is_not_there_is_rejected_with_what_to_do(docker_aws):
    with pytest.raises(ClientError, match=r"`docker pull no/such:image` may fetch it"):
        docker_aws.train(**run("no/such:image"))
    with pytest.raises(ClientError, match=r"`docker pull .*ntm:1` may fetch it"):
        docker_aws.train(**run(KMEANS.replace("kmeans", "ntm")))


def test_what_a_killed_runner_left_is_removed_at_the_next_start(start_aws, foreign, engine, tmp_path, docker_aws):
    other = endpoint(docker_aws, foreign)
    killed = start_aws(tmp_path / "killed", "0", "docker")
    job = killed.train(sleep_s="1000", **run(foreign))
    killed.until(lambda: left(engine, killed.data), lambda found: len(found) == 2)
    killed.until(lambda: killed.messages_so_far(job), lambda lines: "counted 0" in lines)
    kill_tree(killed.process.pid)
    assert len(left(engine, killed.data)) == 2
    again = start_aws(tmp_path / "killed", "0", "docker")
    again.until(lambda: left(engine, again.data), lambda found: not found)
    found = again.sagemaker.describe_training_job(TrainingJobName=job)
    assert found["TrainingJobStatus"] == "Failed"
    docker_aws.runtime.invoke_endpoint(EndpointName=other, Body=b"")  # another folder's is left alone
    docker_aws.sagemaker.delete_endpoint(EndpointName=other)


def kill_tree(pid: int) -> None:
    psutil = pytest.importorskip("psutil")
    process = psutil.Process(pid)
    for one in (*process.children(recursive=True), process):
        one.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], timeout=240)


def test_our_image_goes_by_the_official_uri(docker_aws, our_image, channel):
    our_image("kmeans")
    aws = docker_aws
    data = channel(aws.upload("rows", part=ROWS), ContentType="text/csv;label_size=0")
    found = aws.finished(aws.train(data, hosts=2, k="4", feature_dim="2", mini_batch_size="50"))
    assert found["TrainingJobStatus"] == "Completed", found.get("FailureReason")
    name = endpoint(aws, KMEANS, found["ModelArtifacts"]["S3ModelArtifacts"])
    answer = json.load(aws.runtime.invoke_endpoint(EndpointName=name, Body=b"1,2", ContentType="text/csv")["Body"])
    assert set(answer["predictions"][0]) == {"closest_cluster", "distance_to_cluster"}
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_our_image_says_which_hyperparameters_it_takes(engine, our_image, tmp_path):
    our_image("kmeans")
    from wildsage.local_runner.backends.docker import DockerBackend  # an extra

    backend = DockerBackend(tmp_path)
    assert hyperparameter_check.rejection(backend, KMEANS, [("k", "2")], tmp_path / "jobs") is None
    assert hyperparameter_check.rejection(backend, KMEANS, [("kk", "2")], tmp_path / "jobs").endswith("Did you mean k?")
    assert left(engine, tmp_path) == []


# Limits and isolation


@pytest.fixture
def listener():
    """Address of a server of this machine that a container can reach, unless it is cut off."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        yield lambda host: f"{host}:{server.getsockname()[1]}"


@pytest.fixture
def backend(engine, tmp_path):
    found = DockerBackend(tmp_path, Limits("64m"))
    yield found
    found.close()
    assert left(engine, tmp_path) == []


def launch(tmp_path, foreign, host: str = "algo-1", **fields) -> Launch:
    folder = OptML(tmp_path / "jobs" / "job" / host)
    folder.make_folders()
    settings = fields.pop("settings", {})
    TrainingJob(settings, {}, host, ("algo-1", "algo-2")).write(folder)
    lines: list[str] = []
    return Launch(foreign, folder.root, {}, {"TRAINING_JOB_NAME": "job"}, lines.append, host, **fields)


def note(launch: Launch) -> dict[str, str]:
    """What a host wrote of what it saw."""
    text = (OptML(launch.root).model / f"seen-{launch.host}").read_text()
    return dict(line.split("=", 1) for line in text.splitlines())


def test_pretrained_weights_can_be_read_and_not_written(engine, foreign, tmp_path):
    weights = tmp_path / "weights" / "resnet.params"
    weights.parent.mkdir()
    weights.write_text("arrays\n")
    backend = DockerBackend(tmp_path, weights=weights)
    shell = 'cat "$WILDSAGE_PRETRAINED"; (echo more >> "$WILDSAGE_PRETRAINED") 2>/dev/null || echo "cannot write"'
    job = launch(tmp_path, foreign, entrypoint=["sh", "-c"], arguments=[shell])
    lines: list[str] = []
    (container,) = backend.train([replace(job, log=lines.append)])
    assert container.wait(WITHIN_S) == 0
    backend.close()
    assert lines == ["arrays", "cannot write"] and weights.read_text() == "arrays\n"


def test_a_processing_job_without_a_command_runs_what_its_image_runs(backend, engine, tmp_path):
    tag = "wildsage-test/greeting:latest"
    recipe = b'FROM debian:bookworm-slim\nENTRYPOINT ["echo", "hello"]\nCMD ["world"]\n'
    engine.images.build(fileobj=io.BytesIO(recipe), tag=tag, rm=True, forcerm=True)
    assert backend.knows_entrypoint(tag)
    for arguments, expected in (((), "hello world"), (("you",), "hello you")):
        job = launch(tmp_path, tag, arguments=arguments)
        (container,) = backend.train([job])
        assert container.wait(WITHIN_S) == 0
        assert [line.strip() for line in job.log.__self__] == [expected]


def test_a_lack_of_memory_is_told_with_the_limit_and_what_to_raise(backend, foreign, tmp_path):
    (container,) = backend.train([launch(tmp_path, foreign, settings={"eat": "1"})])
    assert container.wait(WITHIN_S) == 137
    assert "its limit of 64 MiB. Raise the limit with `wildsage up --memory`" in container.out_of_memory


def test_a_container_that_is_killed_does_not_lack_memory(backend, foreign, tmp_path):
    (container,) = backend.train([launch(tmp_path, foreign, settings={"sleep_s": "60"})])
    container.kill()
    assert container.wait(WITHIN_S) == 137
    assert container.out_of_memory is None


@pytest.mark.parametrize(("isolated", "reached"), [(False, "yes"), (True, "no")])
def test_an_isolated_job_reaches_its_other_hosts_only(backend, foreign, tmp_path, engine, listener, isolated, reached):
    bridge = engine.networks.get("bridge").attrs["IPAM"]["Config"][0]
    settings = {"reach": listener(address_of_this_machine(bridge)), "look_for": "algo-2"}
    first = launch(tmp_path, foreign, settings=settings, network_isolation=isolated)
    second = launch(tmp_path, foreign, "algo-2", settings={"sleep_s": "2"}, network_isolation=isolated)
    assert [container.wait(WITHIN_S) for container in backend.train([first, second])] == [0, 0]
    assert note(first)["reached"] == reached
    assert any(line.startswith("peer ") and "unknown" not in line for line in first.log.__self__)


def address_of_this_machine(bridge: dict[str, str]) -> str:
    """What containers on a bridge reach this machine by. An engine on its first start names no gateway: it takes the first address."""
    return bridge.get("Gateway") or str(next(ipaddress.ip_network(bridge["Subnet"]).hosts()))


def test_an_isolated_server_answers_from_a_network_that_leads_nowhere(backend, foreign, tmp_path, engine):
    container = backend.serve(launch(tmp_path, foreign, network_isolation=True))
    http = urllib3.PoolManager(timeout=240)
    until_healthy(http, container.url)
    (network,) = engine.networks.list(filters={"label": f"wildsage.data={tmp_path.resolve()}"})
    assert network.attrs["Internal"]
    answer = http.request("POST", f"{container.url}/invocations", body=b"reach 192.0.2.1:80")
    assert "body=reached no" in answer.data.decode()
    container.kill()
    container.wait(WITHIN_S)


def until_healthy(http: urllib3.PoolManager, url: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            return http.request("GET", f"{url}/ping", retries=False) and None
        except urllib3.exceptions.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_server_says_so_when_one_of_its_processes_lacked_memory(backend, foreign, tmp_path):
    container = backend.serve(launch(tmp_path, foreign))
    http = urllib3.PoolManager(timeout=WITHIN_S)
    until_healthy(http, container.url)
    assert container.out_of_memory is None
    with pytest.raises(urllib3.exceptions.HTTPError):
        http.request("POST", f"{container.url}/invocations", body=b"eat", retries=False)
    deadline = time.monotonic() + WITHIN_S
    while container.out_of_memory is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert container.wait(0) is None, "its first process goes on"
    container.kill()
    container.wait(WITHIN_S)
