"""Starts a campaign's servers in a tenth of a second: everything is imported once, and each server is a fork.

`python fork_server.py` reads one JSON object a line, `{"arguments": […], "files": 96 or null}`, and answers with
`{"pid": …, "endpoint": …}`. The arguments are those of `run_server.py`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "local_runner"))
import run_server

from wildsage.local_runner.testing.fork_server import warm_up


def fork(arguments: list[str], files: int | None) -> dict:
    """Start a server, and wait until it answers or has ended."""
    answer, child_answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(answer)
        serve_and_exit(arguments, files, child_answer)
    os.close(child_answer)
    with open(answer) as endpoint:
        return {"pid": pid, "endpoint": endpoint.readline().strip()}


def serve_and_exit(arguments: list[str], files: int | None, answer: int) -> None:
    """Be the server, with a limit of open files if one is given."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        if files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

        def announce(endpoint: str) -> None:
            os.write(answer, f"{endpoint}\n".encode())
            os.close(answer)

        run_server.main(arguments, announce)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone at once
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(fork(order["arguments"], order["files"])), flush=True)
