"""Endpoints without a server: their states, their fleets, and that what is called off is stopped, and nothing else."""

import contextlib
import errno
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.local_runner.jobs.hosting import serving
from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.backends.process import ProcessBackend
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.jobs.hosting.endpoint import (
    KIND,
    EndpointBusy,
    Endpoints,
    Fleet,
    _failure_text,
    deployment_id,
)
from wildsage.local_runner.jobs.hosting.instance import Instance, NotHealthy, TooManyRequests
from wildsage.local_runner.jobs.logs import ENDPOINTS, Logs
from wildsage.local_runner.jobs.queue import CannotBegin
from wildsage.local_runner.jobs.store import TAGS, NotFound, Store
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

CONTAINER = {
    "Name": "primary",
    "Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1",
    "Environment": {"SICK": "1"},
    "Mode": "SingleModel",
}
STAND_IN = Path(__file__).parents[2] / "stand_in.py"
WITHIN_S = 60


class Backend(ProcessBackend):
    """Remembers what it started."""

    def __init__(self, command):
        super().__init__(command)
        self.started = []

    def serve(self, launch):
        self.started.append(super().serve(launch))
        return self.started[-1]


class SlowToGiveUp(Endpoints):
    """The first deployment, called off, is not forgotten before `release` is set."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.release = threading.Event()
        self.first = None

    def _start(self, name, deployment, running=()):
        self.first = self.first or deployment["Id"]
        try:
            return super()._start(name, deployment, running)
        finally:
            if deployment["Id"] == self.first:
                self.release.wait(WITHIN_S)


def until(wanted):
    deadline = time.monotonic() + WITHIN_S
    while not wanted():
        assert time.monotonic() < deadline, f"waited {WITHIN_S} s in vain"
        time.sleep(0.02)


def sick() -> dict:
    """An endpoint that never becomes healthy."""
    variant = {
        "VariantName": "v0",
        "Containers": [CONTAINER],
        "ExecutionMode": "Serial",
        "InstanceCount": 1,
        "Weight": 1.0,
    }
    deployment = {"Id": deployment_id(), "EndpointConfigName": "config", "Variants": [variant]}
    return {"EndpointName": "e", "EndpointArn": "arn", "EndpointConfigName": "config", "Deployment": deployment}


@pytest.fixture
def endpoints(tmp_path):
    store, backend = Store(tmp_path / "state"), Backend((sys.executable, "-S", str(STAND_IN)))
    made = SlowToGiveUp(
        store, Logs(tmp_path / "logs"), ObjectStore(tmp_path / "s3"), backend, tmp_path / "endpoints", "us-east-1"
    )
    yield made, store, backend
    made.release.set()
    made.close()


def test_an_endpoint_made_again_while_its_first_start_is_called_off_can_be_called_off_too(endpoints):
    endpoints, store, backend = endpoints
    of_others = set(threading.enumerate())

    def exists() -> bool:
        try:
            return bool(store.get(KIND.name, "e"))
        except NotFound:
            return False

    def threads() -> int:
        """Threads of this endpoint; another test in this process may have one of the same name."""
        return [thread.name for thread in set(threading.enumerate()) - of_others].count("endpoint e")

    endpoints.create(sick())
    until(lambda: len(backend.started) == 1)
    endpoints.delete("e")
    until(lambda: not exists())
    endpoints.create(sick())
    until(lambda: len(backend.started) == 2)
    endpoints.release.set()
    until(lambda: threads() == 1)
    endpoints.delete("e")
    until(lambda: not exists())
    assert backend.started[1].wait(WITHIN_S) is not None


# With containers in this process


def variant(name: str = "one", count: int = 1, **fields) -> dict:
    container = {"Name": "primary", "Image": CONTAINER["Image"], "Environment": {}, "Mode": "SingleModel"}
    plain = {
        "VariantName": name,
        "Containers": [container],
        "ExecutionMode": "Serial",
        "InstanceCount": count,
        "Weight": 1.0,
    }
    return {**plain, **fields}


def deployment(*variants: dict, **fields) -> dict:
    return {"Id": deployment_id(), "EndpointConfigName": "config", "Variants": list(variants or [variant()]), **fields}


def document(*variants: dict, **fields) -> dict:
    found = deployment(*variants, **fields)
    return {"EndpointName": "e", "EndpointArn": "arn:e", "EndpointConfigName": "config", "Deployment": found}


class Hosting:
    """Endpoints whose containers answer pings; what a test looks at lies beside them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.store, self.logs = folder / "endpoints", Store(folder / "state"), Logs(folder / "logs")
        self.backend = serving.Backend(url)
        self.endpoints = self.again()

    def again(self) -> Endpoints:
        """As after a restart of the server."""
        objects = ObjectStore(self.folder.with_name("s3"))
        return Endpoints(self.store, self.logs, objects, self.backend, self.folder, "us-east-1")

    def described(self) -> dict:
        return self.store.get(KIND.name, "e")

    def until(self, status: str) -> dict:
        until(lambda: self.described()["EndpointStatus"] == status)
        return self.described()

    def running(self) -> int:
        return sum(one.wait(0) is None for one in self.backend.started)

    def gone(self) -> bool:
        with contextlib.suppress(NotFound):
            return not self.described()
        return True


