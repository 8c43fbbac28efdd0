"""What every server is set to; that callers cannot rewrite a path is asked of running servers beside them."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys

import pytest
from gunicorn.config import Config

from wildsage.containers.contract import gunicorn_options


def test_no_server_opens_a_control_socket():
    config = Config()
    if gunicorn_options.NO_CONTROL_SOCKET not in config.settings:
        pytest.skip("this gunicorn has no control socket")
    gunicorn_options.apply({}, config)
    assert config.control_socket_disable


def test_a_servers_own_options_take_precedence_over_the_shared_ones():
    config = Config()
    gunicorn_options.apply({"threads": 5, "timeout": 7}, config)
    assert (config.threads, config.timeout, config.worker_class.__name__) == (5, 7, "PatientWorker")


def test_no_caller_is_trusted_to_name_the_path():
    config = Config()
    gunicorn_options.apply({}, config)
    assert config.forwarded_allow_ips == []


def test_a_server_is_one_worker_without_a_timeout_unless_it_says_otherwise():
    config = Config()
    gunicorn_options.apply({}, config)
    assert (config.workers, config.timeout, config.worker_class.__name__) == (1, 0, "PatientWorker")


@pytest.mark.parametrize("writable", [True, False])
def test_heartbeats_lie_in_memory_where_a_folder_there_can_be_written(tmp_path, monkeypatch, writable):
    monkeypatch.setattr(gunicorn_options, "MEMORY_FOLDER", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: writable and (path, mode) == (str(tmp_path), os.W_OK))
    config = Config()
    gunicorn_options.apply({}, config)
    assert config.worker_tmp_dir == (str(tmp_path) if writable else None)


ARENAS = """
import ctypes, threading
from wildsage.containers.contract.gunicorn_options import limit_malloc_arenas

limit_malloc_arenas()
libc = ctypes.CDLL(None)
libc.fdopen.restype = libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(8)

def allocate():
    together.wait()
    libc.malloc(1000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no arenas")
def test_threads_share_two_arenas():
    done = subprocess.run([sys.executable, "-c", ARENAS], capture_output=True, text=True, check=True)
    assert done.stdout.count("<heap nr=") == 2


@pytest.mark.parametrize("missing", [OSError("no C library"), AttributeError("mallopt")])
def test_another_c_library_is_left_as_it_is(monkeypatch, missing):
    def library(_: object) -> None:
        raise missing

    monkeypatch.setattr(ctypes, "CDLL", library)
    gunicorn_options.limit_malloc_arenas()
