"""requirements.txt goes into an environment of the job's own, on top of the user's Python and never into it."""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.layered_environment import COMPLETE, IMPORT_ROOT, interpreter, kept
from wildsage.containers.frameworks import errors, python
from wildsage.containers.frameworks.errors import CommandFailed

SEE = """
import importlib.metadata, json, sys
import numpy, addition
print(json.dumps([addition.VALUE, numpy.__file__, importlib.metadata.version("h11")]))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    """Environments are kept in a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def code(tmp_path) -> Path:
    """A folder of code, empty."""
    (tmp_path / "code").mkdir()
    return tmp_path / "code"


def wheel(folder: Path, name: str, version: str, text: str) -> str:
    """A wheel of one module, as small as can be, and the line of requirements.txt that names it."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", text)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return f"./{path.name}\n"


def require(code: Path, text: str) -> None:
    (code / "requirements.txt").write_text(text)


def seen_by(interpreter: Path) -> list:
    return json.loads(subprocess.run([interpreter, "-c", SEE], capture_output=True, check=True).stdout)


def test_requirements_are_the_jobs_own_and_are_kept_for_the_next(code, capfd):
    require(code, wheel(code, "addition", "1.0", "VALUE = 7"))
    own = python.of_job(code)
    log = capfd.readouterr().out
    assert "Installing with the following command:\n" in log and "Successfully installed addition-1.0" in log
    assert own != Path(sys.executable) and importlib.util.find_spec("addition") is None
    assert seen_by(own)[:2] == [7, importlib.util.find_spec("numpy").origin]
    used = own.parents[1] / COMPLETE
    os.utime(used, (0, 0))
    assert python.of_job(code) == own and capfd.readouterr().out == ""
    assert used.stat().st_mtime > 0, "the time of its last use"


def test_a_version_that_the_user_has_already_gives_way_in_the_job_only(code):
    require(code, wheel(code, "addition", "1.0", "VALUE = 7") + wheel(code, "h11", "99.0", ""))
    assert seen_by(python.of_job(code))[2] == "99.0" != importlib.metadata.version("h11")


@pytest.fixture
def place(code) -> Path:
    """The folder of the environment for requirements that need nothing."""
    require(code, "")
    found = kept() / python._key(code, False)
    found.mkdir(parents=True)
    return found


def test_an_environment_that_was_not_finished_is_made_anew(code, place):
    (place / "half").touch()
    assert python.of_job(code) == interpreter(place)
    assert (place / COMPLETE).exists() and interpreter(place).exists() and not (place / "half").exists()


def test_requirements_that_cannot_be_installed_say_so_in_pips_words(code):
    require(code, "--no-index\nno-such-package==1.0\n")
    with pytest.raises(CommandFailed) as caught:
        python.of_job(code)
    assert str(caught.value).startswith("InstallRequirementsError:\nExitCode 1\nErrorMessage ")
    assert "No matching distribution found for no-such-package==1.0" in str(caught.value)


def test_without_a_network_the_reason_says_what_is_missing(code, monkeypatch):
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": "/dev/null"}
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    require(code, "no-such-package\n")
    with pytest.raises(CommandFailed, match=r"cannot reach the package index of pip, which requirements.txt needs."):
        python.of_job(code)


def test_code_without_requirements_runs_with_the_users_python(code):
    (code / "requirements.txt").mkdir()
    (code / "setup.py").touch()
    assert python.of_job(code) == Path(sys.executable)


@pytest.mark.parametrize("installs_code", [False, True])
def test_a_python_without_pip_says_what_needs_it(code, monkeypatch, installs_code):
    if not installs_code:
        require(code, "addition")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"^requirements\.txt and packages of code are installed with pip, which .* lacks\."
    ):
        python.of_job(code, installs_code)


def test_an_environment_belongs_to_what_it_was_made_from(code, monkeypatch):
    require(code, "a\n")
    first = python._key(code, False)
    (code / "data").mkdir()
    (code / "data" / "rows.csv").touch()
    assert python._key(code, False) == first, "files that are not named do not count"
    keys = {first, python._key(code, True)}
    require(code, "b\n")
    keys.add(python._key(code, False))
    (code / "requirements.txt").unlink()
    keys.add(python._key(code, False))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version", "another")
        keys.add(python._key(code, False))
    packages = code.parent / "site-packages"
    (packages / "new.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(packages)
    keys.add(python._key(code, False))
    (packages / "other.dist-info").mkdir()
    keys.add(python._key(code, False))
    assert len(keys) == 7


@pytest.mark.parametrize("line", ["-r more.txt", "-e .", "./a.whl", "  /a.whl", "file:a.whl", "a @ file:///a.whl"])
def test_files_that_requirements_name_count_too(code, line):
    require(code, f"a\n{line}\n")
    keys = {python._key(code, False)}
    (code / "deep").mkdir()
    (code / "deep" / "more.txt").write_text("b")
    keys.add(python._key(code, False))
    (code / "deep" / "more.txt").write_text("c")
    keys.add(python._key(code, False))
    (code / "deep" / "more.txt").rename(code / "more.txt")
    keys.add(python._key(code, False))
    assert len(keys) == 4


def test_with_code_that_is_installed_all_its_files_count(code):
    (code / "setup.py").write_text("1")
    before = python._key(code, True)
    (code / "setup.py").write_text("2")
    assert python._key(code, True) != before


def test_one_process_at_a_time_makes_an_environment(code, place, tmp_path):
    (place / COMPLETE).touch()
    with place.with_suffix(".lock").open("w") as held, ThreadPoolExecutor() as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = pool.submit(python.of_job, code)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        fcntl.flock(held, fcntl.LOCK_UN)
        assert waiting.result(timeout=240) == interpreter(place)
    with (
        python._lock(tmp_path / "deep" / "place"),
        (tmp_path / "deep" / "place.lock").open() as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_environment_of_a_job_knows_that_it_is_one(tmp_path, monkeypatch):
    assert not python.in_environment_of_job()
    (tmp_path / COMPLETE).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert python.in_environment_of_job()


def test_the_users_modules_come_first_and_those_of_this_project_are_left_out():
    given = os.pathsep.join(["/a", "", str(IMPORT_ROOT), str(python.IMAGE_MODULES), "/b"])
    found = python.path_for_scripts({"PYTHONPATH": given}, Path("/code"), Path("/more"))
    assert found.split(os.pathsep) == ["/code", "/more", "/a", "/b", str(python.IMAGE_MODULES)]
    assert python.path_for_scripts({}) == str(python.IMAGE_MODULES)


def test_modules_of_images_stay_where_they_were_imported_from(monkeypatch):
    monkeypatch.syspath_prepend(python.IMAGE_MODULES)
    assert python.image_modules() == (python.IMAGE_MODULES,)


def run(code: Path, script: str) -> None:
    python._run([sys.executable, "-c", script], code, errors.install_module)


def test_what_pip_says_is_in_the_log(code, capfd):
    run(code, "import os, sys; print(os.getcwd(), os.environ['PYTHONPATH']); print('a warning', file=sys.stderr)")
    command, said, warning = capfd.readouterr().out.splitlines()[1:4]
    assert command.startswith(f"{sys.executable} -c import os")
    assert said == f"{code} {python.path_for_scripts(os.environ)}" and warning == "a warning"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("print('out'); sys.exit(3)", "out"),
        ("print('out'); print('err', file=sys.stderr); sys.exit(3)", "err"),
        (
            "print('Network is unreachable'); print('err', file=sys.stderr); sys.exit(3)",
            "This machine cannot reach the package index of pip, which requirements.txt needs.\nerr",
        ),
    ],
)
def test_the_reason_of_a_failure_is_what_pip_says_last(code, script, reason):
    with pytest.raises(CommandFailed) as caught:
        run(code, f"import sys; {script}")
    assert str(caught.value).startswith(f'InstallModuleError:\nExitCode 3\nErrorMessage "{reason}"\nCommand')


def test_code_with_a_setup_is_installed_after_its_requirements(code, monkeypatch, tmp_path):
    require(code, "a\n")
    installed = []
    monkeypatch.setattr(python, "_run", lambda command, folder, failed: installed.append((command[5:], folder, failed)))
    python._install(tmp_path, code, installs_code=True)
    options = ["install", "--disable-pip-version-check", "--no-warn-script-location"]
    assert installed == [
        ([*options, "-r", "requirements.txt"], code, errors.install_requirements),
        ([*options, "."], code, errors.install_module),
    ]
    (code / "requirements.txt").unlink()
    python._install(tmp_path, code, installs_code=False)
    assert len(installed) == 2
