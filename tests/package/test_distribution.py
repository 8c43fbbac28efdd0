"""The wheel that a user installs: what it holds, and that it works beside packages of the names of our folders."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.request
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from wildsage.algorithms.base.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "wildsage", "algorithms", "containers", "local_runner", "pyproject.toml", "setup.py", "README.md", "LICENSE",
)  # fmt: skip
OUR_FOLDERS = ("algorithms", "containers", "local_runner")
START_S = 240
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
INFO = f"wildsage-{VERSION}.dist-info"

setuptools = pytest.importorskip(
    "setuptools", minversion="75", reason="the wheel is built with this environment's setuptools"
)


def pip(*arguments: object, cwd: Path, **variables: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    env = without_paths(**{name: str(value) for name, value in variables.items()})
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def built(tree: Path, out: Path) -> Path:
    """The wheel of a source folder or of an sdist."""
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, tree, cwd=out.parent)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the sources, since a build leaves its traces in the folder."""
    copy = tmp_path_factory.mktemp("copy") / "tree"
    copy.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "wheels")
            )
        else:
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory) -> Path:
    return built(tree, tmp_path_factory.mktemp("wheel"))


def environment_with(target: Path, *install: object) -> Path:
    """A new environment in `target`, with what is to be installed and this one's other packages. Returns its `bin`."""
    venv.create(target, with_pip=False)
    python = target / "bin" / "python"
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--no-compile")  # but what is imported
    pip("--python", python, "install", *options, *install, cwd=target, PYTHONPATH=build_tools(target / "tools"))
    add_packages(target)
    return target / "bin"


def build_tools(folder: Path) -> Path:
    """A folder with setuptools alone: with all packages in view, pip would find a Wildsage that is installed already."""
    folder.mkdir()
    package = Path(setuptools.__file__).parent
    for path in (package, package.with_name("_distutils_hack"), *package.parent.glob("setuptools-*.dist-info")):
        (folder / path.name).symlink_to(path)
    return folder


