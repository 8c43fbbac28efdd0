"""Runs Python programs in forks of an interpreter that has done their slow imports once: torch takes 1.5 s of a core, SDK v2 two.

Each program is a process of its own, with the arguments, variables, folder, input and output that it is started with, as with
`python -c`. `Forks.command` is the command that starts it, for whatever starts commands, and `Forks.start` starts it without one. This
file is also that command, and the program that forks:

    forks.py serve ADDRESS MODULE…    imports the modules, then forks a program for each connection, until its input closes
    forks.py run ADDRESS CODE ARG…    has a program run, passes SIGINT and SIGTERM on to it, and ends as it ends

When `run` is killed its program is killed as well.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

LARGEST_ORDER_BYTES = 100_000
NUMBER = struct.Struct("!i")


class Forks:
    """The interpreter that forks."""

    def __init__(self, address: str) -> None:
        self._address = address

    def command(self, code: str, *arguments: str) -> list[str]:
        """The command that does what `python -c code arguments…` does."""
        return [sys.executable, "-I", "-S", __file__, "run", self._address, code, *arguments]

    def module(self, name: str, *arguments: str) -> list[str]:
        """The command that does what `python -m name arguments…` does."""
        return self.command(
            f"import runpy; runpy.run_module({name!r}, run_name='__main__', alter_sys=True)", *arguments
        )

    def start(self, code: str, *arguments: str, environment: Mapping[str, str] = os.environ) -> Program:
        """Start the program. Tests read what it prints from `stdout`; it has no input, and their errors are its errors."""
        reader, writer = os.pipe()
        with open(os.devnull) as nothing, open(writer, "w") as output:
            program = Program(self._address, code, arguments, environment, [nothing.fileno(), output.fileno(), 2])
        program.stdout = os.fdopen(reader)
        return program


class Program:
    """A program that runs, with what tests need of `subprocess.Popen`. It is killed when the process that started it has gone."""

    stdout: IO[str]

    def __init__(
        self, address: str, code: str, arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[int]
    ) -> None:
        umask = os.umask(0o077)
        os.umask(umask)
        order = {"code": code, "arguments": arguments, "environment": dict(environment), "folder": os.getcwd()}
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server.connect(address)
        socket.send_fds(self._server, [json.dumps({**order, "umask": umask}).encode()], streams)
        self.pid = _number(self._server)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The status with which it has ended, or None."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; returns its status. Raises TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._server], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a fork", timeout or 0)
            self.returncode = _number(self._server)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            _send(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def serving(*modules: str, environment: Mapping[str, str] = os.environ) -> Iterator[Forks]:
    """Import modules in a new interpreter, whose forks programs are."""
    with tempfile.TemporaryDirectory(prefix="forks-") as folder:
        command = [sys.executable, __file__, "serve", address := f"{folder}/socket", *modules]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, env=dict(environment), **pipes) as server:
            assert server.stdout.read(1), f"an interpreter with {modules} did not start"
            yield Forks(address)


def run(address: str, code: str, *arguments: str) -> None:
    """Have a program run here, with the input, output and errors of this process, and end as it ends."""
    passed_on = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)  # until it is known to whom
    program = Program(address, code, arguments, os.environ, [0, 1, 2])
    for name in passed_on:
        signal.signal(name, lambda number, _frame: _send(program.pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
    status = program.wait()
    if status < 0:
        with contextlib.suppress(OSError):  # nobody handles SIGKILL
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _send(program: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.kill(program, number)


def _number(server: socket.socket) -> int:
    received = server.recv(NUMBER.size)
    if not received:
        sys.exit("the interpreter that forks has gone")
    return NUMBER.unpack(received)[0]


def serve(address: str, *modules: str) -> str | None:
    """Fork a program for each connection. In the fork, return its code."""
    sys.path.pop(0)  # the folder of this file
    told = os.dup(1)
    os.dup2(2, 1)  # an import may print something
    gc.disable()  # what is imported stays
    for module in modules:
        __import__(module)
    gc.collect()
    gc.enable()
    gc.freeze()  # every fork would otherwise look through all that was imported as it ends, and copy the memory of it
    signal.signal(signal.SIGCHLD, _reap)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(64)
        os.write(told, b".")
        os.close(told)
        while listener in select.select([0, listener], [], [])[0]:
            connection = listener.accept()[0]
            if os.fork() == 0:
                listener.close()
                return _supervise(connection)
            connection.close()
    return None


def _reap(*_: object) -> None:
    """Wait for the supervisors that have ended, so that the system counts what their programs used."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _supervise(connection: socket.socket) -> str:
    """Fork the program, which returns its code; this process waits until it has ended, or kills it when nobody waits any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    content, streams, _, _ = socket.recv_fds(connection, LARGEST_ORDER_BYTES, 3)
    program = os.fork()
    if program == 0:
        connection.close()
        return _prepare(json.loads(content), streams)
    for stream in (*streams, 0, 1, 2):
        os.close(stream)
    with contextlib.suppress(OSError):  # killed already: then the program is killed below
        connection.send(NUMBER.pack(program))
    ended = os.pidfd_open(program)
    if ended not in select.select([ended, connection], [], [])[0]:
        os.kill(program, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    with contextlib.suppress(OSError):
        connection.send(NUMBER.pack(status))
    os._exit(0)


def _prepare(order: dict, streams: list[int]) -> str:
    """Make this process what the order says, and return the code."""
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.chdir(order["folder"])
    os.umask(order["umask"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv[:] = ["-c", *order["arguments"]]
    sys.path.insert(0, "")
    return order["code"]


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "run":
        run(*words)
    if (given := serve(*words)) is not None:
        sys.modules["__main__"] = program = types.ModuleType("__main__")
        exec(compile(given, "<string>", "exec"), program.__dict__)
