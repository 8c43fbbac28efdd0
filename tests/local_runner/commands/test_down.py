"""`wildsage down`: the server of a folder is asked to end, and the exit status says whether it has."""

from __future__ import annotations

import pytest

from wildsage.local_runner.server import lock

SERVER = lock.RunningServer("http://127.0.0.1:4577", 42)


def test_where_no_server_runs_the_exit_status_is_1(cli, tmp_path):
    said = cli("down", "--data", tmp_path)
    assert (said.status, said.err) == (1, f"No local AWS runs on {tmp_path}.")


@pytest.mark.parametrize(
    ("ends", "status", "words"), [(True, 0, "Stopped."), (False, 3, "Process 42 still runs. `kill -9 42` ends it")]
)
def test_a_server_is_asked_to_end(cli, tmp_path, monkeypatch, ends, status, words):
    asked = []
    monkeypatch.setattr(lock, "running", lambda data: SERVER)
    monkeypatch.setattr(lock, "stop", lambda *server: asked.append(server) or ends)
    said = cli("down", "--data", tmp_path)
    assert asked == [(tmp_path, SERVER)]
    assert said.status == status and words in said.err
    assert said.err.startswith("Stopping the local AWS on http://127.0.0.1:4577 …")