@pytest.fixture
def hosting(tmp_path):
    with serving.healthy_server() as url:
        found = Hosting(tmp_path, url)
        yield found
        found.backend._urls = [url]
        found.endpoints.close()


def test_an_endpoint_is_in_service_when_its_containers_are_healthy_and_describes_its_variants(hosting):
    many, serverless = variant("many", 2, Weight=3.0), variant("less", ServerlessConfig={"MaxConcurrency": 1})
    hosting.endpoints.create(document(many, serverless))
    found = hosting.until("InService")
    first, second = found["ProductionVariants"]
    assert (first["VariantName"], first["CurrentWeight"], first["DesiredWeight"]) == ("many", 3.0, 3.0)
    assert (first["CurrentInstanceCount"], first["DesiredInstanceCount"]) == (2, 2)
    assert first["DeployedImages"][0]["SpecifiedImage"] == CONTAINER["Image"]
    assert (second["CurrentInstanceCount"], second["CurrentServerlessConfig"]) == (0, {"MaxConcurrency": 1})
    assert "DesiredInstanceCount" not in second and "CurrentServerlessConfig" not in first
    assert found["CreationTime"] <= found["LastModifiedTime"] and found["EndpointConfigName"] == "config"
    assert "AsyncInferenceConfig" not in found and "DataCaptureConfig" not in found
    assert hosting.running() == 3
    assert set(hosting.logs.stream_names(f"{ENDPOINTS}/e")) == {"many/instance-1", "many/instance-2", "less/instance-1"}


def test_each_container_of_a_pipeline_has_a_log_of_its_own(hosting):
    containers = [{**variant()["Containers"][0], "Name": name} for name in ("first", "second")]
    hosting.endpoints.create(document(variant(Containers=containers)))
    hosting.until("InService")
    assert hosting.logs.stream_names(f"{ENDPOINTS}/e") == ["one/instance-1/first", "one/instance-1/second"]


def test_a_lease_is_of_the_variant_that_is_asked_for(hosting):
    hosting.endpoints.create(document(variant("one"), variant("two", ExecutionMode="Direct")))
    hosting.until("InService")
    with hosting.endpoints.lease("e", "two") as instance:
        assert instance is not None and instance.variant == "two" and instance.is_direct
        assert instance._leases == 1
    assert instance._leases == 0
    with hosting.endpoints.lease("e", "none") as instance:
        assert instance is None
    with hosting.endpoints.lease("other") as instance:
        assert instance is None


