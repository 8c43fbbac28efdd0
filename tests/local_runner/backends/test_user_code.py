"""What code of the user's gets in place of a container: variables, mounts and a Python, without a process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from wildsage.containers.contract import layered_environment, spark
from wildsage.local_runner.backends import CannotRun, Launch
from wildsage.local_runner.backends import user_code as user_code_module
from wildsage.local_runner.backends.user_code import UserCode
from wildsage.local_runner.processes import mounts

OWN = "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:3"


@pytest.fixture
def mountable(monkeypatch):
    monkeypatch.setattr(mounts, "problem", lambda target: None)


def test_later_variables_override_earlier_ones(tmp_path, mountable):
    user_code = UserCode(lambda: {"PATH": "/bin", "WHO": "user", "A": "user", "AWS_DEFAULT_REGION": "us-east-1"})
    given = Launch(OWN, tmp_path, {"WHO": "caller", "B": "caller"}, {"B": "contract", "AWS_REGION": "eu-west-1"}, print)
    found = user_code.environment(given, {"C": "backend", "B": "backend"})
    assert found == {
        "PATH": f"{Path(sys.executable).parent}:/bin",
        "WHO": "caller",
        "A": "user",
        "B": "backend",
        "C": "backend",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "SAGEMAKER_DATA_PATH": "/opt/ml",
        "WILDSAGE_IMAGE_TAG": "3",
        "PYTHONUNBUFFERED": "1",
    }
    without = user_code.environment(Launch(OWN, tmp_path, {}, {}, print), {})
    assert without["AWS_DEFAULT_REGION"] == "us-east-1"


def test_without_a_path_programs_are_found_where_the_system_has_them(tmp_path, mountable):
    found = UserCode(dict).environment(Launch(OWN, tmp_path, {}, {}, print), {})
    assert found["PATH"] == f"{Path(sys.executable).parent}:{os.defpath}"


def test_a_process_has_the_variables_of_this_one_by_default(monkeypatch):
    monkeypatch.setenv("MINE", "1")
    assert UserCode().base()["MINE"] == "1"


def test_a_command_sees_the_tree_and_the_names_of_its_hosts(tmp_path, mountable):
    root = tmp_path / "algo-1"
    root.mkdir()
    lines: list[str] = []
    command = UserCode().command(["run", "x"], Launch(OWN, root, {}, {}, lines.append), ["algo-1", "algo-2"])
    hosts = tmp_path / "hosts-algo-1"
    assert command == mounts.with_mounts([(root, "/opt/ml"), (hosts, "/etc/hosts")], ["run", "x"]) and lines == []
    assert hosts.read_text() == f"{Path('/etc/hosts').read_text().rstrip()}\n127.0.0.1 algo-1 algo-2\n"


def test_on_a_machine_without_names_of_hosts_only_the_tree_is_seen(tmp_path, mountable, monkeypatch):
    monkeypatch.setattr(user_code_module, "HOSTS_FILE", str(tmp_path / "absent"))
    command = UserCode().command(["run"], Launch(OWN, tmp_path, {}, {}, print), ["algo-1"])
    assert command == mounts.with_mounts([(tmp_path, "/opt/ml")], ["run"])


def test_without_mounts_the_folder_is_the_real_one(tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "problem", lambda target: "locked")
    lines: list[str] = []
    given = Launch(OWN, tmp_path, {}, {}, lines.append)
    assert UserCode().command(("run", "x"), given, []) == ["run", "x"]
    assert len(lines) == 1 and lines[0].endswith("\n")
    assert UserCode().environment(given, {})["SAGEMAKER_DATA_PATH"] == str(tmp_path)
    with pytest.raises(CannotRun, match="locked"):
        UserCode().check_entrypoint()


def test_an_entrypoint_needs_mounts_alone(mountable):
    UserCode().check_entrypoint()


def test_spark_is_looked_for_where_the_code_would_find_it(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(spark, "submit_program", lambda environment: asked.append(environment))
    with pytest.raises(CannotRun, match="For an image of Spark, "):
        UserCode(lambda: {"PATH": "/here"}).check_spark()
    assert asked == [{"PATH": f"{Path(sys.executable).parent}:/here"}]
    monkeypatch.setattr(spark, "submit_program", lambda environment: tmp_path)
    UserCode(dict).check_spark()


@pytest.mark.parametrize("interpreter", [None, Path("/of/the/framework/python")])
def test_a_command_has_a_python_of_its_own_on_top_of_ours_or_of_the_one_named(
    tmp_path, mountable, monkeypatch, interpreter
):
    made: list[tuple[Path, object]] = []

    def create(place: Path, python: object = None) -> None:
        (place / "bin").mkdir(parents=True)
        made.append((place, python))

    monkeypatch.setattr(layered_environment, "create", create)
    monkeypatch.setattr(layered_environment, "create_with", lambda python, place: create(place, python))
    given = Launch(OWN, tmp_path / "algo-1", {}, {}, print)
    found = UserCode(lambda: {"PATH": "/bin"}).environment_with_python(given, {"A": "1"}, interpreter)
    place = tmp_path / "python-algo-1"
    ((where, python),) = made
    assert where == place
    if interpreter:
        assert python[0] == str(interpreter) and python[-1] == "wildsage.containers.contract.layered_environment"
    else:
        assert python is None
    assert (found["PATH"], found["A"]) == (f"{place / 'bin'}:{Path(sys.executable).parent}:/bin", "1")
    assert "from wildsage.containers.frameworks.spark import main" in (place / "bin" / spark.COMMAND).read_text()
