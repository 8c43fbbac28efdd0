"""What every gunicorn of the local AWS is told, beside what each wants for itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from gunicorn.config import Config

MEMORY = "/dev/shm"
NO_CONTROL_SOCKET = "control_socket_disable"
"""Of newer gunicorns, whose socket lies in the user's home, the same for all servers of a user."""


def apply(options: Mapping[str, Any], config: Config) -> None:
    """The options, one worker process with threads, and what follows from both.

    The worker's sign of life, a file touched at every request, lies in memory where there is such a place. No caller may
    name scheme, path or script in headers of its own, as gunicorn lets callers on loopback: what stands in front of these
    servers, such as `wildsage.local_runner.proxy`, passes requests on untouched.
    """
    common = {
        "workers": 1,
        "worker_class": "gthread",
        "timeout": 0,
        "worker_tmp_dir": MEMORY if os.access(MEMORY, os.W_OK) else None,
        "forwarded_allow_ips": "",
    }
    for name, value in {**common, **options}.items():
        config.set(name, value)
    if NO_CONTROL_SOCKET in config.settings:
        config.set(NO_CONTROL_SOCKET, True)
