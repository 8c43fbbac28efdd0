"""What `wildsage up` says and asks for, without a server: whom the port is open to, variables for shells, what is rejected."""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from wildsage.local_runner.backends import CannotRun
from wildsage.local_runner.client import environment
from wildsage.local_runner.commands import up
from wildsage.local_runner.commands.display import LogFormat
from wildsage.local_runner.server.lock import RunningServer
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures import keys
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


@pytest.fixture
def served(monkeypatch) -> list[tuple]:
    """What is served, in place of a server: how, with which settings, and what else that takes."""
    found: list[tuple] = []
    monkeypatch.setattr(up, "serve_with_display", lambda *arguments: found.append(("display", *arguments)))
    monkeypatch.setattr(up, "serve_until_stdin_closes", lambda *arguments: found.append(("stdin", *arguments)))
    monkeypatch.setattr(up, "announce_background", lambda *arguments: found.append(("background", *arguments)))
    return found


def test_without_options_it_serves_this_machine_alone(cli, served, tmp_path):
    assert cli("up", "--data", tmp_path / "data").status == 0
    settings = ServerSettings(tmp_path / "data", port=4577, warm_up=True, hold_first_describe_s=0)
    assert served == [("display", settings, False, LogFormat.TEXT, None)]
    assert (tmp_path / "data").is_dir()


def test_options_are_the_settings_of_the_server(cli, served, tmp_path):
    weights = tmp_path / "weights.pth"
    weights.touch()
    flags = ("--public-s3", "--strict", "--keep", "--token", "--sdk-polling", "--proxy", "--tunnel")
    values = ("--port", 0, "--max-jobs", 1, "--proxy-port", 9, "--log-format", "json", "--pretrained-weights", weights)
    commands = ("--image", "mine=serve it", "--python", f"tensorflow={sys.executable}")
    assert cli("up", "--data", tmp_path, *flags, *values, *commands).status == 0
    settings = ServerSettings(
        tmp_path, port=0, public_s3=True, strict=True, keep=True, keys=keys.ensure(tmp_path), max_jobs=1, warm_up=True,
        pretrained_weights=weights, images={"mine": ("serve", "it")}, pythons={"tensorflow": Path(sys.executable)},
    )  # fmt: skip
    assert served == [("display", settings, True, LogFormat.JSON, up.ProxyOptions(9, True))]


@pytest.mark.parametrize(
    ("option", "least", "most"), [("--port", 0, 65535), ("--proxy-port", 1, 65535), ("--max-jobs", 1, None)]
)
def test_the_first_and_the_last_number_that_is_accepted(cli, served, tmp_path, option, least, most):
    def status(number: int) -> int:
        return cli("up", "--data", tmp_path, "--proxy", option, number).status

    assert (status(least - 1), status(least)) == (2, 0)
    assert most is None or (status(most), status(most + 1)) == (0, 2)


def test_help_is_silent_about_what_run_alone_needs(cli):
    assert "--until-stdin" not in cli("up", "--help").out


def test_a_proxy_has_a_port_of_its_own_and_tunnels_nothing(cli, served, tmp_path):
    cli("up", "--data", tmp_path, "--proxy")
    assert served[0][-1] == up.ProxyOptions(4578, False)


@pytest.mark.parametrize(
    ("options", "is_open", "is_signed"),
    [
        (("--bind", "0.0.0.0"), True, True),
        (("--bind", "0.0.0.0", "--no-token"), True, False),
        (("--bind", "localhost"), False, False),
        (("--token",), False, True),
        ((), False, False),
    ],
)
def test_a_server_that_others_reach_asks_for_signatures_unless_told_not_to(
    cli, served, tmp_path, options, is_open, is_signed
):
    assert cli("up", "--data", tmp_path, *options).status == 0
    ((_, settings, *_),) = served
    assert settings.host == (options[1] if "--bind" in options else "127.0.0.1")
    assert (settings.open_to_network, settings.keys is not None) == (is_open, is_signed)


def test_in_the_background_the_parent_announces_and_the_child_serves(cli, served, tmp_path, monkeypatch):
    for child, (how, *_) in ((None, ("display",)), ("the child", ("background",))):
        served.clear()
        monkeypatch.setattr(up.detached, "fork", lambda log, child=child: child)
        assert cli("up", "--data", tmp_path, "--detach", "--proxy", "--sdk-polling").status == 0
        assert served[0][0] == how
        if child:
            assert (served[0][1], *served[0][3:]) == (child, True, up.ProxyOptions(4578, False))


def test_a_server_of_run_ends_with_its_standard_input(cli, served, tmp_path):
    assert cli("up", "--data", tmp_path, "--until-stdin-closes").status == 0
    assert [how for how, *_ in served] == ["stdin"]


