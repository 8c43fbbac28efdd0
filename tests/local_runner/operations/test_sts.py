"""Credentials of a role: the keys of the data folder where requests are signed, placeholders elsewhere, and when they expire."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from wildsage.local_runner.operations import sts
from wildsage.local_runner.operations.context import RequestContext
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures.keys import Keys


def context(tmp_path, **settings) -> RequestContext:
    return RequestContext(SimpleNamespace(settings=ServerSettings(tmp_path, **settings)))


def test_the_caller_has_the_role_of_the_settings(tmp_path):
    assert sts.get_caller_identity(context(tmp_path, role="Mine"), {}) == {
        "UserId": "AROA00000000000000000:local",
        "Account": "000000000000",
        "Arn": "arn:aws:sts::000000000000:assumed-role/Mine/local",
    }


@pytest.mark.parametrize("keys", [None, Keys("AKIAOWN", "own secret")])
@pytest.mark.parametrize("role", ["arn:aws:iam::000000000000:role/Other", "arn:aws:iam::000000000000:role/a/b/Other"])
def test_the_keys_of_a_role_are_those_of_the_data_folder(tmp_path, keys, role):
    found = sts.assume_role(context(tmp_path, keys=keys), {"RoleArn": role, "RoleSessionName": "s"})
    given = (found["Credentials"]["AccessKeyId"], found["Credentials"]["SecretAccessKey"])
    assert given == (("AKIAOWN", "own secret") if keys else ("ASIA0000000000000000", "local"))
    assert found["AssumedRoleUser"] == {
        "AssumedRoleId": "AROA00000000000000000:s",
        "Arn": "arn:aws:sts::000000000000:assumed-role/Other/s",
    }


@pytest.mark.parametrize(("asked", "lasts_s"), [({}, 3600), ({"DurationSeconds": 900}, 900)])
def test_credentials_expire_after_the_time_asked_for(tmp_path, asked, lasts_s):
    request = {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "s", **asked}
    before = time.time()
    expiration = sts.assume_role(context(tmp_path), request)["Credentials"]["Expiration"]
    assert before + lasts_s <= expiration <= time.time() + lasts_s