def test_a_lease_of_what_is_being_replaced_is_of_what_replaces_it_and_none_is_left_of_what_is_deleted(hosting):
    class Replaced(Instance):
        def lease(self, most: int | None = None) -> bool:
            hosting.endpoints._fleets.pop("e")
            if after:
                hosting.endpoints._fleets["e"] = Fleet(after, {"one": 1.0}, Path())
            return False

    for after in ([Instance("one", [], {}, False)], []):
        hosting.endpoints._fleets["e"] = Fleet([Replaced("one", [], {}, False)], {"one": 1.0}, Path())
        with hosting.endpoints.lease("e") as found:
            assert found is next(iter(after), None)
    assert hosting.endpoints._fleets == {}


def test_a_container_that_is_replaced_ends_after_the_last_request_that_it_took(hosting):
    hosting.endpoints.create(document())
    hosting.until("InService")
    with hosting.endpoints.lease("e") as instance:
        hosting.endpoints.update("e", deployment(EndpointConfigName="new"))
        until(lambda: hosting.described()["EndpointConfigName"] == "new")
        until(lambda: instance._retired)
        assert hosting.backend.started[0].wait(0.05) is None, "it has a request"
    until(lambda: hosting.backend.started[0].wait(0) is not None)


def test_what_a_deployment_becomes_counts_only_while_it_is_the_pending_one(hosting):
    hosting.endpoints.create(document())
    before = hosting.until("InService")
    other, fleet = deployment(EndpointConfigName="other"), Fleet([], {}, Path())
    for name in ("e", "gone"):
        assert hosting.endpoints._in_service(name, other, fleet) is False
        hosting.endpoints._not_in_service(name, other, "It is too late.")
    assert hosting.described() == before and hosting.endpoints._fleets["e"] is not fleet
    assert "gone" not in hosting.endpoints._fleets


def test_no_container_is_waited_for_by_a_server_that_is_closing(hosting):
    limits = {"ContainerStartupHealthCheckTimeoutInSeconds": 0.1}
    hosting.backend._urls = [serving.NOBODY]
    hosting.endpoints._closing = True
    with pytest.raises(NotHealthy, match=r"The server is closing\."):
        hosting.endpoints._start("e", deployment(variant("one", 2, **limits)))
    assert hosting.running() == 0


def test_a_mistake_of_ours_is_logged_and_one_of_the_callers_is_not(hosting, caplog, monkeypatch):
    missing = {**variant()["Containers"][0], "ModelDataUrl": "s3://bucket/none.tar.gz"}
    hosting.endpoints.create(document(variant(Containers=[missing])))
    hosting.until("Failed")
    assert "endpoint e" not in caplog.text

    def mistake(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(hosting.endpoints, "_instance", mistake)
    hosting.endpoints.update("e", deployment())
    until(lambda: "a mistake" in hosting.described()["FailureReason"])
    assert "endpoint e" in caplog.text and "RuntimeError: a mistake" in caplog.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (S3Error("NoSuchKey", "It is gone."), "Could not find model data: It is gone."),
        (NotHealthy("It is sick."), "It is sick. Please check CloudWatch logs for this endpoint."),
        (InputError("It is not an archive."), "It is not an archive."),
        (UserError("It is wrong."), "ClientError: It is wrong."),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "No space left on device: folder. Remove something there or elsewhere on its disk, then try again.",
        ),
    ],
)
def test_a_reason_names_who_can_help(error, text):
    assert _failure_text(error, Path("folder")) == text


def test_a_serverless_variant_takes_as_many_requests_as_it_says(hosting):
    hosting.endpoints.create(document(variant(ServerlessConfig={"MaxConcurrency": 2})))
    hosting.until("InService")
    two = hosting.endpoints.lease("e"), hosting.endpoints.lease("e")
    with two[0], two[1], pytest.raises(TooManyRequests), hosting.endpoints.lease("e"):
        pass
    with hosting.endpoints.lease("e") as instance:
        assert instance is not None


