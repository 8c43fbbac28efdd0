"""An environment on top of this Python: its programs see what it holds, and this Python does not."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract import layered_environment


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_programs_of_the_users_packages_see_what_the_environment_holds(tmp_path):
    place = tmp_path / "a place"
    layered_environment.create(place)
    (own,) = place.glob("lib/python*/site-packages")
    (own / "held.py").write_text("")
    python = layered_environment.interpreter(place)
    assert run(python, "-c", "import held, pytest").returncode == 0
    assert run(sys.executable, "-c", "import held").returncode != 0
    loaded = run(place / "bin" / "pytest", "-p", "held", "--version")  # pytest's own program would not find the module
    assert loaded.returncode == 0, loaded.stderr


def test_an_environment_imports_this_project_wherever_it_lies(tmp_path, monkeypatch):
    """Also where no folder of packages holds it."""
    monkeypatch.setattr(layered_environment, "packages", list)
    layered_environment.create(tmp_path / "place")
    python = layered_environment.interpreter(tmp_path / "place")
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([python, "-c", "import wildsage.containers"], cwd=tmp_path, env=elsewhere, check=True)


def test_pip_installs_into_the_environment(tmp_path):
    layered_environment.create(tmp_path / "place")
    package = tmp_path / "held-1.0-py3-none-any.whl"
    for program in ("pip", "pip3"):
        found = run(tmp_path / "place" / "bin" / program, "--version")
        assert found.returncode == 0 and found.stdout.startswith("pip "), found.stderr
    write_wheel(package)
    done = run(tmp_path / "place" / "bin" / "pip", "install", "--no-index", package)
    assert done.returncode == 0, done.stderr
    assert [*(tmp_path / "place").glob("lib/python*/site-packages/held.py")]


def write_wheel(path: Path) -> None:
    """The smallest package that pip installs."""
    about = "held-1.0.dist-info"
    with ZipFile(path, "w") as archive:
        archive.writestr("held.py", "")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: held\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")


def test_folders_of_packages_are_those_on_the_path_with_their_name(monkeypatch):
    monkeypatch.setattr(sys, "path", ["", "/a/site-packages", "/b/dist-packages", "/c/lib", "/site-packages/d"])
    assert layered_environment.packages() == [Path("/a/site-packages"), Path("/b/dist-packages")]


def test_another_python_is_run_with_the_place_and_its_failure_is_told_by_its_end(tmp_path):
    layered_environment.create_with(["/bin/mkdir"], tmp_path / "place")
    assert (tmp_path / "place").is_dir()
    fails = ["/bin/sh", "-c", f"echo first {'x' * 600} last >&2; exit 3", "ignored"]
    with pytest.raises(PlatformError) as caught:
        layered_environment.create_with(fails, tmp_path / "other")
    assert str(caught.value) == f"/bin/sh cannot make an environment for the job: {'x' * 495} last"


def test_a_program_can_be_run_and_read_by_everybody_and_written_by_its_owner(tmp_path):
    (tmp_path / "a place" / "bin").mkdir(parents=True)
    python = layered_environment.interpreter(tmp_path / "a place")
    python.symlink_to(sys.executable)
    layered_environment.add_program(tmp_path / "a place", "tell", "platform", "python_version")
    program = tmp_path / "a place" / "bin" / "tell"
    assert program.stat().st_mode & 0o777 == 0o755 and python == program.with_name("python")
    told = run(program)
    assert told.stderr.strip() == platform.python_version() and told.returncode == 1  # sys.exit of a text prints it


def test_kept_environments_lie_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert layered_environment.kept() == tmp_path / "wildsage" / "environments"
