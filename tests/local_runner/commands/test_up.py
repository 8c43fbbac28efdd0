"""What `wildsage up` says and asks for, without a server: whom the port is open to, variables for shells, what is rejected."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from wildsage.local_runner.client import environment
from wildsage.local_runner.commands import up
from wildsage.local_runner.server.lock import RunningServer
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures.keys import Keys

ENDPOINT = "http://127.0.0.1:4577"


@pytest.fixture(autouse=True)
def alone(monkeypatch) -> None:
    """Nobody else has an account here, and no variable of a client or container is set."""
    monkeypatch.setattr(up.accounts, "of_others", lambda: [])
    for name in (
        environment.PUBLISHED_AT,
        *environment.conflicting(dict.fromkeys(environment.variables(ENDPOINT, Path("/d"), False, {}))),
    ):
        monkeypatch.delenv(name, raising=False)


def announced(capsys, settings: ServerSettings, proxy: str | None = None, **more: Any) -> tuple[str, str]:
    up.announce(ENDPOINT, settings, False, proxy, **more)
    said = capsys.readouterr()
    return said.out, " ".join(said.err.split())


def status_of(call: Any, *arguments: Any) -> int:
    with pytest.raises(typer.Exit) as ended:
        call(*arguments)
    return ended.value.exit_code


def test_it_says_where_it_is_and_how_a_shell_uses_it(tmp_path, capsys):
    out, err = announced(capsys, ServerSettings(tmp_path))
    assert err.startswith(f"Local AWS on {ENDPOINT}, state in {tmp_path}. Ctrl-C stops it.")
    assert f"Jobs and endpoints run as {up.RUN_AS['process']}." in err
    assert "To use it in a shell, run these lines:" in err
    assert f"export AWS_ENDPOINT_URL={ENDPOINT}" in out.splitlines()
    assert "Open to the network" not in err and "proxy" not in err and "accounts" not in err
    assert (
        "`wildsage down` stops it." in announced(capsys, ServerSettings(tmp_path), end="`wildsage down` stops it.")[1]
    )


@pytest.mark.parametrize(
    ("settings", "others", "said", "unsaid"),
    [
        (
            {"open_to_network": True, "host": "0.0.0.0"},
            ["eve"],
            [up.OPEN_WARNING, "Open to the network on 0.0.0.0."],
            [up.TOKEN_NOTE, "eve"],
        ),
        (
            {"open_to_network": True, "keys": Keys("A", "s")},
            [],
            [up.TOKEN_NOTE, "Open to the network"],
            [up.OPEN_WARNING],
        ),
        ({"keys": Keys("A", "s")}, ["eve"], [up.TOKEN_NOTE], ["Open to", "eve"]),
        ({}, ["eve", "mallory"], ["Others have accounts on this machine (eve, mallory)"], ["Open to", up.TOKEN_NOTE]),
    ],
)
def test_it_says_who_can_reach_it(tmp_path, capsys, monkeypatch, settings, others, said, unsaid):
    monkeypatch.setattr(up.accounts, "of_others", lambda: others)
    _, err = announced(capsys, ServerSettings(tmp_path, **settings))
    assert all(" ".join(text.split()) in err for text in said)
    assert not any(" ".join(text.split()) in err for text in unsaid)


def test_a_proxy_is_named_and_used_by_the_variables(tmp_path, capsys):
    out, err = announced(capsys, ServerSettings(tmp_path), "http://127.0.0.1:4578")
    assert "HTTPS proxy on http://127.0.0.1:4578" in err
    assert "http://127.0.0.1:4578" in out


def test_on_a_terminal_a_shell_gets_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    up.announce(ENDPOINT, ServerSettings(tmp_path), False, "http://127.0.0.1:4578")
    said = capsys.readouterr()
    assert said.out == ""
    wanted = f'eval "$(wildsage up --export --data {tmp_path} --proxy --proxy-port 4578)"'
    assert wanted in " ".join(said.err.split())


def test_in_a_container_clients_on_the_host_get_its_address_there(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv(environment.PUBLISHED_AT, "http://localhost:9999")
    out, err = announced(capsys, ServerSettings(tmp_path))
    assert "Local AWS on http://localhost:9999" in err
    assert "export AWS_ENDPOINT_URL=http://localhost:9999" in out and str(tmp_path) not in out


def test_variables_that_would_win_over_ours_are_unset_first(tmp_path, monkeypatch):
    assert not up.shell_exports(ENDPOINT, tmp_path, False).startswith("unset")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere")
    first, *others = up.shell_exports(ENDPOINT, tmp_path, False).splitlines()
    assert shlex.split(first)[0] == "unset" and "AWS_ENDPOINT_URL_S3" in first
    assert others and all(line.startswith("export ") for line in others)


def test_the_variables_of_a_running_server_are_printed(tmp_path, capsys, monkeypatch):
    assert status_of(up.export_running, tmp_path, False, None) == 1
    assert "No local AWS runs on" in capsys.readouterr().err
    monkeypatch.setattr(up, "running", lambda data: RunningServer(ENDPOINT, 1))
    up.export_running(tmp_path, False, None)
    assert capsys.readouterr().out == up.shell_exports(ENDPOINT, tmp_path, False) + "\n"
    assert status_of(up.require_free, tmp_path) == 1
    assert f"A server already runs on {tmp_path}, at {ENDPOINT}." in " ".join(capsys.readouterr().err.split())


def test_a_folder_without_a_server_is_free(tmp_path):
    up.require_free(tmp_path)


def test_a_proxy_that_runs_is_found_by_its_port(capsys):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert status_of(up.running_proxy, port) == 1
        assert f"No proxy runs on port {port}." in " ".join(capsys.readouterr().err.split())
        listener.listen()
        assert up.running_proxy(port) == f"http://127.0.0.1:{port}"


def test_keys_are_made_once(tmp_path):
    assert up.make_keys(tmp_path) == up.make_keys(tmp_path)
    (tmp_path / "file").touch()
    assert status_of(up.make_keys, tmp_path / "file") == 1


@pytest.mark.parametrize(("status", "ended"), [(7, 7), (0, 3), (None, 3)])
def test_a_server_in_the_background_that_does_not_start_ends_the_command(tmp_path, capsys, status, ended):
    background = SimpleNamespace(wait_for=lambda ready: ready(), output=lambda: "why [not]", status=status)
    assert status_of(up.announce_background, background, ServerSettings(tmp_path), False, None) == ended
    assert "why [not]" in capsys.readouterr().err


def test_a_server_in_the_background_is_announced(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(up, "running", lambda data: RunningServer(ENDPOINT, 1))
    background = SimpleNamespace(wait_for=lambda ready: ready())
    up.announce_background(background, ServerSettings(tmp_path), False, up.ProxyOptions(4578, False))
    said = " ".join(capsys.readouterr().err.split())
    assert "`wildsage down` stops it." in said and "HTTPS proxy on http://127.0.0.1:4578" in said


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_signal_ends_it_without_an_error(capsys, error):
    with up.stopped_by_signals():
        raise error
    assert capsys.readouterr().err == "Stopped.\n"