@pytest.mark.parametrize(
    ("capture", "status", "captures"),
    [({"EnableCapture": True}, "Started", True), ({"EnableCapture": False}, "Stopped", False), ({}, "Stopped", False)],
)
def test_capture_and_asynchronous_inference_are_described_and_used(hosting, capture, status, captures):
    given = {"InitialSamplingPercentage": 5, "DestinationS3Uri": "s3://b/c", **capture}
    asynchronous = {"OutputConfig": {"S3OutputPath": "s3://b/o"}}
    with hosting.backend.changed:  # no container is started meanwhile
        hosting.endpoints.create(document(DataCaptureConfig=given, AsyncInferenceConfig=asynchronous))
        assert hosting.endpoints.capture("e") is hosting.endpoints.asynchronous("e") is None
    found = hosting.until("InService")
    assert found["DataCaptureConfig"] == {
        "EnableCapture": captures,
        "CaptureStatus": status,
        "CurrentSamplingPercentage": 5,
        "DestinationS3Uri": "s3://b/c",
        "KmsKeyId": "",
    }
    assert found["AsyncInferenceConfig"] == asynchronous == hosting.endpoints.asynchronous("e")
    assert hosting.endpoints.capture("e") == (given if captures else None)
    hosting.endpoints.update("e", deployment(EndpointConfigName="plain"))
    until(lambda: hosting.described()["EndpointConfigName"] == "plain")
    assert not {"DataCaptureConfig", "AsyncInferenceConfig"} & set(hosting.described())


def test_an_update_replaces_containers_and_folders_once_the_new_ones_are_healthy(hosting):
    hosting.endpoints.create(document())
    first = hosting.until("InService")["Deployment"]["Id"]
    new = deployment(variant("new", 2), EndpointConfigName="other")
    with hosting.backend.changed:  # no container is started meanwhile
        hosting.endpoints.update("e", new)
        with pytest.raises(EndpointBusy, match='Cannot update in-progress endpoint "arn:e"'):
            hosting.endpoints.update("e", deployment())
        with pytest.raises(EndpointBusy):
            hosting.endpoints.delete("e")
    found = hosting.until("InService")
    assert (found["EndpointConfigName"], found["Deployment"]["Id"]) == ("other", new["Id"])
    until(lambda: hosting.running() == 2 and [place.name for place in (hosting.folder / "e").iterdir()] == [new["Id"]])
    assert first != new["Id"] and hosting.backend.started[0].wait(0) is not None


def test_after_an_update_that_fails_the_old_containers_serve_on(hosting):
    hosting.endpoints.create(document())
    hosting.until("InService")
    missing = {**variant()["Containers"][0], "ModelDataUrl": "s3://bucket/none.tar.gz"}
    hosting.endpoints.update("e", deployment(variant(Containers=[missing])))
    until(lambda: "FailureReason" in hosting.described())
    found = hosting.until("InService")
    assert found["FailureReason"].startswith("Could not find model data: ") and hosting.running() == 1
    assert len(list((hosting.folder / "e").iterdir())) == 1
    hosting.endpoints.update("e", deployment(EndpointConfigName="third"))
    until(lambda: hosting.described()["EndpointConfigName"] == "third")
    assert "FailureReason" not in hosting.described()


def test_an_endpoint_that_cannot_start_has_failed_can_be_updated_and_deleted(hosting):
    missing = {**variant()["Containers"][0], "ModelDataUrl": "no S3 URI"}
    hosting.endpoints.create(document(variant(Containers=[missing])))
    assert "is not an S3 URI" in hosting.until("Failed")["FailureReason"]
    assert hosting.running() == 0 and list((hosting.folder / "e").glob("*")) == []
    with pytest.raises(EndpointBusy):
        hosting.endpoints.rescale("e", [variant()])
    hosting.endpoints.update("e", deployment())
    hosting.until("InService")
    hosting.endpoints.delete("e")
    until(hosting.gone)


