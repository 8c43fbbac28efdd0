"""An environment on top of this Python: its programs see what it holds, and this Python does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

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
