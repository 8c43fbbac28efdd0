"""The user's Python: the one that runs this container, or an environment on top of it that a job has to itself.

`requirements.txt` goes into such an environment and never into the user's own. It sees all packages of the user's Python, and
its own come first. It is kept by what it was made from, so that the next job with the same requirements starts at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import layered_environment as layered
from wildsage.containers.contract.layered_environment import COMPLETE, IMPORT_ROOT, interpreter
from wildsage.containers.frameworks import errors

REQUIREMENTS = "requirements.txt"
SETUP = "setup.py"
NAMES_FILES = re.compile(r"^\s*(-|\.|/|file:)|@\s*file:", re.MULTILINE)
OFFLINE = ("Failed to establish a new connection", "Temporary failure in name resolution", "Network is unreachable")
IMAGE_MODULES = Path(__file__).with_name("image_modules")


def module(python: Path, name: str, *arguments: str) -> list[str]:
    """`python -m name arguments…`."""
    return [str(python), "-m", name, *arguments]


def of_job(code: Path, installs_code: bool = False) -> Path:
    """The Python for the code of a job, with its requirements installed; with `installs_code` the code itself as well.

    Raises CommandFailed with pip's own words, and UserError where there is no pip.
    """
    if not installs_code and not (code / REQUIREMENTS).is_file():
        return Path(sys.executable)
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            f"{REQUIREMENTS} and packages of code are installed with pip, which {sys.executable} lacks. Run the script with a "
            "Python that has pip, as the process backend does, or leave them out."
        )
    place = layered.kept() / _key(code, installs_code)
    with _lock(place):
        if not (place / COMPLETE).exists():
            shutil.rmtree(place, ignore_errors=True)
            layered.create(place)
            _install(place, code, installs_code)
        (place / COMPLETE).touch()
    return interpreter(place)


def in_environment_of_job() -> bool:
    """Whether this process runs in such an environment already."""
    return (Path(sys.prefix) / COMPLETE).exists()


def path_for_scripts(environment: Mapping[str, str], *first: Path) -> str:
    """PYTHONPATH for the user's code: `first`, then what the user has set; not the folder that holds this project.

    Modules of Amazon's images come last, unless packages of their names are installed.
    """
    given = environment.get("PYTHONPATH", "").split(os.pathsep)
    kept = [Path(entry) for entry in given if entry and Path(entry) not in (IMPORT_ROOT, IMAGE_MODULES)]
    return os.pathsep.join(map(str, (*first, *kept, *image_modules())))


def image_modules() -> tuple[Path, ...]:
    """The folder of the modules of Amazon's images, unless one of them is installed."""
    names = (path.name for path in IMAGE_MODULES.glob("sagemaker*"))
    others = [name for name in names if (found := importlib.util.find_spec(name)) and not _lies_here(found)]
    return () if others else (IMAGE_MODULES,)


def _lies_here(found: ModuleSpec) -> bool:
    return Path(found.origin or "").is_relative_to(IMAGE_MODULES)


def _key(code: Path, installs_code: bool) -> str:
    """A digest of what decides the content: the requirements, the packages that are there already, and named files."""
    digest = hashlib.sha256(f"{sys.executable} {sys.version} {installs_code}".encode())
    for folder in layered.packages():
        digest.update(" ".join(sorted(path.name for path in folder.glob("*-info"))).encode())
    requirements = code / REQUIREMENTS
    text = requirements.read_text(errors="replace") if requirements.is_file() else ""
    digest.update(text.encode())
    if installs_code or NAMES_FILES.search(text):
        for path in sorted(path for path in code.rglob("*") if path.is_file()):
            digest.update(path.relative_to(code).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:32]  # mutants: equivalent: any number that keeps digests apart


def _install(place: Path, code: Path, installs_code: bool) -> None:
    """Run the user's pip for the environment, in the folder of the code."""
    pip = module(Path(sys.executable), "pip", "--python", str(interpreter(place)), "install")
    quiet = ("--disable-pip-version-check", "--no-warn-script-location")
    if (code / REQUIREMENTS).is_file():
        _run([*pip, *quiet, "-r", REQUIREMENTS], code, errors.install_requirements)
    if installs_code:
        _run([*pip, *quiet, "."], code, errors.install_module)


def _run(command: Sequence[str], folder: Path, failed: errors.Failure) -> None:
    """Run pip with its output in the log."""
    print(f"Installing with the following command:\n{' '.join(command)}", flush=True)
    environment = {**os.environ, "PYTHONPATH": path_for_scripts(os.environ)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    print(done.stdout + done.stderr, flush=True)
    if done.returncode:
        output = done.stderr.strip() or done.stdout.strip()
        if any(sign in done.stdout + done.stderr for sign in OFFLINE):
            output = f"This machine cannot reach the package index of pip, which {REQUIREMENTS} needs.\n{output}"
        raise failed(command, done.returncode, output)


@contextmanager
def _lock(place: Path) -> Iterator[None]:
    """Let one process at a time make an environment."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
