"""What a build asks for before it fetches anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[3] / "containers" / "docker" / "check-sources"


def check(folder: Path, **variables: str) -> subprocess.CompletedProcess:
    script = shutil.copy(CHECK, folder)
    environment = {"PATH": "/usr/bin:/bin", "TARGET": "cpu", "PACKAGES": "packages", **variables}
    return subprocess.run([script], env=environment, capture_output=True, text=True)


def test_a_build_without_a_source_of_torchs_cpu_wheels_says_what_it_needs(tmp_path):
    rejected = check(tmp_path)
    assert rejected.returncode == 1
    for word in ("PIP_EXTRA_INDEX_URL", "containers/docker/wheels", "containers/docker/certificates", "PIP_INDEX_URL"):
        assert word in rejected.stderr


@pytest.mark.parametrize(
    "named",
    [
        {"PIP_EXTRA_INDEX_URL": "https://wheels.example/cpu"},
        {"PIP_INDEX_URL": "https://mirror.example/simple"},
        {"TARGET": "cuda"},
        {"PACKAGES": "wildsage/packages:cpu"},
    ],
)
def test_a_build_whose_sources_are_named_goes_on(tmp_path, named):
    assert check(tmp_path, **named).returncode == 0


def test_a_wheel_beside_it_is_a_source(tmp_path):
    (tmp_path / "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl").touch()
    assert check(tmp_path).returncode == 0
