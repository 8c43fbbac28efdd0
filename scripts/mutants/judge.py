"""Runs the tests that judge a file, in a copy of the repository in which the file can be changed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

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

NOT_RUN, PASSED = 1, 100
"""Exit statuses of a run: Python's of a process that did not come to its tests, and pytest's 0, moved away from it."""

TESTS = {
    "local_runner/s3/uploads.py": ("tests/local_runner/s3/test_multipart_operations.py",),
    "local_runner/jobs/hosting/": (
        "tests/local_runner/jobs/hosting",
        "tests/local_runner/operations/sagemaker/test_endpoints.py",
        "tests/local_runner/operations/test_inference.py",
    ),
    "local_runner/jobs/processing/": ("tests/local_runner/operations/sagemaker/test_processing_jobs.py",),
    "local_runner/jobs/transform/": (
        "tests/local_runner/jobs/transform",
        "tests/local_runner/operations/sagemaker/test_transform_jobs.py",
    ),
    "local_runner/jobs/logs.py": ("tests/local_runner/jobs/test_logs.py", "tests/local_runner/operations/test_logs.py"),
    "local_runner/operations/sagemaker_runtime/": ("tests/local_runner/operations/test_inference.py",),
    "containers/frameworks/": ("tests/containers/frameworks",),
}
"""Start of a path → what judges it besides the test of its name, where that is more than the tests of its folder."""


def tests_of(path: str, root: Path) -> list[str]:
    """The test of the file's name first, if there is one; then what the table names. Without either, the tests of the folder,
    or of the nearest folder above it that has some."""
    source = Path(path)
    named = Path("tests") / source.parent / f"test_{source.name}"
    found = [str(named)] if (root / named).exists() else []
    found += [test for start, tests in TESTS.items() if path.startswith(start) for test in tests if test not in found]
    if found:
        return found
    folder = Path("tests") / source.parent
    while not list((root / folder).glob("test_*.py")):
        folder = folder.parent
    return sorted(str(test.relative_to(root)) for test in (root / folder).glob("test_*.py"))


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

    def passes(self, tests: list[str], timeout_s: float) -> bool:
        """Whether the tests pass, up to the first that does not. False as well if they take longer."""
        process = _processes().Process(target=_run, args=(self.root, tests, self.output), daemon=False)
        process.start()
        process.join(timeout_s)
        process.kill()
        assert process.pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever the tests left running
        process.join()
        if process.exitcode == NOT_RUN:
            raise RuntimeError(f"the tests of {self.root} could not be started")
        return process.exitcode == PASSED


def _processes() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _run(root: Path, tests: list[str], output: Path) -> None:
    """The body of a run: pytest in a session of its own, whose processes are ended with it."""
    os.setsid()
    os.chdir(root)
    os.environ["PYTHONPATH"] = str(root)
    sys.path.insert(0, str(root))
    for module in [name for name in sys.modules if name.split(".")[0] in ("scripts", "wildsage", "tests")]:
        del sys.modules[module]
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import pytest

    os._exit(PASSED + pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]))
