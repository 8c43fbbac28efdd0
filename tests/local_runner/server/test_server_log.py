"""The server's log on a disk that is full for a while."""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
import time

import pytest

from wildsage.local_runner.server import server_log
from wildsage.local_runner.server.server_log import PatientFileHandler


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A logger, and its file; what it could not write it tries again at once."""
    monkeypatch.setattr(server_log, "TRY_AGAIN_S", 0.01)
    logger = logging.Logger("name")
    logger.addHandler(PatientFileHandler(tmp_path / "server.log"))
    return logger, tmp_path / "server.log"


def lines(path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def until(path, wanted: list[str]) -> None:
    give_up = time.monotonic() + 240
    while lines(path) != wanted:
        assert time.monotonic() < give_up, lines(path)
        time.sleep(0.01)


def test_a_record_is_a_line_at_the_end_of_the_file(log):
    logger, path = log
    path.write_text("before\n")
    logger.warning("a %s", "\udcff")
    logger.error("b")
    assert lines(path) == ["before", "WARNING:name:a ?", "ERROR:name:b"]
    path.unlink()
    logger.error("c")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_finds_no_room_is_written_later_in_its_order(log, monkeypatch):
    logger, path = log
    tried_again = threading.Semaphore(0)

    def full_again(*_: object) -> int:
        tried_again.release()
        return full()

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        for number in range(3):
            logger.error("%d", number)
        assert lines(path) == []
        disk.setattr(os, "write", full_again)
        assert tried_again.acquire(timeout=240) and tried_again.acquire(timeout=240)
    until(path, [f"ERROR:name:{number}" for number in range(3)])
    logger.error("after")
    assert lines(path)[3:] == ["ERROR:name:after"]


def test_half_a_line_is_taken_back(log, monkeypatch):
    logger, path = log
    (handler,) = logger.handlers
    path.write_text("before\n")
    write = os.write
    with handler.lock, monkeypatch.context() as disk:  # nothing is tried again meanwhile
        disk.setattr(os, "write", lambda file, text: write(file, text[:5]))
        logger.error("long")
        assert lines(path) == ["before"]
    until(path, ["before", "ERROR:name:long"])


def test_a_file_that_cannot_be_opened_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(server_log, "TRY_AGAIN_S", 0.01)
    logger = logging.Logger("name")
    logger.addHandler(PatientFileHandler(tmp_path / "folder" / "server.log"))
    logger.error("early")
    (tmp_path / "folder").mkdir()
    until(tmp_path / "folder" / "server.log", ["ERROR:name:early"])


def test_the_last_thousand_are_kept(log, monkeypatch):
    logger, path = log
    monkeypatch.setattr(server_log, "TRY_AGAIN_S", 1000)
    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        for number in range(1003):
            logger.error("%d", number)
    logger.error("now")
    assert [lines(path)[0], lines(path)[-1], len(lines(path))] == ["ERROR:name:4", "ERROR:name:now", 1000]


def test_a_retry_waits_for_who_writes(log, monkeypatch):
    logger, path = log
    (handler,) = logger.handlers
    with handler.lock:
        with monkeypatch.context() as disk:
            disk.setattr(os, "write", full)
            logger.error("kept")
        time.sleep(0.1)
        assert lines(path) == []
    until(path, ["ERROR:name:kept"])
