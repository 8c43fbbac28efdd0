"""How every server of this project runs under gunicorn: endpoints in their containers, and the local AWS with its S3.

Kept beside the contract, because this is what containers and the local AWS may both import.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Mapping
from typing import Any

from gunicorn.config import Config

from wildsage.containers.contract.patient_worker import PatientWorker

MEMORY_FOLDER = "/dev/shm"

NO_CONTROL_SOCKET = "control_socket_disable"
"""A setting of newer gunicorns. Their control socket lies in the user's home, the same for all servers of a user."""

M_ARENA_MAX = -8
ARENAS = 2


def apply(options: Mapping[str, Any], config: Config) -> None:
    """Set what all servers share, then `options`, which take precedence.

    Workers have threads, limits for slow clients, and no timeout for answers. Their heartbeat, a file touched at every
    request, lies in memory where a memory folder exists. `forwarded_allow_ips` is empty so that no caller sets scheme, path or
    script by headers, which gunicorn allows callers on loopback by default: proxies in front of these servers, such as
    `wildsage.local_runner.proxy`, pass requests on unchanged.
    """
    shared = {
        "workers": 1,
        "worker_class": PatientWorker,
        "timeout": 0,
        "worker_tmp_dir": MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK) else None,
        "forwarded_allow_ips": "",
    }
    for name, value in {**shared, **options}.items():
        config.set(name, value)
    if NO_CONTROL_SOCKET in config.settings:
        config.set(NO_CONTROL_SOCKET, True)


def limit_malloc_arenas() -> None:
    """Let all threads share two malloc arenas; glibc gives each thread its own, which keeps freed memory.

    This halves the memory that remains after a transfer of 200 MB. Call it before threads start. It has no effect with C
    libraries other than glibc.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
