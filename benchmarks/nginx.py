"""nginx on this machine, as a load balancer in front of servers that come and go."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import urllib3

WITHIN_S = 120
CONFIG = """
USERdaemon off; pid nginx.pid; error_log nginx.log; worker_processes 2;
events {}
http {
    access_log off; client_body_temp_path body; proxy_temp_path proxy;
    upstream servers { ADDRESSES keepalive 32; }
    server {
        listen 127.0.0.1:PORT; keepalive_requests 1000000;
        location / { proxy_pass http://servers; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
"""


def program() -> str | None:
    """The path of nginx, which Debian keeps where only root looks; None where it is not installed."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def free_port() -> int:
    """A port of the loopback address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_until(met: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Look again and again. Raises TimeoutError if it is not met in time."""
    deadline = time.monotonic() + within_s
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not so after {within_s:g} s")
        time.sleep(0.05)


def is_ready(port: int) -> bool:
    """Whether the server at this port answers /ping with 200."""
    with suppress(urllib3.exceptions.HTTPError):
        return urllib3.request("GET", f"http://127.0.0.1:{port}/ping", retries=False, timeout=10).status == 200
    return False


class Balancer:
    """nginx, which keeps connections to the servers open. Its files lie in `folder`."""

    def __init__(self, program: str, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "nginx.conf"
        self._command = [program, "-p", str(folder), "-e", "nginx.log", "-c", str(self._config)]
        self._process: subprocess.Popen | None = None

    def spread_over(self, ports: Sequence[int]) -> None:
        """Send requests to these servers alone, from when this returns."""
        addresses = " ".join(f"server 127.0.0.1:{port};" for port in ports)
        user = "user root; " if os.geteuid() == 0 else ""
        text = CONFIG.replace("ADDRESSES", addresses).replace("PORT", str(self.port)).replace("USER", user)
        self._config.write_text(text)
        if self._process is None:
            self._process = subprocess.Popen(self._command)
            wait_until(lambda: is_ready(self.port))
            return
        earlier = psutil.Process(self._process.pid).children()
        self._process.send_signal(signal.SIGHUP)
        psutil.wait_procs(earlier, WITHIN_S)

    def end(self) -> None:
        """Stop nginx, if it was started."""
        if self._process:
            self._process.terminate()
            self._process.wait(WITHIN_S)
