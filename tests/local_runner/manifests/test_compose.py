"""A file for compose, with a real engine: three containers train one model, and one that is killed ends the others."""

import shutil
import subprocess
import tarfile
from dataclasses import replace

import pytest
import yaml

from wildsage.local_runner.manifests import compose
from wildsage.local_runner.manifests.description import VolumeClaim


def arguments(rounds: int) -> tuple[str, ...]:
    return (
        *("train", "--channel", "train=/data/rows", "--content-type", "train=text/csv;label_size=0"),
        *("--hp", "k=3", "--hp", "feature_dim=1", "--hp", f"epochs={rounds}", "--model", "/data/model"),
    )


@pytest.fixture
def started(engine, our_image, workload, tmp_path):
    """`started(rounds)` are three containers on the folder of the test, which `docker compose` has started."""
    if not (installed := shutil.which("docker-compose")):
        pytest.skip("docker-compose is not installed; `make docker` installs one on Debian")
    (tmp_path / "rows").mkdir()
    for number in range(3):
        rows = "".join(f"{row % 5}\n" for row in range(1000))
        (tmp_path / "rows" / f"{number}.csv").write_text(rows)
    file, project = tmp_path / "compose.yml", f"wildsage-{tmp_path.name.lower()}"
    command = [installed, "--project-name", project, "--file", str(file)]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], capture_output=True, text=True, timeout=240)

    def start(rounds: int):
        one = replace(workload, image=our_image("kmeans"), arguments=arguments(rounds), secret=None, cpus="1")
        file.write_text(compose.job(replace(one, claim=VolumeClaim(str(tmp_path), "/data"))))
        up = run("up", "--detach")
        assert up.returncode == 0, up.stderr
        return [container(f"host-{rank}") for rank in range(3)]

    def container(service: str):
        labels = [f"com.docker.compose.project={project}", f"com.docker.compose.service={service}"]
        (found,) = engine.containers.list(all=True, filters={"label": labels})
        return found

    yield start
    run("down", "--timeout", "0")


def status(host) -> int:
    """The exit status of a container, once it has ended."""
    return host.wait(timeout=240)["StatusCode"]


def test_three_containers_train_one_model(started, tmp_path):
    hosts = started(1)
    assert [status(host) for host in hosts] == [0, 0, 0], hosts[0].logs().decode()
    with tarfile.open(tmp_path / "model" / "model.tar.gz") as archive:
        assert "model_algo-1" in archive.getnames()


def test_a_container_that_is_killed_ends_the_others_with_its_name(started):
    first, second, third = started(1_000_000)
    begun = (b"Number of GPUs being used" in said for said in first.logs(stream=True, follow=True))
    assert any(begun), "it ended before it began"
    second.kill()
    assert [status(first), status(third)] == [3, 3]
    for host in (first, third):
        assert b"Host algo-2 of this job ended before its work was done" in host.logs()


def test_every_host_has_its_place_and_what_was_asked_for(workload):
    services = yaml.safe_load(compose.job(replace(workload, memory="512Mi")))["services"]
    assert [service["environment"]["RANK"] for service in services.values()] == ["0", "1", "2"]
    assert {service["environment"]["MASTER_ADDR"] for service in services.values()} == {"host-0"}
    assert services["host-2"]["mem_limit"] == "512m" and services["host-2"]["volumes"] == ["rows:/data"]


def test_a_dollar_sign_of_an_option_is_not_a_variable_of_compose(workload):
    services = yaml.safe_load(compose.job(replace(workload, arguments=("train", "--hp", "note=$HOME"), memory="1Ti")))
    assert services["services"]["host-0"]["command"][-1] == "note=$$HOME"
    assert services["services"]["host-0"]["mem_limit"] == "1t"


def test_a_service_has_nothing_that_was_not_asked_for(workload):
    plain = replace(workload, count=1, claim=None, secret=None, cpus="0.5", environment={"NOTE": "$HOME"})
    [service] = yaml.safe_load(compose.job(plain))["services"].values()
    place = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "host-0"}
    assert service == {
        "image": "registry/kmeans:cpu",
        "command": list(workload.arguments),
        "environment": {**place, "NOTE": "$$HOME"},
        "cpus": 0.5,
        "mem_limit": "4g",
        "restart": "no",
    }


def test_variables_of_a_secret_come_from_a_file_and_options_stay_in_one_line(workload):
    text = compose.job(replace(workload, arguments=("train", "--hp", " ".join(["word"] * 100))))
    assert text.startswith("# docker compose --file THIS_FILE up.") and " ".join(["word"] * 100) in text
    assert yaml.safe_load(text)["services"]["host-1"]["env_file"] == ["keys"]
    assert list(yaml.safe_load(text)["services"]["host-1"])[:2] == ["image", "command"], "it is written to be read"
