"""The server in a child process. It is forked, so that it starts with everything that is imported here already.

Fork while no other thread runs. The child ends when its parent stops it, or ends for any reason.
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

from wildsage.local_runner.processes.child import Child
from wildsage.local_runner.server import private_files
from wildsage.local_runner.server.gunicorn_server import CannotServe, ServerSettings, serve

CHECK_EVERY_S = 0.01  # mutants: equivalent: any pause between two looks at the server


@dataclass
class ForkedServer(Child):
    """A running server. `pid` is its first process and its process group; `parent_pipe` is our end of its standard input."""

    endpoint: str
    parent_pipe: int

    def stop(self, within_s: float) -> None:
        """Ask it to end with its jobs and endpoints; kill it after `within_s` seconds."""
        os.close(self.parent_pipe)
        deadline = time.monotonic() + within_s
        while self.runs() and time.monotonic() < deadline:
            time.sleep(CHECK_EVERY_S)  # mutants: equivalent: as above
        self._kill()

    def discard(self) -> None:
        """Kill it, for a data folder that is not needed any more. The supervisors of its containers end those."""
        self._kill()
        os.close(self.parent_pipe)

    def _kill(self) -> None:
        if self.runs():
            os.killpg(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)


def start(settings: ServerSettings) -> ForkedServer:
    """Serve in a child process and return when it accepts connections. Raises CannotServe."""
    try:
        private_files.prepare(settings.data)
    except private_files.CannotUse as error:
        raise CannotServe(str(error)) from None
    child_stdin, parent_pipe = os.pipe()
    answer, child_answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(parent_pipe)
        os.close(answer)
        _serve_and_exit(settings, child_stdin, child_answer)
    os.close(child_stdin)
    os.close(child_answer)
    with open(answer, "rb") as report:
        found = json.loads(report.readline() or b"{}")
    server = ForkedServer(pid, found.get("endpoint", ""), parent_pipe)
    if not server.endpoint:
        server.discard()
        raise CannotServe(found.get("error", f"The server ended at once; see {settings.data / 'server.log'}."))
    return server


def _serve_and_exit(settings: ServerSettings, stdin: int, answer: int) -> NoReturn:
    """Run the child in a session of its own, because its parent handles Ctrl-C in the terminal."""
    status = 1
    try:
        os.setsid()
        os.dup2(stdin, 0)
        log = os.open(settings.data / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, private_files.FILE_MODE)
        os.dup2(log, 1)
        os.dup2(log, 2)
        stop_when_stdin_closes()
        serve(settings, lambda endpoint: _report(answer, endpoint=endpoint))
        status = 0
    except CannotServe as error:
        _report(answer, error=str(error))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _report(answer: int, **found: Any) -> None:
    os.write(answer, json.dumps(found).encode() + b"\n")


def stop_when_stdin_closes() -> None:
    """Send this process SIGTERM when its standard input closes, as it does when the parent ends for any reason."""
    threading.Thread(target=_await_end_of_stdin, daemon=True).start()


def _await_end_of_stdin() -> None:
    while os.read(0, 1024):  # not sys.stdin: a forked worker would inherit its lock, held by this thread, for ever
        pass
    os.kill(os.getpid(), signal.SIGTERM)
