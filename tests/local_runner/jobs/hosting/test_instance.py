"""One instance: the order of its containers, what they are told, and when it ends."""

from __future__ import annotations

import math
import threading

import pytest
import urllib3

from tests.local_runner.jobs.hosting.serving import NOBODY, Backend, healthy_server
from wildsage.containers.contract import host_check
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.jobs.hosting import instance
from wildsage.local_runner.jobs.hosting.container import HEALTHY_WITHIN_S, STOP_GRACE_S
from wildsage.local_runner.jobs.hosting.instance import Answer, Instance, NotHealthy, StartLimits, TooManyRequests
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


class Answers:
    """Stands in for a container: it adds its name to what it is sent, as its own type."""

    out_of_memory = None

    def __init__(self, name: str, status: int = 200, healthy: bool = True) -> None:
        self.name, self.status, self.healthy = name, status, healthy
        self.headers: dict[str, str] = {}
        self.path, self.whole, self.timeout_s = "", None, 0.0
        self.ended: list[str | float] = []

    def request(self, method, path, body, headers, timeout_s, whole):
        self.headers, self.path, self.whole, self.timeout_s = dict(headers), f"{method} {path}", whole, timeout_s
        return urllib3.HTTPResponse(body + self.name.encode(), {"Content-Type": f"type/{self.name}"}, self.status)

    def is_healthy(self) -> bool:
        return self.healthy

    def ask_to_stop(self) -> None:
        self.ended.append("asked")

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        self.ended.append(grace_s)


HEADERS = {"Content-Type": "text/csv", "Content-Length": "1", "Accept": "application/json", "X-Other": "1"}


def test_each_container_gets_the_answer_of_the_one_before_it():
    containers = [Answers(name) for name in "abc"]
    answer = Instance("one", containers, {}, False).invoke(b"x", HEADERS, 7.0, whole=False)
    assert (answer.container, answer.http.data, answer.is_success) == ("c", b"xabc", True)
    first, second, third = (container.headers for container in containers)
    assert first == {"Content-Type": "text/csv", "Content-Length": "1", "X-Other": "1"}
    assert second == {"Content-Type": "type/a", "X-Other": "1"}
    assert third == {"Content-Type": "type/b", "X-Other": "1", "Accept": "application/json"}
    assert [container.whole for container in containers] == [True, True, False]
    assert {(container.path, container.timeout_s) for container in containers} == {("POST /invocations", 7.0)}


def test_the_first_container_that_rejects_answers():
    containers = [Answers("a"), Answers("b", 400), Answers("c")]
    answer = Instance("one", containers, {}, False).invoke(b"x", HEADERS)
    assert (answer.container, answer.http.status, answer.is_success) == ("b", 400, False)
    assert containers[2].path == ""


def test_a_container_may_be_asked_alone():
    containers = [Answers("a"), Answers("b")]
    assert Instance("one", containers, {}, True).invoke(b"x", HEADERS, hostname="a").http.data == b"xa"
    assert containers[0].headers == HEADERS and containers[1].path == "" and containers[0].whole


@pytest.mark.parametrize(("status", "success"), [(199, False), (200, True), (299, True), (300, False)])
def test_an_answer_of_200_to_299_is_a_success(status, success):
    assert Answer("a", urllib3.HTTPResponse(b"", {}, status)).is_success is success


def test_an_instance_is_healthy_when_all_its_containers_are():
    Instance("one", [Answers("a"), Answers("b")], {}, False).await_healthy()
    sick = Answers("b", healthy=False)
    with pytest.raises(NotHealthy) as caught:
        Instance("one", [Answers("a"), sick], {}, False).await_healthy()
    assert str(caught.value) == "The b container for production variant one did not pass the ping health check."
    sick.out_of_memory = "It lacked memory."
    with pytest.raises(NotHealthy) as caught:
        Instance("", [sick], {}, False).await_healthy()
    assert str(caught.value) == "The b container did not pass the ping health check. It lacked memory."


def test_an_instance_takes_as_many_requests_as_it_may_and_none_once_it_is_replaced():
    one = Instance("one", [], {}, False)
    assert one.lease(2) and one.lease(2)
    with pytest.raises(TooManyRequests, match="2"):
        one.lease(2)
    assert one.lease(), "without a limit"
    one.release()
    one.release()
    assert one.lease(2)
    one.retire(0.0)
    assert not one.lease() and not one.lease(2)


def test_an_instance_that_is_replaced_waits_for_its_last_request():
    one = Instance("one", [], {}, False)
    assert one.lease() and one.lease()
    retired = threading.Event()
    waiting = threading.Thread(target=lambda: (one.retire(1000), retired.set()))
    waiting.start()
    while one.lease():
        one.release()
    one.release()
    assert not retired.wait(0.05)
    one.release()
    assert retired.wait(240)
    waiting.join()


def test_all_containers_are_asked_to_stop_before_any_is_waited_for():
    order: list[str] = []

    class Noting(Answers):
        def ask_to_stop(self) -> None:
            super().ask_to_stop()
            order.append(f"ask {self.name}")

        def stop(self, grace_s: float = STOP_GRACE_S) -> None:
            super().stop(grace_s)
            order.append(f"stop {self.name}")

    containers = [Noting("a"), Noting("b")]
    Instance("one", containers, {}, False).stop(3.0)
    assert order == ["ask a", "ask b", "stop a", "stop b"] and containers[0].ended == ["asked", 3.0]


