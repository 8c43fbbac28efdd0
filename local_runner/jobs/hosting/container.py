"""One serving container: it is started, its health is checked, and it is started again whenever it ends."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, cast

import urllib3
import urllib3.connection

from wildsage.local_runner.backends import Backend, CannotRun, Launch, Serving

if TYPE_CHECKING:
    from urllib3._base_connection import BaseHTTPConnection

HEALTHY_WITHIN_S = 240.0
PING_TIMEOUT_S = 2.0
PING_EVERY_S = 0.1
ENDS_CHECK_S = 0.05  # mutants: equivalent: any pause between two looks at what has ended
ENDS_WITHIN_S = 0.5  # from a lost connection to the news that the container has ended
INVOCATION_TIMEOUT_S = 60.0
STOP_GRACE_S = 30.0
STARTS_BEFORE_GIVING_UP = 3
PAUSES_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Pauses before a container is started again, by failures in a row."""
MAX_CONNECTIONS = 64  # mutants: equivalent: of more connections, those that are left over are closed

log = logging.getLogger(__name__)


class NoAnswer(Exception):
    """A container did not answer a request; the text says how."""

    def __init__(self, container: str, text: str) -> None:
        super().__init__(text)
        self.container = container


class Connection(urllib3.connection.HTTPConnection):
    """A connection that belongs to `pool`: it is of no use once the container has ended, even if somebody has its port by then."""

    pool: Connections

    def connect(self) -> None:
        """Raises ProtocolError once the container has ended."""
        super().connect()
        if not self.pool.container_runs:  # it ended while this connected, unseen by `Connections.end`
            self.close()
            raise urllib3.exceptions.ProtocolError("The container has ended.")


class Connections(urllib3.HTTPConnectionPool):
    """Connections to one container, which end with it, whoever holds the other end: another program may have its port by then."""

    ConnectionCls = Connection

    def __init__(self, host: str, port: int | None) -> None:
        super().__init__(host, port, maxsize=MAX_CONNECTIONS)
        self._guard = threading.Lock()
        self._made: weakref.WeakSet[Connection] = weakref.WeakSet()
        self.container_runs = True

    @classmethod
    def to(cls, url: str) -> Connections:
        """Connections to the address of a container."""
        address = urllib3.util.parse_url(url)
        return cls(address.host or "", address.port)

    def end(self) -> None:
        """End the requests that wait for an answer. From now on requests fail as those to a closed port do."""
        self.container_runs = False
        with self._guard:  # a set that grows meanwhile cannot be read
            made = list(self._made)
        for connection in made:
            with contextlib.suppress(OSError, AttributeError):  # it is closed already
                connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def _new_conn(self) -> BaseHTTPConnection:
        connection = cast(Connection, super()._new_conn())
        connection.pool = self
        with self._guard:
            self._made.add(connection)
        return connection