def test_a_container_that_is_not_healthy_fails_the_endpoint_in_awss_words(hosting):
    hosting.backend._urls = [serving.NOBODY]
    hosting.endpoints.create(document(variant(ContainerStartupHealthCheckTimeoutInSeconds=0.1)))
    assert hosting.until("Failed")["FailureReason"] == (
        "The primary container for production variant one did not pass the ping health check. "
        "The container reached its limit of 64 MiB. Please check CloudWatch logs for this endpoint."
    )


def test_healthy_containers_end_with_an_endpoint_of_which_another_one_is_not(hosting):
    hosting.backend._urls.append(serving.NOBODY)  # for all containers but the first
    hosting.endpoints.create(document(variant("one", 2, ContainerStartupHealthCheckTimeoutInSeconds=1)))
    hosting.until("Failed")
    assert len(hosting.backend.started) >= 2 and hosting.running() == 0


def test_a_change_of_counts_and_weights_keeps_the_instances_that_run(hosting):
    hosting.endpoints.create(document(variant("one", 2), variant("two", 1)))
    hosting.until("InService")
    before = {id(instance) for instance in hosting.endpoints._fleets["e"].instances}
    hosting.endpoints.rescale("e", [variant("one", 1, Weight=0.5), variant("two", 3)])
    until(lambda: hosting.described()["ProductionVariants"][1]["CurrentInstanceCount"] == 3)
    found = hosting.until("InService")
    assert found["ProductionVariants"][0]["CurrentWeight"] == 0.5 and found["EndpointConfigName"] == "config"
    fleet = hosting.endpoints._fleets["e"]
    assert Counter(instance.variant for instance in fleet.instances) == {"one": 1, "two": 3}
    assert len(before & {id(instance) for instance in fleet.instances}) == 2
    until(lambda: hosting.running() == 4)
    assert {"two/instance-2", "two/instance-3"} <= set(hosting.logs.stream_names(f"{ENDPOINTS}/e"))