def test_limits_of_containers_are_docker_s(cli, served, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(up, "require_engine", lambda: asked.append(True))
    for options, expected in ((("--memory", "4g", "--shm-size", "512M"), ("4g", "512M")), ((), (None, "1g"))):
        assert cli("up", "--data", tmp_path, "--backend", "docker", *options).status == 0
        settings = served.pop()[1]
        assert (settings.backend, settings.memory, settings.shm_size) == ("docker", *expected)
    assert asked == [True, True]
    cli("up", "--data", tmp_path)
    assert asked == [True, True]


@pytest.mark.parametrize(
    ("size", "accepted"), [("1", True), ("64MB", True), ("2b", True), ("", False), ("1.5g", False), ("٣g", False)]
)
def test_sizes_are_as_docker_takes_them(size, accepted):
    if accepted:
        assert up.check_size(size) == size
    else:
        with pytest.raises(typer.BadParameter, match="expected a number with k, m or g"):
            up.check_size(size)
    assert up.check_size(None) is None


def test_the_variables_are_printed_and_nothing_is_served(cli, served, tmp_path, monkeypatch):
    monkeypatch.setattr(up, "running", lambda data: RunningServer(ENDPOINT, 1))
    said = cli("up", "--data", tmp_path, "--export")
    assert (said.status, said.out) == (0, up.shell_exports(ENDPOINT, tmp_path, False) + "\n")
    monkeypatch.setattr(up, "running_proxy", lambda port: f"http://127.0.0.1:{port}")
    said = cli("up", "--data", tmp_path, "--export", "--proxy", "--sdk-polling")
    assert said.out == up.shell_exports(ENDPOINT, tmp_path, True, "http://127.0.0.1:4578") + "\n"
    assert cli("up", "--data", tmp_path).status == 1
    assert served == []


@dataclass
class Server:
    """A server that has ended by itself."""

    status: int
    endpoint: str = ENDPOINT
    stopped: list[float] = field(default_factory=list)

    def runs(self) -> bool:
        return False

    def stop(self, limit_s: float) -> None:
        self.stopped.append(limit_s)


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Has a server started that ends at once with a status, in place of a process."""

    def ends_with(status: int) -> Server:
        server = Server(status)
        (tmp_path / "regions").mkdir()
        monkeypatch.setattr("wildsage.local_runner.server.forked.start", lambda settings: server)
        return server

    return ends_with


def test_a_server_that_was_stopped_ends_without_an_error(start, tmp_path, capsys):
    server = start(0)
    up.serve_with_display(ServerSettings(tmp_path), False, LogFormat.TEXT, None)
    said = capsys.readouterr()
    assert said.err.endswith("Stopped by `wildsage down`.\n") and f"Local AWS on {ENDPOINT}" in said.err
    assert server.stopped == [30]


def test_a_server_that_broke_ends_with_status_3(start, tmp_path, capsys):
    server = start(7)
    assert status_of(up.serve_with_display, ServerSettings(tmp_path), False, LogFormat.TEXT, None) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert f"The server ended unexpectedly with status 7; see {tmp_path / 'server.log'}." in said
    assert server.stopped == [30]


@pytest.mark.parametrize("published", [None, "http://localhost:9999"])
def test_a_program_reads_where_the_server_is(start, tmp_path, capsys, monkeypatch, published):
    if published:
        monkeypatch.setenv(environment.PUBLISHED_AT, published)
    start(0)
    up.serve_with_display(ServerSettings(tmp_path), True, LogFormat.JSON, None)
    variables = up.client_variables(ENDPOINT, tmp_path, True, None)
    record = {"event": "up", "endpoint": published or ENDPOINT, "data": str(tmp_path), "variables": variables}
    assert json.loads(capsys.readouterr().out) == record
    assert variables["WILDSAGE_SDK_POLLING"] == "1"


def test_a_proxy_runs_as_long_as_the_server(start, tmp_path, capsys, monkeypatch):
    asked = []

    @contextlib.contextmanager
    def run_proxy(*arguments):
        asked.append(arguments)
        yield "http://127.0.0.1:9"
        asked.append("ended")

    monkeypatch.setattr(up.process, "run_proxy", run_proxy)
    start(0)
    up.serve_with_display(ServerSettings(tmp_path), False, LogFormat.TEXT, up.ProxyOptions(9, True))
    assert asked == [(tmp_path, ENDPOINT, 9, True), "ended"]
    assert "HTTPS proxy on http://127.0.0.1:9" in capsys.readouterr().err


def test_a_server_that_cannot_start_says_why(tmp_path, capsys, monkeypatch):
    from wildsage.local_runner.server import forked, gunicorn_server

    def fails(*_):
        raise forked.CannotServe("The port is taken.")

    monkeypatch.setattr(forked, "start", fails)
    assert status_of(up.serve_with_display, ServerSettings(tmp_path), False, LogFormat.TEXT, None) == 1
    monkeypatch.setattr(forked, "stop_when_stdin_closes", lambda: None)
    monkeypatch.setattr(gunicorn_server, "serve", fails)
    assert status_of(up.serve_until_stdin_closes, ServerSettings(tmp_path)) == 1
    assert capsys.readouterr().err.count("The port is taken.") == 2


def test_without_an_engine_docker_is_rejected(capsys, monkeypatch):
    docker = pytest.importorskip("wildsage.local_runner.backends.docker")

    def refuse():
        raise CannotRun("No Docker engine answers.")

    monkeypatch.setattr(docker, "connect", refuse)
    assert status_of(up.require_engine) == 1
    assert "No Docker engine answers." in capsys.readouterr().err
    closed = []
    monkeypatch.setattr(docker, "connect", lambda: SimpleNamespace(close=lambda: closed.append(True)))
    up.require_engine()
    assert closed == [True]
