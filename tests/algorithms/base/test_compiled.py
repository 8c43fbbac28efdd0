"""Where compiled functions are kept, when they are compiled again, and what is said of it."""

import errno
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("numba")
from wildsage.algorithms.base import compiled

PROGRAM = """
from wildsage.algorithms.base.compiled import announced, exact

@exact
def double(value):
    return 2 * value

with announced(print):
    print(double(3))
    print(double(3.5))
print(double.stats.cache_path)
"""
SAID = "Compiling the loops, once for this machine and version. The machine code is kept in"


def run(program: Path) -> list[str]:
    """The lines that a program prints."""
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=300, env=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_machine_code_is_kept_beside_the_source_and_only_compiling_is_announced(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    announced, *results, folder = run(program)
    assert announced == f"{SAID} {folder}." and results == ["6", "7.0"]
    assert folder.startswith(f"{tmp_path}/__pycache__/program-")
    assert run(program) == [*results, folder]


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    """A file whose machine code needs a folder, as if nothing else were compiled in this process; the user's cache is `cache`."""
    monkeypatch.setattr(compiled.numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(compiled.platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    compiled.folder_for.cache_clear()
    path = tmp_path / "source.py"
    path.write_text("FACTOR = 1")
    return path


def test_where_everybody_may_write_nothing_is_kept(source):
    (source.parent / "__pycache__").mkdir()
    (source.parent / "__pycache__").chmod(0o777)
    folder = compiled.folder_for(source)
    assert folder is not None and folder.is_relative_to(source.parent / "cache" / "wildsage" / "compiled")
    (source.parent / "cache" / "wildsage" / "compiled").chmod(0o777)
    compiled.folder_for.cache_clear()
    assert compiled.folder_for(source) is None


def test_the_folder_that_numba_is_told_is_used(source, monkeypatch):
    monkeypatch.setattr(compiled.numba.config, "CACHE_DIR", str(source.parent / "given"))
    folder = compiled.folder_for(source)
    assert folder is not None and folder.is_relative_to(source.parent / "given")


def test_code_in_a_folder_that_cannot_be_written_is_copied(source, monkeypatch):
    kept = compiled.folder_for(source)
    (kept / "code").write_bytes(b"code")
    monkeypatch.setattr(compiled.os, "access", lambda path, mode: False)
    at_the_end = []
    monkeypatch.setattr(compiled.atexit, "register", lambda *call, **named: at_the_end.append((call, named)))
    compiled.folder_for.cache_clear()
    copy = compiled.folder_for(source)
    assert copy != kept and (copy / "code").read_bytes() == b"code" and compiled.is_private(copy)
    (((remove, *arguments), named),) = at_the_end
    for _ in range(2):  # somebody may have emptied the folder of temporary files before
        remove(*arguments, **named)
    assert not copy.exists() and (kept / "code").exists()
    kept.chmod(0o777)
    compiled.folder_for.cache_clear()
    assert compiled.folder_for(source) is None


def test_a_folder_that_may_not_be_entered_is_passed_over(source, monkeypatch):
    """Root may have run the program first, and left a folder beside the sources that nobody else may enter."""
    beside, stat = source.parent / "__pycache__", Path.stat

    def denied(path: Path, **options: bool) -> os.stat_result:
        if beside in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", denied)
    folder = compiled.folder_for(source)
    assert folder is not None and folder.is_relative_to(source.parent / "cache" / "wildsage" / "compiled")


def test_code_that_cannot_be_copied_is_not_used(source, monkeypatch):
    compiled.folder_for(source)
    monkeypatch.setattr(compiled.os, "access", lambda path, mode: False)
    monkeypatch.setattr(compiled.tempfile, "mkdtemp", lambda prefix: str(source / "below a file"))
    compiled.folder_for.cache_clear()
    assert compiled.folder_for(source) is None


def test_code_of_a_folder_lies_within_it_and_that_of_a_file_beside_it(source):
    assert compiled.folder_for(source.parent).parent.parent == source.parent / "__pycache__"
    assert compiled.folder_for(source).parent.parent == source.parent / "__pycache__"


def test_code_belongs_to_the_folder_of_an_algorithm_or_to_another_file():
    loops = compiled.ALGORITHMS / "xgboost" / "data" / "loops.py"
    assert compiled._algorithm_of(loops) == compiled.ALGORITHMS / "xgboost"
    assert compiled._algorithm_of(Path(__file__)) == Path(__file__)


def test_a_function_without_a_folder_is_compiled_for_the_process_alone(monkeypatch):
    monkeypatch.setattr(compiled, "folder_for", lambda sources: None)
    function = compiled.exact(inverse.py_func)
    assert function(4.0) == 0.25 and function.stats.cache_path is None


def test_the_code_of_another_version_is_removed(source):
    first = compiled.folder_for(source)
    (first / "code").write_bytes(b"code")
    (first.parent / "a file").touch()  # which cannot be removed as a folder
    compiled.folder_for.cache_clear()
    assert compiled.folder_for(source) == first and (first / "code").exists()
    source.write_text("FACTOR = 2")
    compiled.folder_for.cache_clear()
    second = compiled.folder_for(source)
    assert second != first and second.exists() and not first.exists()


@compiled.exact
def differs(value: float) -> bool:
    """True of NaN alone, where NaN may occur."""
    return value != value


@compiled.reordered
def never_differs(value: float) -> bool:
    return value != value


@compiled.exact
def inverse(value: float) -> float:
    return 1.0 / value


def test_an_exact_function_computes_as_ieee_754_says_and_a_reordered_one_as_if_there_were_no_nan():
    assert differs(math.nan) and not differs(0.0)
    assert not never_differs(math.nan)
    assert inverse(0.0) == math.inf


def test_other_threads_run_meanwhile():
    assert all(function.targetoptions["nogil"] for function in (differs, never_differs))


def test_a_folder_is_told_to_numba_only_while_a_function_is_declared(source, monkeypatch):
    monkeypatch.setattr(compiled.CONFIG, "CACHE_DIR", "before")
    with pytest.raises(ZeroDivisionError), compiled._kept_in(source.parent):
        assert str(source.parent) == compiled.CONFIG.CACHE_DIR
        _ = 1 // 0
    assert compiled.CONFIG.CACHE_DIR == "before"


def compiling(folder: Path | None) -> SimpleNamespace:
    """numba's event for the first signature of a function."""
    path = None if folder is None else str(folder)
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(stats=SimpleNamespace(cache_path=path))})


@pytest.mark.parametrize(("folder", "said"), [(Path("kept"), "kept in kept."), (None, "for this process alone")])
def test_what_is_compiled_is_said_once_with_the_folder_that_keeps_it(folder, said):
    lines = []
    announcer = compiled._Announcer(lines.append)
    for _ in range(2):
        announcer.on_start(compiling(folder))
    (line,) = lines
    assert said in line


def test_a_digest_changes_with_the_files_of_a_folder_and_with_those_of_this_one(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    before = compiled.digest_of(tmp_path)
    (tmp_path / "note.txt").write_text("not a source")
    assert compiled.digest_of(tmp_path) == before
    (tmp_path / "below" / "steps.py").write_text("")
    below = compiled.digest_of(tmp_path)
    monkeypatch.setattr(compiled.numba, "__version__", "0")
    assert len({before, below, compiled.digest_of(tmp_path)}) == 3


CALLER = """
from wildsage.algorithms.base.compiled import exact
from wildsage.algorithms.toy.numbers import FACTOR, doubled

@exact
def scaled(value):
    return FACTOR * doubled(value)
"""
CALLED = """
from wildsage.algorithms.base.compiled import exact

FACTOR = {factor}

@exact
def doubled(value):
    return {times} * value
"""


def test_a_change_in_another_file_of_the_algorithm_is_noticed(tmp_path):
    """The function and the number belong to the machine code of its caller."""
    algorithms = tmp_path / "wildsage" / "algorithms"
    for package in (algorithms / "base", algorithms / "toy"):
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    (algorithms / "__init__.py").touch()
    (algorithms.parent / "__init__.py").touch()
    (algorithms / "base" / "compiled.py").write_text(Path(compiled.__file__).read_text())
    (algorithms / "toy" / "caller.py").write_text(CALLER)
    program = tmp_path / "program.py"
    program.write_text("from wildsage.algorithms.toy.caller import scaled\nprint(scaled(1))")
    for factor, times in ((10, 2), (20, 3)):
        (algorithms / "toy" / "numbers.py").write_text(CALLED.format(factor=factor, times=times))
        assert run(program) == [str(factor * times)]


@pytest.mark.parametrize(
    ("user", "mode", "private"),
    [(1000, 0o755, True), (0, 0o755, True), (1, 0o755, False), (1001, 0o700, False), (1000, 0o757, False)],
)
def test_a_folder_is_private_that_belongs_to_the_user_or_root(monkeypatch, user, mode, private):
    monkeypatch.setattr(compiled.os, "getuid", lambda: 1000)
    folder = SimpleNamespace(stat=lambda: SimpleNamespace(st_uid=user, st_mode=mode))
    assert compiled.is_private(folder) == private
