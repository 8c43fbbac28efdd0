"""A process that has collected tests and forks for each run of some of them, so that a run costs no import."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

from scripts.mutants.functions import functions_of, replace_functions

OPTIONS = "-x -q --no-header --tb=short --rootdir=. -p no:cacheprovider --hypothesis-profile=mutants"
SELECTION = "not slow"
AT_IMPORT = "at import"
"""In place of a test's name: what is reached while tests are collected."""

NOT_RUN, NOT_REPLACED, PASSED = 1, 99, 100
"""Exit statuses of a run: Python's of a process that did not come to its tests; that of a change that needs new
imports; and pytest's 0, moved away from them."""


@dataclass
class Observed:
    """Tests without a change: the seconds of those that passed, those that failed, and path → line → the tests that reach it."""

    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    reached: dict[str, dict[int, list[str]]] = field(default_factory=dict)

    @classmethod
    def read(cls, report: Path) -> Observed:
        """What `observe` wrote."""
        found = cls(**json.loads(report.read_text()))
        found.reached = {path: {int(line): lines[line] for line in lines} for path, lines in found.reached.items()}
        return found


class Collected:
    """A plugin of pytest: between collecting the tests and running them it waits for orders, and returns in a fork for each.

    An order is the name of a method, its arguments, and until when the run may take, on the clock of `time.monotonic`. The answer
    is its exit status.
    """

    def __init__(self, root: Path, orders: Connection, sources: list[str]) -> None:
        self._root, self._orders, self._sources = root, orders, sources

    def pytest_sessionstart(self) -> None:
        """Follow what collecting the tests imports."""
        self._coverage = _coverage(self._root, self._sources)
        self._coverage.start()
        self._coverage.switch_context(AT_IMPORT)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """In each fork None: pytest goes on with the tests that the session has by then."""
        self._coverage.stop()
        self._functions = functions_of(self._root, self._sources)
        gc.freeze()  # no fork looks for garbage here
        while True:
            try:
                method, arguments, until = self._orders.recv()
            except (EOFError, ConnectionError):  # nobody gives orders any more
                return True
            child = os.fork()
            if child == 0:
                os.setsid()
                getattr(self, method)(session, **arguments)
                return None
            with contextlib.suppress(ConnectionError):  # nobody waits any more
                self._orders.send(ended(child, max(0.0, until - time.monotonic()), self._orders))

    def observe(self, session: pytest.Session, report: Path) -> None:
        """Run all tests, and write to a file which passed, in what time, and which lines of the sources they reached."""
        session.config.option.maxfail = 0  # tests that already fail do not end it
        session.config.pluginmanager.register(_Observer(self._root, self._coverage, report))

    def attempt(
        self, session: pytest.Session, path: str, before: str, after: str, tests: list[str], cpu_s: int
    ) -> None:
        """Change a file in memory and run these tests, up to the first that fails."""
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, resource.RLIM_INFINITY))
        if path in self._functions and not replace_functions(self._functions[path], before, after):
            os._exit(NOT_REPLACED)
        items = {item.nodeid: item for item in session.items}
        session.items[:] = [items[test] for test in tests]


class _Observer:
    """A plugin of pytest that follows an order to observe."""

    def __init__(self, root: Path, coverage: Coverage, report: Path) -> None:
        self._root, self._coverage, self._report, self._found = root, coverage, report, Observed()
        self._seconds: dict[str, float] = defaultdict(float)
        self._passed: dict[str, bool] = {}
        self._coverage.start()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Lines are reached by this test from here."""
        self._coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test passes if its three phases do."""
        self._seconds[report.nodeid] += report.duration
        self._passed[report.nodeid] = self._passed.get(report.nodeid, True) and report.passed
        if report.failed:
            self._found.failed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        self._coverage.stop()
        data: Any = self._coverage.get_data()
        for file in data.measured_files():
            self._found.reached[str(Path(file).relative_to(self._root))] = data.contexts_by_lineno(file)
        self._found.seconds = {test: self._seconds[test] for test, passed in self._passed.items() if passed}
        self._report.write_text(json.dumps(vars(self._found)))


def _coverage(root: Path, sources: list[str]) -> Coverage:
    names = [str(root / source) for source in sources]
    return Coverage(data_file=None, config_file=False, include=names, messages=False)


class Only:
    """A plugin of pytest that runs these tests of those that were collected."""

    def __init__(self, tests: Iterable[str]) -> None:
        self._tests = set(tests)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the others out."""
        items[:] = [item for item in items if item.nodeid in self._tests]


def ended(child: int, timeout_s: float, orders: Connection) -> int | None:
    """The exit status of a child, once it and the processes that it left running have ended; None if it took longer, or if
    nobody waits for it any more: then `orders` can be read."""
    process = os.pidfd_open(child)
    in_time = process in wait([process, orders], timeout_s)
    os.close(process)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if in_time else None
