"""Runs the tests that judge a file, in a copy of the repository in which the file can be changed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import count
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from scripts.mutants.collected import (
    AT_IMPORT,
    NOT_REPLACED,
    NOT_RUN,
    OPTIONS,
    PASSED,
    SELECTION,
    Collected,
    Observed,
    Only,
)
from scripts.mutants.mutant import Mutant

PRELOADED = [
    "pytest",
    "hypothesis",
    "numpy",
    "torch",
    "boto3",
    "botocore.session",
    "flask",
    "cryptography.x509",
    "psutil",
]
"""What is imported once for all runs: nothing of the project, which each run imports as it stands in its copy."""

ALSO_NEEDED = (".clients",)
"""Of what git ignores, what tests use."""

SLOWER, MORE_S = 5, 10
"""A run may take this many times as long as without a change and this many seconds more of the processor, and …"""
WAITING, WAITING_LOW_S = 3, 120
"""… by the clock this many times as long as that, and so many seconds at least: a change that makes an endless loop, or waits for
ever, counts as noticed; a busy machine does not."""

ENDING_S = 10
"""A process that has to end may take this long before it is killed."""

TESTS = {
    "local_runner/backends/__init__.py": ("tests/local_runner/backends/test_launch.py",),
    "local_runner/backends/preloaded.py": ("tests/local_runner/backends/test_warm.py",),
    "local_runner/s3/__main__.py": ("tests/local_runner/s3/test_main.py",),
    "local_runner/proxy/__main__.py": ("tests/local_runner/proxy/test_process.py",),
    "algorithms/xgboost/spec.py": ("tests/algorithms/test_specs.py",),
    "algorithms/xgboost/model_files/": ("tests/algorithms/xgboost/model_files/test_model_files.py",),
    "algorithms/xgboost/serving/": ("tests/algorithms/xgboost/serving/test_endpoint.py",),
    "algorithms/factorization_machines/algorithm.py": ("tests/algorithms/factorization_machines/test_training.py",),
    "algorithms/factorization_machines/hyperparameters.py": ("tests/conformance/test_documents.py",),
    "algorithms/factorization_machines/spec.py": ("tests/algorithms/test_specs.py",),
    "algorithms/image_classification/hyperparameters.py": ("tests/conformance/test_documents.py",),
    "algorithms/image_classification/spec.py": ("tests/algorithms/test_specs.py",),
    "algorithms/kmeans/hyperparameters.py": ("tests/conformance/test_documents.py",),
    "algorithms/kmeans/spec.py": ("tests/algorithms/test_specs.py",),
    "algorithms/knn/__init__.py": ("tests/algorithms/knn/test_package.py",),
    "algorithms/knn/hyperparameters.py": ("tests/conformance/test_documents.py",),
    "algorithms/knn/spec.py": ("tests/algorithms/test_specs.py",),
    "algorithms/pca/hyperparameters.py": ("tests/conformance/test_documents.py",),
    "algorithms/pca/spec.py": ("tests/algorithms/test_specs.py",),
    "local_runner/jobs/store.py": (
        "tests/local_runner/jobs/test_store.py",
        "tests/local_runner/jobs/test_listing.py",
        "tests/local_runner/jobs/test_properties.py",
    ),
    "local_runner/jobs/logs.py": ("tests/local_runner/jobs/test_logs.py", "tests/local_runner/operations/test_logs.py"),
    "local_runner/operations/__init__.py": ("tests/local_runner/operations/test_operations.py",),
    "local_runner/operations/log_rules.py": ("tests/local_runner/operations/test_logs.py",),
    "local_runner/operations/sagemaker/lineage.py": ("tests/local_runner/operations/sagemaker/test_artifacts.py",),
    **{
        f"local_runner/operations/sagemaker/{family}_rules.py": (
            "tests/local_runner/operations/sagemaker/test_request_rules.py",
        )
        for family in [
            "endpoint",
            "experiment",
            "machine",
            "model",
            "processing",
            "search",
            "tag",
            "training",
            "transform",
            "tuning",
        ]
    },
    **{
        f"local_runner/operations/sagemaker/{kind}_jobs.py": (
            "tests/local_runner/operations/sagemaker/test_job_requests.py",
        )
        for kind in ("training", "transform", "processing", "tuning")
    },
    "local_runner/commands/up.py": ("tests/local_runner/commands/test_options.py",),
    "local_runner/console/pages/compare.py": ("tests/local_runner/console/test_compare.py",),
    "local_runner/console/pages/feeds.py": ("tests/local_runner/console/pages/test_jobs.py",),
    "local_runner/console/pages/overview.py": ("tests/local_runner/console/test_overview.py",),
    "local_runner/console/cloud.py": ("tests/local_runner/console/test_app.py",),
    **{
        f"local_runner/estimators/{algorithm}.py": ("tests/local_runner/estimators/test_classes.py",)
        for algorithm in ("factorization_machines", "kmeans", "knn", "linear_learner", "pca")
    },
    "local_runner/__main__.py": ("tests/local_runner/test_main.py",),
    "containers/codecs/__init__.py": (
        "tests/containers/codecs/test_table.py",
        "tests/containers/codecs/test_other_formats.py",
    ),
    "containers/__init__.py": ("tests/containers/test_openmp.py",),
    "containers/__main__.py": ("tests/containers/test_main.py",),
    "containers/frameworks/image_modules/": ("tests/containers/frameworks/test_image_modules.py",),
    "containers/model_files/__init__.py": ("tests/containers/model_files/test_layouts.py",),
    "containers/model_files/artifact.py": ("tests/containers/model_files/test_rejected.py",),
}
"""Start of a path → what judges it besides the test of its name, where that is more than the tests of its folder."""


def tests_of(path: str, root: Path) -> list[str]:
    """The test of the file's name first, if there is one; then what the table names. Without either, the tests of the folder,
    or of the nearest folder above it that has some; [] if none has."""
    source = Path(path)
    named = Path("tests") / source.parent / f"test_{source.name}"
    found = [str(named)] if (root / named).exists() else []
    found += [test for start, tests in TESTS.items() if path.startswith(start) for test in tests if test not in found]
    if found:
        return found
    mirrored = Path("tests") / source.parent
    for folder in (mirrored, *mirrored.parents)[:-2]:  # those directly in `tests` judge its own helpers
        if tests := sorted(str(test.relative_to(root)) for test in (root / folder).glob("test_*.py")):
            return tests
    return []


class Copy:
    """A copy of the tracked files, in which one run takes place at a time."""

    _times = count(1)

    def __init__(self, repository: Path, folder: Path) -> None:
        self.root = folder / repository.name
        self.output = folder / "output"
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=repository, capture_output=True, check=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # deleted, and not committed yet
                shutil.copy2(repository / name, self.root / name, follow_symlinks=False)
        self.output.touch()
        for name in ALSO_NEEDED:
            if (repository / name).exists():
                (self.root / name).symlink_to((repository / name).resolve())
        if (shared := repository.parent / "shared").exists():
            (folder / "shared").symlink_to(shared.resolve())

    def write(self, path: str, code: str) -> None:
        """Replace a file. Its time is one that it never had, so that Python compiles it again."""
        target = self.root / path
        target.write_text(code)
        time_s = target.stat().st_mtime + next(self._times)
        os.utime(target, (time_s, time_s))

    def start(self, tests: list[str], plugin: object) -> ForkServerProcess:
        """Have pytest collect these tests in a process of its own, with one more plugin, and run them."""
        process = _processes().Process(target=_run, args=(self.root, tests, plugin, self.output), daemon=False)
        process.start()
        return process


class Judge:
    """The tests of some files: collected in a copy, run without a change once, then with one change at a time.

    Once `stopped` can be read it waits for nothing any more.
    """

    def __init__(self, copy: Copy, sources: list[str], timeout_s: float, stopped: Connection) -> None:
        self._copy, self._stopped = copy, stopped
        self._files = {source: tests_of(source, copy.root) for source in sources}
        orders, theirs = multiprocessing.Pipe()
        self._orders = orders
        files = sorted({file for files in self._files.values() for file in files})
        self._process = copy.start(files, Collected(copy.root, theirs, sources))
        theirs.close()
        report = copy.output.with_name("observed")
        report.unlink(missing_ok=True)
        orders.send(("observe", {"report": report}, time.monotonic() + timeout_s))
        if self._within(timeout_s + ENDING_S, orders):  # otherwise the tests have not even been collected
            with contextlib.suppress(EOFError):
                orders.recv()
        self._observed = Observed.read(report) if report.exists() else Observed()

    def close(self) -> None:
        """End the process."""
        self._orders.close()
        self._process.join(ENDING_S)
        _end(self._process)

    def why_not(self, source: str) -> str:
        """Why no verdict about a file can be had: its tests have not passed without a change. "" if some have."""
        if self._tests(source):
            return ""
        said = "\n".join(self._copy.output.read_text(errors="replace").splitlines()[-15:])
        return f"{' '.join(self._files[source])} failed without a change, or took longer than there was time:\n{said}"

    def failed(self, source: str) -> list[str]:
        """The tests of a file that fail without a change, and say nothing about one."""
        return self._of(source, self._observed.failed)

    def notices(self, mutant: Mutant, until: float) -> bool | None:
        """Whether a test fails with the change. None if that is not known by then."""
        self._copy.write(mutant.path, mutant.code)
        try:
            noticed = self._fail_in_fork(mutant, until)
            if noticed is None:
                noticed = self._fail_anew(mutant, until)
        finally:
            self._copy.write(mutant.path, mutant.original)
        return noticed if time.monotonic() < until and not self._stopped.poll() else None

    def _fail_in_fork(self, mutant: Mutant, until: float) -> bool | None:
        """Whether a test fails with the change in memory. None if they pass, but what was imported is not what would be now."""
        reaching, seconds = self._reaching(mutant), self._observed.seconds
        tests = sorted(self._tests(mutant.path), key=lambda test: (test not in reaching, seconds[test] > 1))
        change = {"path": mutant.path, "before": mutant.original, "after": mutant.code}
        limit_s = self._limit_s(tests)
        self._orders.send(
            (
                "attempt",
                {**change, "tests": tests, "cpu_s": int(limit_s)},
                min(time.monotonic() + _waiting_s(limit_s), until),
            )
        )
        if not self._within(None, self._orders):
            return False
        status = self._orders.recv()
        if status == NOT_REPLACED or (status == PASSED and AT_IMPORT in reaching):
            return None
        return status != PASSED

    def _fail_anew(self, mutant: Mutant, until: float) -> bool | None:
        """Whether a test fails in a new process, which imports the changed file. None if the process ends without tests."""
        tests = self._tests(mutant.path)
        process = self._copy.start(self._files[mutant.path], Only(tests))
        self._within(min(_waiting_s(self._limit_s(tests)), until - time.monotonic()), process.sentinel)
        _end(process)
        return None if process.exitcode == NOT_RUN else process.exitcode != PASSED

    def _within(self, timeout_s: float | None, what: Connection | int) -> bool:
        """Whether this is ready in that time, and before all is stopped."""
        return what in wait([what, self._stopped], timeout_s)

    def _reaching(self, mutant: Mutant) -> set[str]:
        """The tests that reach the statement that is changed, and AT_IMPORT if it runs when modules are imported."""
        lines = self._observed.reached.get(mutant.path, {})
        return {test for line in mutant.statement for test in lines.get(line, [])}

    def _tests(self, source: str) -> list[str]:
        return self._of(source, list(self._observed.seconds))

    def _of(self, source: str, tests: list[str]) -> list[str]:
        """Of these tests those that judge a file."""
        places = tuple(f"{place}::" if place.endswith(".py") else f"{place}/" for place in self._files[source])
        return [test for test in tests if test.startswith(places)]

    def _limit_s(self, tests: list[str]) -> float:
        return SLOWER * sum(self._observed.seconds[test] for test in tests) + MORE_S


def _waiting_s(limit_s: float) -> float:
    """How long a run that may take so much of the processor may take by the clock."""
    return max(WAITING * limit_s, WAITING_LOW_S)


def _end(process: ForkServerProcess) -> None:
    """End a process, and whatever tests have left running in its session."""
    process.kill()
    assert process.pid
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.join()


def _processes() -> ForkServerContext:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a fork lacks the threads of torch, and would wait for them for ever
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _run(root: Path, tests: list[str], plugin: object, output: Path) -> None:
    """The body of a process: pytest in a session of its own, whose processes are ended with it.

    Runs end without pytest's own removal of temporary files, so these lie beside the copy: pytest removes those of the run before,
    and all go with the copy.
    """
    os.setsid()
    multiprocessing.set_start_method(None, force=True)  # Python's own, not that by which this process was started
    os.chdir(root)
    os.environ["PYTHONPATH"] = str(root)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary := output.with_name("temporary"))
    temporary.mkdir(exist_ok=True)
    sys.path.insert(0, str(root))
    for module in [name for name in sys.modules if name.split(".")[0] in ("wildsage", "tests")]:
        del sys.modules[module]
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import hypothesis
    import pytest

    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # a smaller example of a failure is not asked for
    hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, phases=phases)
    options = [*OPTIONS.split(), f"--basetemp={temporary}/pytest", "-m", SELECTION]
    os._exit(PASSED + pytest.main([*options, *tests], plugins=[plugin]))
