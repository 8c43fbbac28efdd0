"""The messages for a root without all capabilities."""

from __future__ import annotations

import os

import pytest

from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract import capabilities


@pytest.fixture
def status(tmp_path):
    """Writes a /proc/self/status with the effective capabilities given as a hexadecimal number."""

    def write(effective: str):
        path = tmp_path / "status"
        path.write_text(f"Name:\tpython\nCapPrm:\tffff\nCapEff:\t{effective}\nSeccomp:\t0\n")
        return path

    return write


def test_the_capabilities_that_are_not_there_are_named(status):
    wanted = ["SETUID", "KILL", "CHOWN"]
    assert capabilities.missing(wanted, status("00000000a80425fb")) == []  # those of Docker's default
    assert capabilities.missing(wanted, status("0000000000000080")) == [
        "CHOWN",
        "KILL",
    ]  # --cap-drop ALL --cap-add SETUID
    assert capabilities.missing(wanted, status("0")) == ["CHOWN", "KILL", "SETUID"]


@pytest.mark.parametrize(("user", "lacks"), [(0, []), (1, ["CHOWN", "KILL"]), (1000, ["CHOWN", "KILL"])])
def test_without_capabilities_root_lacks_none_and_others_have_none(tmp_path, monkeypatch, user, lacks):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert capabilities.missing(["KILL", "CHOWN"], tmp_path / "no status") == lacks


def test_other_users_are_told_what_the_system_says(status, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PermissionError), capabilities.explain_permission_errors(status("0")):
        raise PermissionError(13, "Permission denied", "/etc/shadow")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root loses what other users never have")
def test_a_file_that_root_may_not_open_is_explained(status):
    explained = pytest.raises(PlatformError, match=r"/opt/ml/model/model_algo-1: .* DAC_OVERRIDE")
    with explained, capabilities.explain_permission_errors(status("0")):
        raise PermissionError(13, "Permission denied", "/opt/ml/model/model_algo-1")
    with pytest.raises(PermissionError), capabilities.explain_permission_errors(status("2")):
        raise PermissionError(13, "Permission denied", "/etc/shadow")