def test_a_change_of_counts_that_fails_leaves_what_runs(hosting):
    limits = {"ContainerStartupHealthCheckTimeoutInSeconds": 0.1}
    hosting.endpoints.create(document())
    hosting.until("InService")
    hosting.backend._urls = [serving.NOBODY]
    hosting.endpoints.rescale("e", [variant("one", 2, **limits)])
    until(lambda: "FailureReason" in hosting.described())
    found = hosting.until("InService")
    assert found["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    until(lambda: hosting.running() == 1)
    assert len(list((hosting.folder / "e").iterdir())) == 1


def test_nothing_is_left_of_a_deleted_endpoint_and_its_name_is_free(hosting):
    hosting.store.insert(TAGS, "arn:e", {"a": "b"})
    hosting.endpoints.create(document())
    hosting.until("InService")
    with hosting.endpoints.invocations.measured("e", "one"):
        pass
    hosting.endpoints.delete("e")
    until(hosting.gone)
    assert hosting.running() == 0 and not (hosting.folder / "e").exists() and hosting.store.named(TAGS) == {}
    assert hosting.endpoints.invocations.summary("e", "one", 1e9).count == 0
    hosting.endpoints.create(document())
    hosting.until("InService")


def test_a_closed_server_leaves_its_endpoints_to_the_next_one(hosting):
    hosting.endpoints.create(document())
    hosting.until("InService")
    for name, status in (("deleting", "Deleting"), ("failed", "Failed")):
        hosting.store.insert(
            KIND.name, name, {**document(), "EndpointName": name, "EndpointStatus": status, "Pending": None}
        )
    hosting.endpoints.close()
    assert hosting.running() == 0 and hosting.described()["EndpointStatus"] == "InService"
    assert (hosting.folder / "e").exists()
    hosting.store.update(KIND.name, "e", EndpointStatus="Updating", Pending="a deployment that was being started")
    hosting.endpoints = hosting.again()
    hosting.endpoints.restore()
    assert [one["EndpointName"] for one in hosting.store.all(KIND.name)] == ["e", "failed"]
    until(lambda: hosting.endpoints._fleets.get("e"))
    assert hosting.until("InService") and hosting.running() == 1
    assert hosting.store.get(KIND.name, "failed")["EndpointStatus"] == "Failed"


def test_a_server_that_closes_while_an_endpoint_starts_stops_its_containers(hosting):
    hosting.backend._urls = [serving.NOBODY]
    hosting.endpoints.create(document())
    until(lambda: hosting.backend.started)
    hosting.endpoints.close()
    until(lambda: not hosting.endpoints._starting)
    assert hosting.running() == 0 and hosting.described()["EndpointStatus"] == "Creating"


def test_containers_end_that_are_healthy_after_the_server_has_closed(hosting, monkeypatch):
    """It closes when their start is over and they are not in service yet."""
    start = hosting.endpoints._started

    def started_and_the_server_closes(*arguments: object) -> Fleet | None:
        fleet = start(*arguments)
        hosting.endpoints.close()
        return fleet

    monkeypatch.setattr(hosting.endpoints, "_started", started_and_the_server_closes)
    hosting.endpoints.create(document())
    until(lambda: hosting.backend.started and hosting.running() == 0)
    assert hosting.described()["EndpointStatus"] == "Creating"


def test_what_cannot_begin_for_want_of_a_thread_changes_nothing(hosting, monkeypatch):
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(CannotBegin):
            hosting.endpoints.create(document())
    assert hosting.gone()
    hosting.endpoints.create(document())
    before = hosting.until("InService")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for change in (
            lambda: hosting.endpoints.update("e", deployment()),
            lambda: hosting.endpoints.rescale("e", [variant("one", 2)]),
            lambda: hosting.endpoints.delete("e"),
        ):
            with pytest.raises(CannotBegin):
                change()
            assert hosting.described() == before
        hosting.again().restore()
    assert hosting.described()["EndpointStatus"] == "Failed" and "No thread" in hosting.described()["FailureReason"]


def fleet(**weights: float) -> Fleet:
    """Three instances of variant a, and one of each other."""
    instances = [Instance(name, [], {}, False) for name in ("a", "a", *weights)]
    return Fleet(instances, weights, Path())


def shares(found: Fleet, variant: str | None = None) -> dict[str, float]:
    random.seed(1)
    picked = Counter(found.pick(variant).variant for _ in range(2_000))
    return {name: count / 2_000 for name, count in picked.items()}


def test_weights_are_of_variants_whatever_the_number_of_their_instances():
    assert shares(fleet(a=1.0, b=1.0)) == pytest.approx({"a": 0.5, "b": 0.5}, abs=0.05)
    assert shares(fleet(a=1.0, b=3.0)) == pytest.approx({"a": 0.25, "b": 0.75}, abs=0.05)
    assert shares(fleet(a=0.0, b=1.0)) == {"b": 1.0}
    assert shares(fleet(a=0.0, b=0.0)) == pytest.approx({"a": 0.75, "b": 0.25}, abs=0.05)
    assert shares(fleet(a=1.0, b=1.0), "b") == {"b": 1.0} and fleet(a=1.0).pick("c") is None


def test_a_fleet_stops_in_the_time_that_it_is_given():
    class Noting(Instance):
        def ask_to_stop(self) -> None:
            noted.append("asked")

        def stop(self, grace_s: float = 0.0) -> None:
            noted.append(grace_s)

    noted: list[str | float] = []
    two = Fleet([Noting("a", [], {}, False), Noting("b", [], {}, False)], {}, Path())
    two.stop()
    two.stop(3.0)
    assert noted == ["asked", "asked", 30.0, 30.0, "asked", "asked", 3.0, 3.0]