def add_packages(environment: Path) -> None:
    """Put this interpreter's packages behind those of the new environment. Its own `wildsage` comes first."""
    (site,) = environment.glob("lib/python*/site-packages")
    paths = [path for path in sys.path if path.endswith("site-packages")]
    (site / "packages.pth").write_text("\n".join(paths) + "\n")


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The `bin` folder of a new environment that has the wheel."""
    return environment_with(tmp_path_factory.mktemp("installed"), wheel)


@pytest.fixture
def project(tmp_path) -> Path:
    """A user's folder with packages of our folders' names, which fail when they are imported in place of ours."""
    for name in OUR_FOLDERS:
        package = tmp_path / "project" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"raise RuntimeError('{name} of the user was imported')\n")
    (tmp_path / "project" / "rows.csv").write_text("".join(f"{i % 2 * 10},{i % 2 * 10 + i % 3}\n" for i in range(60)))
    return tmp_path / "project"


def without_paths(**more: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **more}


def run(*command: object, cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---- what is in it


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    assert {name.partition("/")[0] for name in names_in(wheel)} == {"wildsage", INFO}
    assert not [name for name in names_in(wheel) if re.search(r"(^|/)(tests?|examples|benchmarks|scripts)/", name)]
    folders = {name.split("/")[1] for name in names_in(wheel) if name.startswith("wildsage/") and name.count("/") > 1}
    assert folders == set(OUR_FOLDERS)


def test_the_wheel_holds_every_module_and_what_they_read(wheel):
    wanted = {path.relative_to(ROOT).as_posix() for folder in OUR_FOLDERS for path in (ROOT / folder).rglob("*.py")}
    wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "algorithms").glob("*/README.md")}
    wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "algorithms").rglob("*.ll")}
    wanted |= {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "containers" / "docker").iterdir() if path.is_file()
    }
    wanted |= {"containers/Dockerfile", "containers/README.md", "py.typed", "__init__.py"}
    assert {f"wildsage/{path}" for path in wanted} <= names_in(wheel)


def test_the_metadata_says_where_and_for_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(f"{INFO}/METADATA").decode())
    urls = dict(entry.split(", ", 1) for entry in metadata.get_all("Project-URL"))
    assert "Homepage" in urls and all(url.startswith("https://") for url in urls.values())
    assert {"Operating System :: POSIX :: Linux", "Typing :: Typed"} <= set(metadata.get_all("Classifier"))
    assert metadata["License-Expression"] == "Apache-2.0" and metadata["Requires-Python"] == ">=3.11"


@pytest.mark.slow
def test_the_sdist_builds_the_same_wheel(tree, wheel, tmp_path):
    subprocess.run(
        [sys.executable, "-c", f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert not [member.name for member in archive if member.issym() or member.islnk()]
    with zipfile.ZipFile(wheel) as direct, zipfile.ZipFile(built(sdist, tmp_path / "again")) as again:
        assert {name: direct.read(name) for name in direct.namelist()} == {n: again.read(n) for n in again.namelist()}


def test_a_source_folder_whose_links_became_files_is_rejected(tree, tmp_path):
    copy = shutil.copytree(tree, tmp_path / "unzipped", symlinks=True)
    (copy / "wildsage" / "containers").unlink()
    (copy / "wildsage" / "containers").write_text("../containers")
    with pytest.raises(AssertionError, match=r"wildsage/containers: got a file, expected a link to containers/\."):
        built(copy, tmp_path / "out")


# ---- that it works


@pytest.mark.slow
@pytest.mark.parametrize("on_path", [False, True], ids=["in the folder", "on PYTHONPATH"])
def test_it_trains_and_serves_beside_packages_of_the_same_names(installed, project, on_path):
    env = without_paths(**({"PYTHONPATH": str(project)} if on_path else {}))
    assert run(installed / "wildsage", "--version", cwd=project, env=env) == f"wildsage {VERSION}\n"
    channel, settings = ("--channel", "train=rows.csv"), ("--hp", "k=2", "--hp", "feature_dim=2")
    run(installed / "wildsage", "train", "kmeans", *channel, *settings, "--output", "model", cwd=project, env=env)
    assert sorted(answer(installed, project, env)) == [0.0, 1.0]


def answer(installed: Path, project: Path, env: dict[str, str]) -> list[float]:
    """The clusters of two far rows, asked from `wildsage serve`."""
    port = free_port()
    command = [installed / "wildsage", "serve", "model/model.tar.gz", "--port", str(port)]
    with subprocess.Popen(command, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        try:
            wait_for(port, server)
            url, headers = f"http://127.0.0.1:{port}/invocations", {"Content-Type": "text/csv"}
            with urllib.request.urlopen(urllib.request.Request(url, b"0,0\n10,11\n", headers), timeout=240) as response:
                return [prediction["closest_cluster"] for prediction in json.load(response)["predictions"]]
        finally:
            server.send_signal(signal.SIGINT)


def wait_for(port: int, server: subprocess.Popen) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert server.poll() is None, server.stdout.read().decode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no answer to /ping within {START_S} s")


def test_it_reads_a_model_in_a_program_that_has_such_packages(installed, project):
    program = "import wildsage; print(wildsage.__version__, wildsage.read_model.__module__)"
    text = run(installed / "python", "-c", program, cwd=project, env=without_paths())
    assert text == f"{VERSION} wildsage.containers.model_files.reader\n"


def test_a_script_under_wildsage_run_imports_its_own_packages(installed, project):
    (project / "algorithms" / "__init__.py").write_text("OWNER = 'user'\n")
    (project / "script.py").write_text("import algorithms, wildsage.algorithms; print('of the', algorithms.OWNER)\n")
    text = run(installed / "wildsage", "run", "--data", "aws", "script.py", cwd=project, env=without_paths())
    assert "of the user" in text


def test_an_editable_install_takes_the_folders_through_their_links(tree, project, tmp_path):
    binaries = environment_with(tmp_path / "editable", "--editable", tree)
    where = "import wildsage.algorithms as a, wildsage.local_runner as r; print(a.__file__, r.__file__)"
    for file in run(binaries / "python", "-c", where, cwd=project, env=without_paths()).split():
        assert tree in Path(file).parents
    version = run(
        binaries / "python", "-P", "-m", "wildsage.local_runner", "--version", cwd=project, env=without_paths()
    )
    assert (
        version == run(binaries / "wildsage", "--version", cwd=project, env=without_paths()) == f"wildsage {VERSION}\n"
    )
