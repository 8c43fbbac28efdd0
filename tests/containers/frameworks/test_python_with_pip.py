"""requirements.txt goes into an environment of the job's own, on top of the user's Python and never into it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wheels import wheel
from wildsage.containers.contract.layered_environment import COMPLETE
from wildsage.containers.frameworks import python
from wildsage.containers.frameworks.errors import CommandFailed

SEE = """
import importlib.metadata, json, sys
import numpy, addition
print(json.dumps([addition.VALUE, numpy.__file__, importlib.metadata.version("h11")]))
"""


@pytest.fixture
def code(tmp_path, monkeypatch) -> Path:
    """A folder of code, empty. Environments are kept beside it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "code").mkdir()
    return tmp_path / "code"


def required(folder: Path, name: str, version: str, text: str) -> str:
    """The line of requirements.txt for a wheel of one module."""
    return f"./{wheel(folder, name, version, text)}\n"


def require(code: Path, text: str) -> None:
    (code / "requirements.txt").write_text(text)


def seen_by(interpreter: Path) -> list:
    return json.loads(subprocess.run([interpreter, "-c", SEE], capture_output=True, check=True).stdout)


def test_requirements_are_the_jobs_own_and_are_kept_for_the_next(code, capfd):
    require(code, required(code, "addition", "1.0", "VALUE = 7"))
    own = python.of_job(code)
    log = capfd.readouterr().out
    assert "Installing with the following command:\n" in log and "Successfully installed addition-1.0" in log
    assert own != Path(sys.executable) and importlib.util.find_spec("addition") is None
    assert seen_by(own)[:2] == [7, importlib.util.find_spec("numpy").origin]
    used = own.parents[1] / COMPLETE
    os.utime(used, (0, 0))
    assert python.of_job(code) == own and capfd.readouterr().out == ""
    assert used.stat().st_mtime > 0, "the time of its last use"


def test_a_version_that_the_user_has_already_gives_way_in_the_job_only(code):
    require(code, required(code, "addition", "1.0", "VALUE = 7") + required(code, "h11", "99.0", ""))
    assert seen_by(python.of_job(code))[2] == "99.0" != importlib.metadata.version("h11")


def test_requirements_that_cannot_be_installed_say_so_in_pips_words(code):
    require(code, "--no-index\nno-such-package==1.0\n")
    with pytest.raises(CommandFailed) as caught:
        python.of_job(code)
    assert str(caught.value).startswith("InstallRequirementsError:\nExitCode 1\nErrorMessage ")
    assert "No matching distribution found for no-such-package==1.0" in str(caught.value)


def test_without_a_network_the_reason_says_what_is_missing(code, monkeypatch):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": "/dev/null"}
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    require(code, "no-such-package\n")
    with pytest.raises(CommandFailed, match=r"cannot reach the package index of pip, which requirements.txt needs."):
        python.of_job(code)
