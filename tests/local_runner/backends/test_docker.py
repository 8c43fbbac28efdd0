"""What the backend asks of a Docker engine; `test_docker_engine.py` asks a real one."""

from __future__ import annotations

import hashlib
import platform
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.local_runner.backends.stand_in_engine import StandInContainer, StandInEngine, StandInNetwork, rejection
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import CannotRun, Launch
from wildsage.local_runner.backends import docker as docker_backend
from wildsage.local_runner.backends.docker import DockerBackend, Limits
from wildsage.local_runner.images import uris

WITHIN_S = 240
KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
OWN = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:3"


@pytest.fixture
def engine_of(monkeypatch):
    """Makes a backend of a folder, and the engine that it asks."""

    def make(data: Path, limits: Limits | None = None, weights: Path | None = None, **engine) -> tuple:
        stand_in = StandInEngine(**engine)
        monkeypatch.setattr(docker_backend, "connect", lambda: stand_in)
        return DockerBackend(data, limits, weights), stand_in

    return make


def a_launch(root: Path, **fields) -> Launch:
    root.mkdir(parents=True, exist_ok=True)
    return Launch(OWN, root, {"A": "caller", "B": "1"}, {"A": "contract"}, lambda line: None, **fields)


def end_all(engine: StandInEngine) -> None:
    for container in engine.made:
        container.end()


def test_a_job_is_asked_for_as_the_contract_says(tmp_path, engine_of):
    backend, engine = engine_of(tmp_path, images_there={OWN})
    hosts = [a_launch(tmp_path / "jobs" / "j" / name, host=name) for name in ("algo-1", "algo-2")]
    running = backend.train(hosts)
    (network,) = engine.networks_made
    runner = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]
    assert network.name == f"wildsage-{runner}-jobs-j"
    label = {"wildsage.data": str(tmp_path)}
    assert network.asked == {
        "driver": "bridge",
        "labels": label,
        "check_duplicate": True,
        "internal": False,
        "options": {},
    }
    for container, name in zip(engine.made, ("algo-1", "algo-2"), strict=True):
        asked = container.asked
        assert (asked["image"], asked["name"], asked["hostname"]) == (OWN, f"wildsage-{runner}-jobs-j-{name}", name)
        assert asked["environment"] == {"A": "contract", "B": "1", "WILDSAGE_IMAGE_TAG": "3"}
        assert (asked["labels"], asked["network"], asked["command"]) == (label, network.name, ["train"])
        assert asked["networking_config"] == {network.name: {"aliases": [name]}}
        assert (asked["mem_limit"], asked["memswap_limit"], asked["shm_size"]) == (None, None, "1g")
        assert asked["entrypoint"] is None and asked["device_requests"] is None and "dns" not in asked
        assert asked["healthcheck"] == {"test": ["NONE"]}
        assert asked["log_config"]["Config"] == {"max-size": "10m", "max-file": "2"}
    engine.made[0].end()
    assert running[0].wait(WITHIN_S) == 0 and network.removed == 0
    engine.made[1].end()
    assert running[1].wait(WITHIN_S) == 0 and network.removed == 1


@pytest.mark.parametrize(
    ("entrypoint", "arguments", "asked"),
    [
        (None, None, (None, ["train"])),
        (None, ["a", "b"], (None, ["a", "b"])),
        (None, [], (None, [])),
        (["sh"], None, (["sh"], [])),
        (["sh", "-c"], ["x"], (["sh", "-c"], ["x"])),
    ],
)
def test_entrypoint_and_arguments_are_asked_for(tmp_path, engine_of, entrypoint, arguments, asked):
    backend, engine = engine_of(tmp_path, images_there={OWN})
    backend.train([a_launch(tmp_path / "j" / "algo-1", entrypoint=entrypoint, arguments=arguments)])
    assert (engine.made[0].asked["entrypoint"], engine.made[0].asked["command"]) == asked
    end_all(engine)


def test_limits_and_processors_of_graphics_are_asked_for(tmp_path, engine_of):
    backend, engine = engine_of(tmp_path, Limits("4g", "2g"), images_there={OWN}, runtimes={"nvidia": {}, "runc": {}})
    backend.train([a_launch(tmp_path / "j" / "algo-1")])
    asked = engine.made[0].asked
    assert (asked["mem_limit"], asked["memswap_limit"], asked["shm_size"]) == ("4g", "4g", "2g")
    (device,) = asked["device_requests"]
    assert (device["Count"], device["Capabilities"]) == (-1, [["gpu"]])
    end_all(engine)


