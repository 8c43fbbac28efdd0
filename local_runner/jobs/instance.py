"""One serving container, started, asked for its health, and started again whenever it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import urllib3

from local_runner.backends import Backend, CannotRun, Launch, Serving

HEALTHY_WITHIN_S = 240.0
PING_TIMEOUT_S = 2.0
PING_EVERY_S = 0.1
INVOCATION_TIMEOUT_S = 60.0
STOP_GRACE_S = 30.0
STARTS_BEFORE_GIVING_UP = 3
LONGEST_PAUSE_S = 30.0


class NotHealthy(Exception):
    """The container did not answer /ping with 200 in time; the text is the endpoint's failure reason."""


class NoAnswer(Exception):
    """The container did not answer an invocation; the text says how."""


class Instance:
    """Runs a serving container in a thread of its own until it is stopped.

    Limits are those of the container contract, section 5: healthy within 4 minutes, a ping answers within 2 s, an
    invocation within 60 s, 30 s from SIGTERM to SIGKILL.
    """

    def __init__(self, backend: Backend, launch: Launch, variant: str, ended: Callable[[], None]) -> None:
        """`ended` is called once, when no container will be started any more."""
        self.variant = variant
        self._ended = ended
        self._backend = backend
        self._launch = launch
        self._container: Serving | None = None
        self._url = ""
        self._http = urllib3.PoolManager(maxsize=16, retries=False)
        self._settled = threading.Event()
        self._healthy = False
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"instance of {variant}", daemon=True)
        self._keeper.start()

    def await_healthy(self) -> None:
        """Return once /ping has answered 200. Raises NotHealthy."""
        self._settled.wait()
        if not self._healthy:
            raise NotHealthy(
                f"The primary container for production variant {self.variant} did not pass the ping health check. "
                "Please check CloudWatch logs for this endpoint."
            )

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """POST to /invocations. Raises NoAnswer."""
        try:
            url = f"{self._url}/invocations"
            return self._http.request("POST", url, body=body, headers=headers, timeout=INVOCATION_TIMEOUT_S)
        except urllib3.exceptions.TimeoutError:
            raise NoAnswer(
                f"Your invocation timed out while waiting for a response from container {self.variant}: "
                f"no answer within {INVOCATION_TIMEOUT_S:.0f} s."
            ) from None
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(f"The container closed the connection or is being restarted ({error}).") from None

    def ask_to_stop(self) -> None:
        """SIGTERM, and no restart."""
        self._stopping.set()
        if self._container:
            self._container.terminate()

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """SIGTERM, then, after the grace, SIGKILL; returns when the container has ended."""
        self.ask_to_stop()
        self._keeper.join(grace_s)
        if self._keeper.is_alive() and self._container:
            self._container.kill()
            self._keeper.join()
        self._http.clear()

    def _keep(self) -> None:
        try:
            self._start_again_and_again()
        except CannotRun as error:
            self._launch.log(f"Sagebrush: {error}")
        finally:
            self._settled.set()
            self._ended()

    def _start_again_and_again(self) -> None:
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        starts = 0
        while not self._stopping.is_set():
            starts += 1
            status, healthy = self._run_once(deadline)
            if healthy:
                deadline, starts = time.monotonic() + HEALTHY_WITHIN_S, 0
            elif not self._healthy and (starts == STARTS_BEFORE_GIVING_UP or time.monotonic() > deadline):
                return
            if not self._stopping.is_set():
                self._launch.log(f"Sagebrush: the container ended with exit code {status} and is started again.")
                self._stopping.wait(min(LONGEST_PAUSE_S, 0.25 * 2**starts))

    def _run_once(self, deadline: float) -> tuple[int | None, bool]:
        """Exit status of one container, and whether it was healthy; one that is not by the deadline is killed."""
        container = self._container = self._backend.serve(self._launch)
        self._url = container.url
        if self._stopping.is_set():
            container.terminate()
        healthy = self._await_ping(container, deadline)
        if healthy:
            self._healthy = True
            self._settled.set()
        else:
            container.kill()
        return container.wait(), healthy

    def _await_ping(self, container: Serving, deadline: float) -> bool:
        """True once /ping answers 200, False if the container ends, or its time is over, before."""
        while time.monotonic() < deadline and container.wait(PING_EVERY_S) is None:
            if self._answers_ping():
                return True
        return False

    def _answers_ping(self) -> bool:
        try:
            return self._http.request("GET", f"{self._url}/ping", timeout=PING_TIMEOUT_S).status == 200
        except urllib3.exceptions.HTTPError:
            return False
