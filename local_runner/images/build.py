"""Builds the images of the algorithms. This machine's pip fetches their packages with its own configuration, so that the engine
need not know of proxies, certificates and mirrors. Docker does the rest.

All images of a target share one image of packages, `wildsage/packages:TARGET`. It is rebuilt only when its recipe or
its part of the lock has changed, which a label records. An algorithm's image adds the algorithm's own packages and our code.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.local_runner.images import catalogue, provenance, uris
from wildsage.local_runner.processes import python

ROOT = Path(python.IMPORT_ROOT)
PARTS = ("wildsage", "algorithms", "containers", "local_runner")
RUNNER = "runner"  # the local AWS with all algorithms
PYTHON = "3.11"  # Debian 12's
GLIBC = range(5, 37)  # up to Debian 12's 2.36
STAGE_OF_PACKAGES = "packages"
MADE_OF = "wildsage.packages"  # label: a hash of what an image of packages is made of
OURS = "org.opencontainers.image.vendor=Wildsage"
RECIPE = ("Dockerfile", "docker/install-packages")
BUILDKIT_OF_ITS_OWN = range(19, 23)  # versions of the `docker` command that speak BuildKit without the plugin buildx

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Engine:
    """The `docker` command, and the environment of its processes."""

    command: str
    environment: Mapping[str, str]

    @classmethod
    def found(cls, environment: Mapping[str, str]) -> Engine:
        """The command on the PATH, with BuildKit if it has it. Raises PlatformError without a `docker` command."""
        command = shutil.which("docker")
        if not command:
            raise PlatformError("No `docker` command on the PATH: install Docker, or podman with its `docker` alias.")
        plain = cls(command, environment)
        return cls(command, {"DOCKER_BUILDKIT": "1" if plain.has_buildkit() else "0", **environment})

    def has_buildkit(self) -> bool:
        """Whether the command can use BuildKit: with the plugin buildx, or by itself as those before 23 do."""
        if self.output("buildx", "version"):
            return True
        version = re.search(r"version (\d+)\.", self.output("--version") or "")
        return version is not None and int(version[1]) in BUILDKIT_OF_ITS_OWN

    def output(self, *arguments: str) -> str | None:
        """What the command prints, None if it fails."""
        done = subprocess.run([self.command, *arguments], capture_output=True, text=True, env=self.environment)
        return None if done.returncode else done.stdout.strip()

    def build(self, context: Path, tag: str, arguments: Mapping[str, str], *options: str) -> None:
        """Build an image from a folder; output goes to the terminal. Raises PlatformError if it fails."""
        command = [self.command, "build", *options, "--file", str(context / "containers/Dockerfile"), "--tag", tag]
        if self.environment.get("DOCKER_BUILDKIT") == "0":
            command.append("--force-rm")
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        if subprocess.run([*command, str(context)], env=self.environment).returncode:
            raise PlatformError(f"docker could not build {tag}; its message is above.")

    def remove_dangling(self) -> None:
        """Remove our images without a tag: stages of a build, and images whose tag a newer image has."""
        self.output("image", "prune", "--force", "--filter", f"label={OURS}")


def build(algorithms: Sequence[str], target: str, tag: str | None, tell: Tell) -> list[str]:
    """Build images of some of the `known()` names; `target` is cpu or cuda. Returns their tags.

    `tag` names the image in place of wildsage/ALGORITHM:TARGET. The output of pip and docker goes to the terminal. Raises
    PlatformError if packages, engine or sources are missing. Untagged images of the build are removed, also after a failure.
    """
    engine = Engine.found(os.environ)
    built = []
    with _one_at_a_time(tell):
        try:
            packages = _packages(engine, target, tell)
            for algorithm in algorithms:
                image = tag or uris.image_name(algorithm, target)
                _image(engine, algorithm, target, packages, image, tell)
                built.append(image)
        finally:
            engine.remove_dangling()
    return built


def known() -> list[str]:
    """Names of the images: every installed algorithm, and `runner`."""
    return [*(algorithm.name for algorithm in catalogue.algorithms()), RUNNER]


def _packages(engine: Engine, target: str, tell: Tell) -> str:
    """Tag of the image of packages that all images of the target share; built if it is missing or outdated."""
    tag = uris.image_name(STAGE_OF_PACKAGES, target)
    with _context(("containers",)) as context:
        made_of = _hash(context, target)
        if engine.output("image", "inspect", "--format", f'{{{{index .Config.Labels "{MADE_OF}"}}}}', tag) == made_of:
            return tag
        tell("Fetching the packages that all images share, with pip …")
        _fetch(context, target)
        tell(f"Building {tag} …")
        options = ("--target", STAGE_OF_PACKAGES, "--label", f"{MADE_OF}={made_of}")
        engine.build(context, tag, {"TARGET": target, "PIP_NO_INDEX": "1"}, *options)
    return tag


def _image(engine: Engine, algorithm: str, target: str, packages: str, tag: str, tell: Tell) -> None:
    with _context((*PARTS, "pyproject.toml")) as context:
        _fetch(context, target, algorithm)
        tell(f"Building {tag} …")
        arguments = {"ALGORITHM": algorithm, "TARGET": target, "PACKAGES": packages, "PIP_NO_INDEX": "1"}
        engine.build(context, tag, arguments | _provenance())


def _hash(context: Path, target: str) -> str:
    """A hash of the recipe of an image of packages and of its part of the lock."""
    folder = context / "containers"
    parts = [(folder / part).read_bytes() for part in RECIPE]
    parts.append(_picked(folder / "docker", target).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@contextmanager
def _one_at_a_time(tell: Tell) -> Iterator[None]:
    """Wait for other builds of this user, since their images without a tag look like leftovers."""
    path = Path(tempfile.gettempdir(), f"wildsage-build-{os.getuid()}.lock")
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Waiting for another `wildsage build` to end …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _context(parts: Sequence[str]) -> Iterator[Path]:
    """A folder with these parts of the sources, and nothing else."""
    if not (ROOT / "pyproject.toml").is_file():
        raise PlatformError(f"Images are built from Wildsage's sources, which {ROOT} does not hold: use a clone.")
    ignored = shutil.ignore_patterns("__pycache__", "wheels")
    with tempfile.TemporaryDirectory(prefix="wildsage-image-") as folder:
        for part in parts:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, Path(folder, part), symlinks=True, ignore=ignored)
            else:
                shutil.copy(ROOT / part, folder)
        yield Path(folder)


def _picked(scripts: Path, target: str, *algorithm: str) -> str:
    """The part of the target's lock that all images share or, for an algorithm, that its image needs beyond it."""
    pyproject = [str(ROOT / "pyproject.toml"), *algorithm] if algorithm else []
    command = [sys.executable, str(scripts / "pick.py"), str(scripts / f"{target}.lock"), *pyproject]
    picked = subprocess.run(command, capture_output=True, text=True)
    if picked.returncode:
        raise UserError(picked.stderr.strip())
    return picked.stdout