def test_weights_are_mounted_where_the_container_looks_for_them(tmp_path, engine_of):
    (tmp_path / "resnet.pt").touch()
    backend, engine = engine_of(tmp_path, weights=tmp_path / "resnet.pt", images_there={OWN})
    backend.train([a_launch(tmp_path / "j" / "algo-1")])
    (mount,) = [mount for mount in engine.made[0].asked["mounts"] if "resnet" in mount["Source"]]
    inside = "/opt/wildsage/pretrained/resnet.pt"
    assert (mount["Target"], mount["ReadOnly"], mount["Type"]) == (inside, True, "bind")
    assert inside in engine.made[0].asked["environment"].values()
    end_all(engine)


def test_what_sagemaker_mounts_is_mounted_and_channels_cannot_be_written(tmp_path, engine_of):
    root = tmp_path / "j" / "algo-1"
    tree = OptML(root)
    for folder in (tree.channel("train"), tree.model, root / "output", root / "checkpoints", root / "pipe"):
        folder.mkdir(parents=True)
    (tree.channel("train") / "rows.csv").touch(mode=0o600)
    tree.model.chmod(0o700)
    (root / "note").touch()
    backend, engine = engine_of(tmp_path, images_there={OWN})
    backend.train([a_launch(root, checkpoints="/tmp/kept")])
    found = {mount["Target"]: (mount["Source"], mount["ReadOnly"]) for mount in engine.made[0].asked["mounts"]}
    assert found == {
        "/opt/ml/input": (str(root / "input"), False),
        "/opt/ml/model": (str(root / "model"), False),
        "/opt/ml/output": (str(root / "output"), False),
        "/tmp/kept": (str(root / "checkpoints"), False),
        "/opt/ml/input/data/train": (str(tree.channel("train")), True),
    }
    assert stat.S_IMODE((tree.channel("train") / "rows.csv").stat().st_mode) == 0o644
    assert stat.S_IMODE(tree.model.stat().st_mode) == 0o755
    end_all(engine)


def test_a_link_is_left_as_it_is(tmp_path, engine_of):
    root = tmp_path / "j" / "algo-1"
    (root / "model").mkdir(parents=True)
    (tmp_path / "secret").touch(mode=0o600)
    (root / "model" / "link").symlink_to(tmp_path / "secret")
    (root / "model" / "broken").symlink_to(tmp_path / "absent")
    backend, engine = engine_of(tmp_path, images_there={OWN})
    backend.train([a_launch(root)])
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    end_all(engine)


def test_a_job_that_cannot_be_started_whole_leaves_nothing(tmp_path, engine_of):
    backend, engine = engine_of(tmp_path, images_there={OWN}, fails_at=2)
    hosts = [a_launch(tmp_path / "j" / name, host=name) for name in ("algo-1", "algo-2", "algo-3")]
    with pytest.raises(CannotRun, match="The Docker engine could not start the container: no such program"):
        backend.train(hosts)
    assert [len(container.removed) for container in engine.made] == [1, 1]
    assert engine.made[0].signals == ["SIGKILL"] and engine.networks_made[0].removed >= 1


def test_a_server_is_published_on_the_loopback_address(tmp_path, engine_of):
    backend, engine = engine_of(tmp_path, images_there={OWN})
    backend.serve(a_launch(tmp_path / "e"))
    asked = engine.made[0].asked
    assert (asked["command"], asked["ports"], "network" in asked) == (
        ["serve"],
        {"8080/tcp": ("127.0.0.1", None)},
        False,
    )
    assert engine.networks_made == []
    end_all(engine)


def test_an_isolated_job_has_a_network_that_leads_nowhere(tmp_path, engine_of):
    backend, engine = engine_of(tmp_path, images_there={OWN})
    backend.train([a_launch(tmp_path / "j" / "algo-1", network_isolation=True)])
    (network,) = engine.networks_made
    assert network.asked["internal"] is True
    assert network.asked["options"] == {"com.docker.network.bridge.inhibit_ipv4": "true"}
    asked = engine.made[0].asked
    assert asked["dns"] == ["127.0.0.1"] and asked["labels"]["wildsage.isolated"] == "true"
    end_all(engine)


