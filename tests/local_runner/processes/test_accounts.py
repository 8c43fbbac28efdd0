"""Who else may log in."""

from __future__ import annotations

import os
import pwd

import pytest

from wildsage.local_runner.processes import accounts


@pytest.fixture
def people(monkeypatch):
    """Replaces the accounts of this machine: names, user ids and shells."""

    def replace(*accounts: tuple[str, int, str]) -> None:
        entries = [pwd.struct_passwd((name, "x", uid, uid, "", "/", shell)) for name, uid, shell in accounts]
        monkeypatch.setattr(pwd, "getpwall", lambda: entries)

    monkeypatch.setattr(os, "getuid", lambda: 1003)
    return replace


def test_people_are_told_from_services_and_from_oneself(people):
    people(
        ("root", 0, "/bin/bash"),
        ("service", 999, "/bin/sh"),
        ("first", 1000, "/bin/bash"),
        ("me", 1003, "/bin/bash"),
        ("last", 59_999, "/bin/zsh"),
        ("nobody", 60_000, "/bin/sh"),
        ("locked", 1001, "/usr/sbin/nologin"),
        ("off", 1002, "/bin/false"),
        ("sync", 1004, "/bin/sync"),
    )
    assert accounts.of_others() == ["first", "last"]


def test_five_names_are_enough(people):
    people(*((name, 2000 + number, "/bin/sh") for number, name in enumerate("gfedcba")))
    assert accounts.of_others() == list("abcde")


def test_alone_there_are_no_others(people):
    people(("me", 1003, "/bin/bash"))
    assert accounts.of_others() == []
