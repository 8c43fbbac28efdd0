"""Orders of tests: servers that are started with the settings of tests, ended on request, and all ended at the end."""

from __future__ import annotations

import io
import json
import os
import runpy
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from wildsage.local_runner.client import environment
from wildsage.local_runner.server.gunicorn_server import CannotServe
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures import keys
from wildsage.local_runner.testing import fork_server


@pytest.fixture
def started(monkeypatch) -> list[ServerSettings]:
    """The settings of servers that were started, in place of processes; a server that is ended has no settings left."""
    found: list[ServerSettings] = []

    def start(settings: ServerSettings) -> SimpleNamespace:
        if settings.data.name == "bad":
            raise CannotServe("The port is taken.")
        found.append(settings)
        return SimpleNamespace(endpoint=f"http://{settings.data.name}", discard=lambda: found.remove(settings))

    monkeypatch.setattr(fork_server.forked, "start", start)
    return found


def test_a_server_rejects_what_aws_rejects_and_answers_at_once(started, tmp_path):
    servers = {}
    assert fork_server.execute({"start": str(tmp_path / "a")}, servers) == {"endpoint": "http://a"}
    (settings,) = started
    assert (settings.data, settings.strict, settings.hold_first_describe_s) == (tmp_path / "a", True, 0)
    assert settings.keys is None and list(servers) == [str(tmp_path / "a")]


def test_a_server_checks_signatures_on_request(started, tmp_path):
    (tmp_path / "a").mkdir()
    fork_server.execute({"start": str(tmp_path / "a"), "token": "yes"}, {})
    assert started[0].keys == keys.ensure(tmp_path / "a")


def test_a_server_that_does_not_start_says_why(started, tmp_path):
    servers = {}
    assert fork_server.execute({"start": str(tmp_path / "bad")}, servers) == {"error": "The port is taken."}
    assert servers == {}


def test_a_server_is_ended_and_the_others_stay(started, tmp_path):
    servers = {}
    for name in "ab":
        fork_server.execute({"start": str(tmp_path / name)}, servers)
    assert fork_server.execute({"end": str(tmp_path / "a")}, servers) == {}
    assert [one.data.name for one in started] == ["b"] and list(servers) == [str(tmp_path / "b")]


@pytest.mark.parametrize("fails", [False, True])
def test_all_servers_end_with_standard_input_and_no_credentials_reach_them(
    started, tmp_path, monkeypatch, capsys, fails
):
    lines = [json.dumps({"start": str(tmp_path / name)}) for name in "ab"] + ["{"] * fails
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    warmed = []
    monkeypatch.setattr(fork_server, "warm_up", lambda: warmed.append("AWS_SESSION_TOKEN" in os.environ))
    monkeypatch.setattr(os, "environ", {"AWS_SESSION_TOKEN": "of a real account", "HOME": "/me"})
    if fails:
        with pytest.raises(ValueError):
            fork_server.main()
    else:
        fork_server.main()
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"endpoint": "http://a"},
        {"endpoint": "http://b"},
    ]
    assert (started, warmed) == ([], [False])
    assert os.environ == {"HOME": "/me", **environment.NO_ACCOUNT}


def test_each_answer_comes_before_the_next_order(started, tmp_path, monkeypatch):
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    answers = []

    def orders() -> Iterator[str]:
        for name in "ab":
            yield json.dumps({"start": str(tmp_path / name)})
            answers.append(json.loads(os.read(reading, 4096)))

    monkeypatch.setattr(fork_server, "warm_up", lambda: None)
    monkeypatch.setattr("sys.stdin", orders())
    with open(writing, "w") as out, open(reading, "rb"):
        monkeypatch.setattr("sys.stdout", out)
        fork_server.main()
    assert answers == [{"endpoint": "http://a"}, {"endpoint": "http://b"}]


def test_what_every_server_needs_is_read_once_before_any_is_forked(monkeypatch):
    read = []
    monkeypatch.setattr(fork_server.catalogue, "algorithms", lambda: read.append("algorithms"))
    monkeypatch.setattr(fork_server, "service_model", read.append)
    monkeypatch.setattr(fork_server, "operations", lambda: read.append("operations"))
    monkeypatch.setattr(fork_server, "operation_of", lambda *_, **__: read.append("s3"))
    fork_server.warm_up()
    assert sorted(read) == sorted([*fork_server.SERVICES, "algorithms", "operations", "s3"])


def test_the_program_ends_with_its_input(monkeypatch, capsys):
    asked = io.StringIO("")
    monkeypatch.setattr("sys.stdin", asked)
    monkeypatch.setattr(os, "environ", {"HOME": "/me"})
    runpy.run_path(fork_server.__file__, run_name="__main__")
    assert capsys.readouterr().out == "" and os.environ == {"HOME": "/me", **environment.NO_ACCOUNT}
