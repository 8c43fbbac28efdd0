"""The server in a child process of one's own: forked, so that it starts with all that is imported here already.

Fork while no other thread runs. The child ends when its parent stops it or dies, however it dies.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

from wildsage.local_runner.server.gunicorn_server import CannotServe, ServerSettings, serve

LOOK_EVERY_S = 0.01


@dataclass
class ForkedServer:
    """A running server. `pid` is its first process and its process group; `lifeline`, our end of its standard input."""

    endpoint: str
    pid: int
    lifeline: int
    status: int | None = None

    def runs(self) -> bool:
        """False once it has ended, with its exit status in `status`."""
        if self.status is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if ended else None
        return self.status is None

    def stop(self, within_s: float) -> None:
        """Ask it to end, jobs and endpoints with it; after `within_s` seconds kill it."""
        os.close(self.lifeline)
        deadline = time.monotonic() + within_s
        while self.runs() and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        self._kill()

    def discard(self) -> None:
        """End it at once, for a data folder that nobody wants any more. The leashes of its containers end those."""
        self._kill()
        os.close(self.lifeline)

    def _kill(self) -> None:
        if self.runs():
            os.killpg(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)


def start(settings: ServerSettings) -> ForkedServer:
    """Serve in a child process and return when it takes connections. Raises CannotServe."""
    settings.data.mkdir(parents=True, exist_ok=True)
    their_stdin, lifeline = os.pipe()
    answer, their_answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(lifeline)
        os.close(answer)
        _serve_and_exit(settings, their_stdin, their_answer)
    os.close(their_stdin)
    os.close(their_answer)
    with open(answer, "rb") as told:
        found = json.loads(told.readline() or b"{}")
    server = ForkedServer(found.get("endpoint", ""), pid, lifeline)
    if not server.endpoint:
        server.discard()
        raise CannotServe(found.get("error", f"The server ended at once; see {settings.data / 'server.log'}."))
    return server


def _serve_and_exit(settings: ServerSettings, stdin: int, answer: int) -> NoReturn:
    """The life of the child, in a session of its own: Ctrl-C in the terminal is its parent's to answer."""
    status = 1
    try:
        os.setsid()
        os.dup2(stdin, 0)
        log = os.open(settings.data / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        stop_when_stdin_closes()
        serve(settings, lambda endpoint: _tell(answer, endpoint=endpoint))
        status = 0
    except CannotServe as error:
        _tell(answer, error=str(error))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _tell(answer: int, **found: Any) -> None:
    os.write(answer, json.dumps(found).encode() + b"\n")
    os.close(answer)


def stop_when_stdin_closes() -> None:
    """From now on SIGTERM ends this process once its standard input does: the other end closes however its owner ends."""
    threading.Thread(target=_await_end_of_stdin, daemon=True).start()


def _await_end_of_stdin() -> None:
    while os.read(0, 1024):  # past sys.stdin: its lock, held by this thread, would be held forever in a forked worker
        pass
    os.kill(os.getpid(), signal.SIGTERM)
