"""Images of the algorithms: their packages are fetched by this machine's pip, with its configuration, and the rest is
Docker's. So proxies, certificates and mirrors that pip knows of need not be told to the engine."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.local_runner.images import catalogue, provenance, uris
from wildsage.local_runner.processes import python

ROOT = Path(python.IMPORT_ROOT)
PARTS = ("wildsage", "algorithms", "containers", "local_runner")
RUNNER = "runner"  # the local AWS with all algorithms
PYTHON = "3.11"  # Debian 12's
GLIBC = range(5, 37)  # up to Debian 12's 2.36
UNKNOWN_SOURCE = (
    "pip cannot fetch the packages of the image; its message is above. torch's CPU build is not on PyPI: name the index "
    "of PyTorch's CPU wheels in PIP_EXTRA_INDEX_URL, or a folder that holds the wheel in PIP_FIND_LINKS."
)


def build(algorithm: str, target: str, tag: str | None, tell: Callable[[str], None]) -> str:
    """Build the image of an algorithm (or of `runner`); `target` is cpu or cuda. Returns its tag.

    The output of pip and docker goes to the terminal. Raises UserError for an algorithm that is none, PlatformError if
    packages, engine or sources are missing.
    """
    known = [one.name for one in catalogue.algorithms()]
    if algorithm != RUNNER and algorithm not in known:
        raise UserError(f"Algorithm {algorithm!r}: expected {', '.join(known)}, or {RUNNER}.")
    image = tag or uris.tag(algorithm, target)
    docker = shutil.which("docker")
    if not docker:
        raise PlatformError("No `docker` command on the PATH: install Docker, or podman with its `docker` alias.")
    with _context() as context:
        tell(f"Fetching the packages of {image} with pip …")
        _fetch(context, algorithm, target)
        tell(f"Building {image} …")
        command = [docker, "build", "--force-rm", "--file", str(context / "containers/Dockerfile"), "--target", target]
        for name, value in {"ALGORITHM": algorithm, "ONLY": target, "PIP_NO_INDEX": "1", **_said_of_itself()}.items():
            command += ["--build-arg", f"{name}={value}"]
        command += ["--tag", image, str(context)]
        if subprocess.run(command).returncode:
            raise PlatformError(f"docker could not build {image}; its message is above.")
    return image


@contextmanager
def _context() -> Iterator[Path]:
    """A folder with what an image is made of, and nothing else."""
    if not (ROOT / "pyproject.toml").is_file():
        raise PlatformError(f"Images are built from Wildsage's source folder, and {ROOT} is none: use a clone.")
    with tempfile.TemporaryDirectory(prefix="wildsage-image-") as folder:
        context = Path(folder)
        for part in PARTS:
            shutil.copytree(
                ROOT / part, context / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "wheels")
            )
        shutil.copy(ROOT / "pyproject.toml", context)
        yield context


def _fetch(context: Path, algorithm: str, target: str) -> None:
    """The wheels that the lock names for the image, checked by their hashes."""
    image = context / "containers" / "docker"
    lock = image / f"{target}.lock"
    picked = subprocess.run(
        [sys.executable, str(image / "pick.py"), str(lock), str(context / "pyproject.toml"), algorithm],
        capture_output=True,
        text=True,
    )
    if picked.returncode:
        raise UserError(picked.stderr.strip())
    wanted = context / "wanted.lock"
    wanted.write_text(picked.stdout)
    platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in GLIBC]
    platforms += [f"--platform=manylinux{old}_x86_64" for old in (1, 2010, 2014)]
    command = [*python.command("pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps")]
    command += ["--require-hashes", "--only-binary=:all:", f"--python-version={PYTHON}", *platforms]
    command += ["--dest", str(image / "wheels"), "--requirement", str(wanted)]
    if subprocess.run(command).returncode:
        raise PlatformError(UNKNOWN_SOURCE)


def _said_of_itself() -> dict[str, str]:
    """Build arguments for the labels: the project's version, and what the clone knows of its origin."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = {"VERSION": project["version"], "SOURCE": provenance.source(ROOT), "REVISION": provenance.revision(ROOT)}
    return {name: value for name, value in known.items() if value}