class Container:
    """Runs a serving container in a thread of its own until it is stopped.

    The limits are those of the container contract, section 5: a container is healthy within 4 minutes, or
    `healthy_within_s`, answers a ping within 2 s, and has 30 s from SIGTERM to SIGKILL.
    """

    def __init__(
        self,
        backend: Backend,
        launch: Launch,
        name: str,
        ended: Callable[[], None],
        healthy_within_s: float = HEALTHY_WITHIN_S,
    ) -> None:
        """`name` is the hostname; `ended` is called once, after the last container has ended."""
        self.name = name
        self.out_of_memory: str | None = None  # why the last container that ended did, if it lacked memory
        self._healthy_within_s = healthy_within_s
        self._ended = ended
        self._backend = backend
        self._launch = launch
        self._container: Serving | None = None
        # Each container that starts replaces it with its own address.
        self._http = Connections.to("http://127.0.0.1:0")
        self._settled = threading.Event()
        self._healthy = False
        self._stopping = threading.Event()
        self._ends = 0  # mutants: equivalent: only whether it has changed is asked
        self._keeper = threading.Thread(target=self._keep, name=f"container {name}", daemon=True)
        self._keeper.start()

    def is_healthy(self) -> bool:
        """Whether /ping has ever answered 200. Waits until it has, or until the container has failed."""
        self._settled.wait()
        return self._healthy

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = INVOCATION_TIMEOUT_S,
        whole: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """The answer to a request, read if `whole`. A body without a Content-Length is sent in chunks. Raises NoAnswer."""
        ends = self._ends
        try:
            return self._http.request(
                method, path, body=body, headers=headers, timeout=timeout_s, preload_content=whole, retries=False
            )
        except urllib3.exceptions.NewConnectionError as error:  # which is a TimeoutError too
            raise NoAnswer(self.name, self._lost_connection(error, ends)) from None
        except urllib3.exceptions.TimeoutError:
            raise NoAnswer(
                self.name,
                f"Your invocation timed out while waiting for a response from container {self.name}: "
                f"no answer within {timeout_s:.0f} s.",
            ) from None
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(self.name, self._lost_connection(error, ends)) from None

    def _lost_connection(self, error: Exception, ends: int) -> str:
        """Why a connection was lost. A container that ended because of it is waited for, to learn whether it lacked memory."""
        deadline = time.monotonic() + ENDS_WITHIN_S
        while self._ends == ends and time.monotonic() < deadline:
            time.sleep(ENDS_CHECK_S)
        lacked = self.out_of_memory or (self._container.out_of_memory if self._container else None)
        why = f" {lacked}" if lacked else ""
        return f"The container closed the connection or is being restarted ({error}).{why}"

    def ask_to_stop(self) -> None:
        """Send SIGTERM, and do not start the container again."""
        self._stopping.set()
        if self._container:
            self._container.terminate()

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Send SIGTERM, and after `grace_s` seconds SIGKILL. Returns when the container has ended."""
        self.ask_to_stop()
        self._keeper.join(grace_s)
        if self._keeper.is_alive() and self._container:
            self._container.kill()
            self._keeper.join()
        self._http.close()

    def _keep(self) -> None:
        try:
            self._keep_running()
        except CannotRun as error:
            self._launch.log(f"Wildsage: {error}")
        except Exception as error:
            log.exception("container %s", self.name)
            reason = f"{type(error).__name__}: {error} (the server's log has the traceback)"
            self._launch.log(f"Wildsage: the container cannot be kept running: {reason}")
        finally:
            self._settled.set()
            self._ended()

    def _keep_running(self) -> None:
        deadline = time.monotonic() + self._healthy_within_s
        failures = 0
        while not self._stopping.is_set():
            failures += 1
            if self._healthy:  # a container that has served has the full time at every start
                deadline = time.monotonic() + self._healthy_within_s
            status, healthy = self._run_once(deadline)
            if healthy:
                failures = 0
            elif not self._healthy and (failures == STARTS_BEFORE_GIVING_UP or time.monotonic() > deadline):
                return
            if not self._stopping.is_set():
                why = f" {self.out_of_memory}" if self.out_of_memory else ""
                self._launch.log(f"Wildsage: the container ended with exit code {status} and is started again.{why}")
                self._stopping.wait(PAUSES_S[min(failures, len(PAUSES_S) - 1)])

    def _run_once(self, deadline: float) -> tuple[int | None, bool]:
        """Exit status of one container, and whether it was healthy. A container that is not healthy by the deadline is killed."""
        container = self._container = self._backend.serve(self._launch)
        connections = self._http = Connections.to(container.url)
        if self._stopping.is_set():
            container.terminate()
        healthy = self._await_ping(container, deadline)
        if healthy:
            self._healthy = True
            self._settled.set()
        else:
            if container.wait(0) is None and not self._stopping.is_set():
                limit = f"within {self._healthy_within_s:g} s of its start"
                self._launch.log(f"Wildsage: the container did not answer /ping with 200 {limit} and is killed.")
            container.kill()
        status = container.wait()
        connections.end()
        self.out_of_memory = container.out_of_memory
        self._ends += 1
        return status, healthy

    def _await_ping(self, container: Serving, deadline: float) -> bool:
        """True once /ping answers 200; False if the container ends or the deadline passes before that."""
        while time.monotonic() < deadline and container.wait(PING_EVERY_S) is None:
            if self._answers_ping():
                return True
        return False

    def _answers_ping(self) -> bool:
        try:
            return self._http.request("GET", "/ping", timeout=PING_TIMEOUT_S, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False
