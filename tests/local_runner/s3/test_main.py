"""The S3 server alone: its address, its folder, and the public S3 if it is given one."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from gunicorn.app.base import BaseApplication
from typer.testing import CliRunner
from werkzeug.test import Client

from wildsage.containers.contract import gunicorn_options
from wildsage.local_runner.s3.__main__ import S3Server, main
from wildsage.local_runner.s3.store import ObjectStore


@pytest.mark.parametrize(
    ("options", "address"), [([], ("127.0.0.1", 9000)), (["--bind", "127.0.0.2:7"], ("127.0.0.2", 7))]
)
def test_a_server_listens_where_it_is_told(tmp_path, monkeypatch, options, address):
    served: list[S3Server] = []
    monkeypatch.setattr(BaseApplication, "run", lambda server: served.append(server))
    app = typer.Typer()
    app.command()(main)
    assert CliRunner().invoke(app, [str(tmp_path), *options]).exit_code == 0
    assert [(server.cfg.address, server.cfg.workers) for server in served] == [([address], 1)]
    assert served[0].cfg.threads > 8


@pytest.mark.parametrize(
    ("public", "text"),
    [(None, "The specified bucket does not exist"), ("http://127.0.0.1:1", "the public S3 cannot be reached")],
)
def test_the_worker_opens_the_folder_and_reads_from_afar_only_if_it_may(tmp_path, monkeypatch, public, text):
    store = ObjectStore(tmp_path)
    store.create_bucket("bucket")
    store.put("bucket", "k", [b"x"])
    store.close()
    limited: list[str] = []
    monkeypatch.setattr(gunicorn_options, "limit_malloc_arenas", lambda: limited.append("arenas"))
    client = Client(S3Server(tmp_path, "127.0.0.1:0", public).load())
    assert limited == ["arenas"] and client.get("/bucket/k").data == b"x"
    answer = client.get("/absent/k")
    assert answer.status_code == 404 and text in answer.text


def test_the_module_is_a_command():
    command = [sys.executable, "-m", "wildsage.local_runner.s3", "--help"]
    assert "Serve a folder as S3" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