def _fetch(context: Path, target: str, *algorithm: str) -> None:
    """Put the wheels that `_picked` names, and a pip that installs them, into the context, checked by their hashes.

    Raises PlatformError if pip cannot fetch them.
    """
    scripts = context / "containers" / "docker"
    picked = _picked(scripts, target, *algorithm)
    if not picked:
        return
    wanted = context / "picked.lock"
    wanted.write_text(picked)
    platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in GLIBC]
    platforms += [f"--platform=manylinux{old}_x86_64" for old in (1, 2010, 2014)]
    command = [*python.command("pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps")]
    command += ["--require-hashes", "--only-binary=:all:", f"--python-version={PYTHON}", *platforms]
    command += [
        "--dest",
        str(scripts / "wheels"),
        "--requirement",
        str(wanted),
        "--requirement",
        str(scripts / "pip.lock"),
    ]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    sys.stderr.write(done.stderr)
    if done.returncode:
        explain = [sys.executable, str(scripts / "explain.py")]
        raise PlatformError(subprocess.run(explain, input=done.stderr, capture_output=True, text=True).stdout.strip())


def _provenance() -> dict[str, str]:
    """Build arguments for the labels: the project's version, and the clone's repository and commit."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = {"VERSION": project["version"], "SOURCE": provenance.source(ROOT), "REVISION": provenance.revision(ROOT)}
    return {name: value for name, value in known.items() if value}
