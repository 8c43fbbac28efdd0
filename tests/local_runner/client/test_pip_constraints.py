"""pip keeps the major version of the SDK below a program, unless that is not wanted or there is no SDK."""

from __future__ import annotations

from pathlib import Path

import pytest

from wildsage.local_runner.client import pip_constraints
from wildsage.local_runner.client.pip_constraints import constraint, installed_version, keep_sdk


@pytest.mark.parametrize(
    ("version", "kept"),
    [("2.257.1", "sagemaker>=2,<3"), ("3.0", "sagemaker>=3,<4"), ("10.0.dev1", "sagemaker>=10,<11")],
)
def test_the_major_version_is_kept(version, kept):
    assert constraint(version) == kept


@pytest.mark.parametrize("given", [{}, {"PIP_CONSTRAINT": "mine.txt", "UV_CONSTRAINT": ""}])
def test_the_limit_is_a_file_beside_those_of_the_user_until_the_program_ends(monkeypatch, given):
    monkeypatch.setattr(pip_constraints, "installed_version", lambda: "2.1")
    with keep_sdk(given, upgrade_allowed=False) as found:
        file = Path(found["WILDSAGE_KEPT_SDK"])
        assert file.read_text() == "sagemaker>=2,<3\n"
        assert found["PIP_CONSTRAINT"].split() == [*given.get("PIP_CONSTRAINT", "").split(), str(file)]
        assert found["UV_CONSTRAINT"] == str(file)
        assert len(found) == 3
    assert not file.parent.exists()


@pytest.mark.parametrize(("version", "allowed"), [("2.1", True), (None, False), (None, True)])
def test_nothing_is_kept_where_it_is_not_wanted_or_there_is_no_sdk(monkeypatch, version, allowed):
    monkeypatch.setattr(pip_constraints, "installed_version", lambda: version)
    with keep_sdk({}, upgrade_allowed=allowed) as found:
        assert found == {}


def test_a_package_that_is_not_installed_has_no_version(monkeypatch):
    monkeypatch.setattr(pip_constraints, "SDK", "pytest")
    assert installed_version() == pytest.__version__
    monkeypatch.setattr(pip_constraints, "SDK", "no-such-package")
    assert installed_version() is None