def test_an_isolated_server_is_asked_on_its_own_network_which_goes_with_it(tmp_path, engine_of):
    backend, engine = engine_of(tmp_path, images_there={OWN})
    running = backend.serve(a_launch(tmp_path / "e", network_isolation=True))
    (network,), asked = engine.networks_made, engine.made[0].asked
    assert (network.asked["internal"], network.asked["options"]) == (True, {})
    assert (asked["network"], asked["command"], "ports" in asked) == (network.name, ["serve"], False)
    end_all(engine)
    assert running.wait(WITHIN_S) == 0 and network.removed == 1


def test_an_isolated_server_that_cannot_be_started_leaves_nothing(tmp_path, engine_of):
    backend, engine = engine_of(tmp_path, images_there={OWN}, fails_at=1)
    with pytest.raises(CannotRun, match="no such program"):
        backend.serve(a_launch(tmp_path / "e", network_isolation=True))
    assert engine.networks_made[0].removed == 1 and len(engine.made[0].removed) == 1


@pytest.mark.parametrize(
    ("kernel", "base_url", "system", "shares"),
    [
        (platform.release(), "http+docker://localhost", "linux", True),
        ("other", "http+docker://localhost", "linux", False),
        (platform.release(), "http://10.0.0.1:2375", "linux", False),
        (platform.release(), "http+docker://localhost", "darwin", False),
    ],
)
def test_an_isolated_server_needs_an_engine_on_this_machine(
    tmp_path, engine_of, monkeypatch, kernel, base_url, system, shares
):
    monkeypatch.setattr(sys, "platform", system)
    backend, _ = engine_of(tmp_path, kernel=kernel, base_url=base_url)
    backend.check_isolation()
    backend.check_isolation(hosts=5)
    if shares:
        backend.check_isolation(serves=True)
        return
    with pytest.raises(CannotRun, match="needs a Docker engine on this Linux machine itself"):
        backend.check_isolation(serves=True)


def test_an_image_is_ours_where_the_engine_does_not_have_amazons(tmp_path, engine_of):
    cpu, cuda = (uris.image_name("kmeans", target) for target in ("cpu", "cuda"))
    for there, runtimes, expected in [
        ({cpu, cuda}, {}, cpu),
        ({cpu, cuda}, {"nvidia": {}}, cuda),
        ({cuda}, {}, cuda),
        ({cpu, KMEANS}, {}, KMEANS),
    ]:
        backend, engine = engine_of(tmp_path, images_there=there, runtimes=runtimes)
        backend.check(KMEANS)
        backend.train([replace(a_launch(tmp_path / "j" / "algo-1"), image=KMEANS)])
        assert engine.made[0].asked["image"] == expected
        end_all(engine)


def test_an_image_that_is_not_there_is_named_with_what_to_do(tmp_path, engine_of):
    backend, _ = engine_of(tmp_path)
    with pytest.raises(
        CannotRun, match=r"Image \S+/own:3 is not in this Docker engine. `docker pull \S+/own:3` may fetch it"
    ):
        backend.check(OWN)
    with pytest.raises(CannotRun, match="`wildsage build kmeans` makes it"):
        backend.check(KMEANS)
    assert backend.knows_entrypoint(OWN) and backend.isolates
    backend, _ = engine_of(tmp_path, image_error=rejection("invalid reference"))
    with pytest.raises(CannotRun, match=r"Image \S+/own:3: the engine rejects it \(invalid reference\)"):
        backend.check(OWN)


def test_what_an_earlier_runner_left_is_removed(tmp_path, engine_of):
    left = [StandInContainer(), StandInNetwork("n", {})]
    backend, engine = engine_of(tmp_path, left=left)
    ours = {"label": f"wildsage.data={tmp_path}"}
    assert engine.listed == [{"all": True, "filters": ours, "ignore_removed": True}, {"filters": ours}]
    assert left[0].removed == [{"force": True, "v": True}] and left[1].removed == 1
    backend.close()
    assert len(engine.listed) == 4


def test_without_an_engine_there_is_no_backend(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(CannotRun, match=r"No Docker engine answers: .* the process backend needs none"):
        docker_backend.connect()