def test_a_variant_may_have_limits_of_its_own():
    assert StartLimits.from_variant({}) == StartLimits(math.inf, HEALTHY_WITHIN_S)
    given = {"ModelDataDownloadTimeoutInSeconds": 60, "ContainerStartupHealthCheckTimeoutInSeconds": 90}
    assert StartLimits.from_variant(given) == StartLimits(60, 90)


class Log:
    """A writer of a log."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.closed = False

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def started(tmp_path):
    """Starts an instance; its logs and the launches of its containers."""
    objects = ObjectStore(tmp_path / "s3")
    objects.create_bucket("bucket")
    objects.put("bucket", "models/a", [b"1"])
    objects.put("bucket", "code/own.py", [b"print(1)"])
    running: list[Instance] = []

    def run(*containers: dict, url: str = NOBODY, isolates: bool = False, **fields):
        backend, logs = Backend(url), {container["Name"]: Log() for container in containers}
        backend.isolates = isolates
        contract = {"AWS_REGION": "us-east-1"}
        place = tmp_path / "root"
        running.append(instance.start("one", containers, place, backend, objects, logs.__getitem__, contract, **fields))
        with backend.changed:
            assert backend.changed.wait_for(lambda: len(backend.started) >= len(containers), 60)
        return running[-1], backend, logs

    yield run
    for one in running:
        one.stop(0.0)
    objects.close()


def described(name: str = "primary", **fields: object) -> dict:
    model = {"ModelDataUrl": "s3://bucket/models/"}
    return {"Name": name, "Image": KMEANS, "Environment": {"OWN": "1"}, "Mode": "SingleModel", **model, **fields}


def test_a_container_finds_its_model_and_its_variables(started, tmp_path):
    one, backend, _ = started(described("a"), described("b", NetworkIsolation=True), environment={"EXTRA": "2"})
    launches = sorted(backend.launched, key=lambda launch: launch.root.name)
    for launch, name in zip(launches, "ab", strict=True):
        assert launch.root == tmp_path / "root" / name and launch.image == KMEANS
        assert (OptML(launch.root).model / "a").read_text() == "1"
        assert launch.environment == {"OWN": "1", "EXTRA": "2"}
        assert launch.contract == {"AWS_REGION": "us-east-1", host_check.LOCAL: "1"}
    assert [launch.network_isolation for launch in launches] == [False, True]
    assert [container.name for container in one.containers] == ["a", "b"]
    assert not one.is_multi_model and not one.is_direct and one.variant == "one"


def test_what_overrides_a_containers_variables_wins(started):
    _, backend, _ = started(described(), environment={"OWN": "2"}, is_direct=True)
    assert backend.launched[0].environment == {"OWN": "2"}


def test_a_multi_model_container_begins_without_models_and_is_told(started):
    one, backend, _ = started(described(Mode="MultiModel"), is_direct=True)
    assert backend.launched[0].contract["SAGEMAKER_MULTI_MODEL"] == "true"
    assert one.is_multi_model and one.is_direct
    assert list(OptML(backend.launched[0].root).model.iterdir()) == []
    with pytest.raises(S3Error):
        one.invoke(b"x", {}, target_model="none.tar.gz")


def test_each_multi_model_container_has_models_of_its_own_which_stay_loaded_unless_it_says_otherwise(started):
    containers = [described(name, Mode="MultiModel") for name in "ab"]
    one, _, _ = started(*containers, described("c", Mode="MultiModel", ModelCache="Disabled"), described("d"))
    found = {name: (models._container, models._keep) for name, models in one._models.items()}
    a, b, c, _ = one.containers
    assert found == {"a": (a, True), "b": (b, True), "c": (c, False)}


@pytest.mark.parametrize(
    ("image", "isolates", "brought"), [(XGBOOST, True, True), (XGBOOST, False, False), (KMEANS, True, False)]
)
def test_a_script_reaches_isolated_containers_of_the_image_that_runs_one(started, image, isolates, brought):
    place = {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/code/own.py"}
    _, backend, _ = started(described(Image=image, Environment=place), isolates=isolates)
    assert (OptML(backend.launched[0].root).code / "own.py").exists() == brought


def test_nothing_is_started_where_a_model_is_missing(started):
    with pytest.raises(S3Error):
        started(described("a"), described("b", ModelDataUrl="s3://bucket/none.tar.gz"))


def test_an_image_of_another_region_is_warned_of_in_the_log(started):
    foreign = KMEANS.replace("us-east-1", "eu-west-1")
    _, _, logs = started(described("a"), described("b", Image=foreign))
    assert "Cross region" in logs["b"].lines[0]
    assert not any("Cross region" in line for line in logs["a"].lines)


def test_a_log_is_closed_when_its_container_has_ended_and_a_container_has_the_time_of_its_variant(started):
    with healthy_server() as url:
        one, _, logs = started(described(), url=url, limits=StartLimits(healthy_s=77))
        one.await_healthy()
        assert one.containers[0]._healthy_within_s == 77 and not logs["primary"].closed
        one.stop()
        assert logs["primary"].closed


def test_a_log_that_containers_share_is_left_open_when_they_have_ended(started):
    one, _, logs = started(described("a"), described("b"), shares_log=True)
    one.stop(0.0)
    assert not logs["a"].closed and not logs["b"].closed
