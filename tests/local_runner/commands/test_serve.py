"""`wildsage serve`: what it rejects before anything starts, and the exit status of the container."""

from __future__ import annotations

import contextlib
import socket

import pytest

from wildsage.algorithms.base.ports import free_port
from wildsage.local_runner.commands import serve as command


@pytest.fixture
def served(monkeypatch) -> list[tuple]:
    """What is served, in place of a container, which ends with status 7."""
    found: list[tuple] = []

    @contextlib.contextmanager
    def serving(model, port, algorithm, environment):
        found.append((model, port, algorithm))
        yield "process"

    monkeypatch.setattr(command.standalone, "serving", serving)
    monkeypatch.setattr(command.foreground, "wait", lambda process: 7 if process == "process" else 0)
    return found


@pytest.mark.parametrize("options", [[], ["--algorithm", "kmeans"]])
def test_a_model_is_served_at_a_port_until_the_container_ends(cli, served, tmp_path, options):
    model, port = tmp_path / "[m].tar.gz", free_port()
    model.touch()
    said = cli("serve", model, "--port", port, *options)
    assert said.status == 7
    assert served == [(model, port, options[1] if options else None)]
    assert f"Serving {model} on http://127.0.0.1:{port}/invocations. Ctrl-C stops it." in said.err


def test_it_listens_where_containers_do_and_has_a_form(cli, served, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "require_free_port", lambda port: None)
    (tmp_path / "m").touch()
    said = cli("serve", tmp_path / "m")
    assert served == [(tmp_path / "m", 8080, None)]
    assert "In a browser, http://127.0.0.1:8080/ has a form to try it with." in said.err


def test_what_is_not_an_archive_or_has_no_port_is_rejected(cli, served, tmp_path):
    said = cli("serve", tmp_path)
    assert (
        said.status == 1 and f"is a folder, expected a model archive, such as {tmp_path / 'model.tar.gz'}." in said.err
    )
    said = cli("serve", tmp_path / "absent")
    assert said.status == 1 and "no such file. `wildsage train` writes one." in said.err
    (tmp_path / "m").touch()
    said = cli("serve", tmp_path / "m", "--algorithm", "kmeens")
    assert said.status == 2 and "kmeans" in said.err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = cli("serve", tmp_path / "m", "--port", taken.getsockname()[1])
    assert said.status == 1
    assert served == []
