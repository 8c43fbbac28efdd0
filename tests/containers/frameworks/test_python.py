"""Which environment a job's requirements get, and when it is made: test_python_with_pip.py installs some."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.layered_environment import COMPLETE, IMPORT_ROOT, interpreter, kept
from wildsage.containers.frameworks import errors, python
from wildsage.containers.frameworks.errors import CommandFailed


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    """Environments are kept in a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def code(tmp_path) -> Path:
    """A folder of code, empty."""
    (tmp_path / "code").mkdir()
    return tmp_path / "code"


def require(code: Path, text: str) -> None:
    (code / "requirements.txt").write_text(text)


@pytest.fixture
def place(code) -> Path:
    """The folder of the environment for requirements that need nothing."""
    require(code, "")
    found = kept() / python._key(code, False)
    found.mkdir(parents=True)
    return found


@pytest.fixture
def installed(monkeypatch) -> list[Path]:
    """The folders of code whose requirements pip would have installed."""
    found: list[Path] = []
    monkeypatch.setattr(python, "_run", lambda command, folder, failed: found.append(folder))
    return found


def test_an_environment_that_was_not_finished_is_made_anew(code, place, installed):
    (place / "half").touch()
    assert python.of_job(code) == interpreter(place)
    assert (place / COMPLETE).exists() and interpreter(place).exists() and not (place / "half").exists()
    assert installed == [code]


def test_an_environment_that_was_finished_is_used_again_and_has_the_time_of_its_last_use(code, place, installed):
    (place / "kept").touch()
    (place / COMPLETE).touch()
    os.utime(place / COMPLETE, (0, 0))
    assert python.of_job(code) == interpreter(place)
    assert (place / "kept").exists() and (place / COMPLETE).stat().st_mtime > 0 and not installed


def test_code_that_is_installed_needs_no_requirements(code, installed):
    assert python.of_job(code, installs_code=True) == interpreter(kept() / python._key(code, True))
    assert installed == [code]


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
