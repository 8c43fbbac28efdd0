"""Mutants: what is changed, what is left alone, which tests judge, and a whole run on a project of one function."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import psutil
import pytest

pytest.importorskip("cosmic_ray", reason="needs wildsage[mutants]")

from scripts.mutants import __main__ as command
from scripts.mutants import changes, judge
from scripts.mutants.functions import functions_of, replace_functions
from scripts.mutants.judge import tests_of as judges_of
from scripts.mutants.mutant import mutants
from scripts.mutants.table import update

ROOT = Path(__file__).parents[2]


def changed_to(code: str, **options: object) -> list[str]:
    """The changed lines of all mutants."""
    return [
        line[1:].strip() for one in mutants("m.py", code, **options) for line in one.diff.splitlines() if line[0] == "+"
    ]


def test_edges_checks_locks_and_statements_are_changed():
    code = "def f(lock, n):\n    with lock:\n        if n < 3:\n            raise ValueError\n    g(n)\n"
    assert set(changed_to(code)) == {
        "if True:", "if n <= 3:", "if not n < 3:", "if n < 4:", "if n < 2:", "pass"
    }  # fmt: skip
    assert changed_to(code).count("pass") == 2


def test_a_lock_with_a_name_stays():
    assert not any(
        "if True" in line for line in changed_to("def f():\n    with open('f') as file:\n        file.read()\n")
    )


def test_annotations_options_of_classes_and_marked_lines_stay():
    assert changed_to("@dataclass(frozen=True)\nclass A:\n    x: int\n") == []
    assert changed_to("x: int | None = None\n\n\ndef f(a: int | str) -> int | None: ...\n") == []
    assert len(changed_to("def f(a, b=1, *, c): ...\n")) == 2  # those of the number
    assert changed_to("def f(*, c): ...\n") == []
    assert changed_to("zip(a, b, strict=True)\n") == ["pass"]
    assert changed_to("a = field(default=True, compare=False)\n") == ["a = field(default=False, compare=False)"]
    assert changed_to("if TYPE_CHECKING:\n    import a\n") == []
    assert changed_to("n = 1  # mutants: equivalent: any number above zero will do\n") == []
    assert sorted(changed_to("# mutants: equivalent: any number will do\nn = 1\na = 5\n")) == ["a = 4", "a = 6"]
    assert changed_to("n = 1  # mutants: equivalent:\n") != []  # a mark needs a reason


def test_only_the_given_lines_are_changed():
    assert sorted(changed_to("a = 1\nb = 5\n", lines={2})) == ["b = 4", "b = 6"]


def test_an_exception_with_dots_in_its_name_stays():
    code = "def f(x):\n    try:\n        return x + 1\n    except (OSError, http.client.HTTPException):\n        return False\n"
    assert {mutant.line for mutant in mutants("algorithms/f.py", code)} >= {3, 5}


def test_what_is_not_python_or_means_the_same_is_left_out():
    assert sorted(changed_to("if n := 1:\n    pass\n")) == ["if n := 0:", "if n := 2:"]


def test_a_sample_is_the_beginning_of_the_same_random_order():
    code = "a = 1\nb = 5\nc = 9\n"
    drawn = changed_to(code, seed=3)
    assert len(drawn) == 6 and changed_to(code, seed=3) == drawn != changed_to(code, seed=4)
    assert changed_to(code, sample=4, seed=3) == drawn[:4]
    assert changed_to(code, sample=0) == []


def test_a_statement_is_its_lines_and_those_before_its_body():
    code = "def f(\n    a,\n    b=1,\n):\n    return g(\n        a + b,\n    )\n"
    found = {mutant.line: mutant.statement for mutant in mutants("m.py", code)}
    assert found == {3: range(1, 5), 6: range(5, 8)}


MODULE = """
import functools

LIMIT = 3

def above(n):
    return n > LIMIT

@functools.lru_cache(maxsize=0)
def twice(n):
    return 2 * n

class Steps:
    size = 2

    def first(self):
        return next(filter(lambda n: n > 1, range(self.size, 9)))

def adder(n):
    return lambda m: m + n
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """An imported module, and what puts another code's functions in place of its own."""
    (tmp_path / "module_of_steps.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    imported = importlib.import_module("module_of_steps")
    found = functions_of(tmp_path, ["module_of_steps.py"])["module_of_steps.py"]
    yield imported, lambda old, new: replace_functions(found, MODULE, MODULE.replace(old, new))
    del sys.modules["module_of_steps"]


@pytest.mark.parametrize(
    "old, new, call, result",
    [
        ("n > LIMIT", "n >= LIMIT", lambda m: m.above(3), True),
        ("2 * n", "3 * n", lambda m: m.twice(2), 6),
        ("n: n > 1", "n: n > 2", lambda m: m.Steps().first(), 3),
        ("m + n", "m - n", lambda m: m.adder(1)(3), 2),
    ],
    ids=["a function", "a decorated one", "a method with a lambda", "a closure"],
)
def test_functions_are_replaced(module, old, new, call, result):
    imported, replace = module
    assert call(imported) != result
    assert replace(old, new) and call(imported) == result


@pytest.mark.parametrize(
    "old, new",
    [("LIMIT = 3", "LIMIT = 4"), ("size = 2", "size = True"), ("def above(n)", "def above(n=1)")],
    ids=["a constant", "a class", "a default"],
)  # fmt: skip
def test_what_an_import_does_is_not_replaced(module, old, new):
    imported, replace = module
    assert not replace(old, new)
    assert not imported.above(3)


def test_what_numba_compiles_is_not_replaced(tmp_path, monkeypatch):
    """The machine code that it keeps would run in place of the changed function."""
    pytest.importorskip("numba")
    code = "import numba\n\n\n@numba.njit\ndef twice(n):\n    return 2 * n\n"
    (tmp_path / "module_of_loops.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("module_of_loops")
    found = functions_of(tmp_path, ["module_of_loops.py"])["module_of_loops.py"]
    del sys.modules["module_of_loops"]
    assert not replace_functions(found, code, code.replace("2 * n", "3 * n"))


def test_a_page_has_one_row_for_each_file_and_their_sum(tmp_path):
    page = tmp_path / "mutants.md"
    page.write_text("# Scores\n\nHow.\n\n")
    for path, tried, noticed in (("b.py", 10, 3), ("a.py", 10, 9), ("b.py", 20, 19)):
        update(page, path, tried, noticed)
    today = date.today()
    assert page.read_text() == (
        "# Scores\n\nHow.\n\n2 files, 30 changes tried, 28 noticed (93%). 2 of the files reach 90 %.\n\n"
        "| file | tried | noticed | share | date |\n|---|---|---|---|---|\n"
        f"| `a.py` | 10 | 9 | 90% | {today} |\n| `b.py` | 20 | 19 | 95% | {today} |\n"
    )


def test_the_test_of_a_files_name_judges_it_or_those_of_its_folder():
    assert judges_of("local_runner/s3/listing.py", ROOT) == ["tests/local_runner/s3/test_listing.py"]
    assert "tests/local_runner/operations/test_logs.py" in judges_of("local_runner/jobs/logs.py", ROOT)
    folder = judges_of("local_runner/s3/nothing.py", ROOT)
    assert "tests/local_runner/s3/test_store.py" in folder
    above = judges_of("algorithms/pca/deeper/nothing.py", ROOT)
    assert above and all(test.startswith("tests/algorithms/pca/test_") for test in above)
    assert judges_of("wildsage/nothing.py", ROOT) == []


def test_every_test_that_the_table_names_is_there():
    assert all((ROOT / test).exists() for tests in judge.TESTS.values() for test in tests)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two commits: its function is tested at one value only, and the second commit changed one line."""
    root = tmp_path / "project"
    (root / "algorithms").mkdir(parents=True)
    (root / "tests" / "algorithms").mkdir(parents=True)
    (root / "algorithms" / "__init__.py").touch()
    (root / "algorithms" / "sign.py").write_text("LIMIT = 0\n\n\ndef positive(n):\n    return n >= LIMIT\n")
    test = "from algorithms.sign import positive\n\n\ndef test_it():\n    assert positive(5) and not positive(-5)\n"
    (root / "tests" / "algorithms" / "test_sign.py").write_text(test)
    monkeypatch.chdir(root)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)  # nobody's own settings
    git("init", "--quiet", "--initial-branch=trunk")
    commit()
    (root / "algorithms" / "sign.py").write_text("LIMIT = 0\n\n\ndef positive(n):\n    return n > LIMIT\n")
    commit()
    return root


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@example.com", *arguments], check=True)


def commit() -> None:
    git("add", "--all")
    git("commit", "--quiet", "--message", "A change")


def test_the_changed_lines_are_those_of_the_branch_or_of_the_last_commit(project):
    assert changes.changed_lines("HEAD~1", ("algorithms",)) == {"algorithms/sign.py": {5}}
    on_trunk = changes.base()
    git("branch", "main")
    git("checkout", "--quiet", "-b", "topic")
    (project / "algorithms" / "sign.py").write_text("LIMIT = 0\n\n\ndef positive(n):\n    return n > LIMIT + 0\n")
    commit()
    (project / "algorithms" / "new.py").write_text("A = 1\n")
    git("add", "--all")  # not committed yet
    since = changes.base()
    assert since != on_trunk
    assert changes.changed_lines(since, ("algorithms",)) == {"algorithms/sign.py": {5}, "algorithms/new.py": {1}}


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["algorithm"], "algorithm: expected a Python file of this repository"),
        (["/usr"], "/usr: expected a Python file of this repository"),
        (["setup.py"], "setup.py: neither its folder nor one above it has tests"),
        (["--changed", "v0"], "git does not know the commit 'v0'"),
    ],
)
def test_a_path_or_a_commit_that_is_not_there_is_named(project, monkeypatch, arguments, problem):
    (project / "setup.py").touch()
    monkeypatch.setattr(sys, "argv", ["mutants", *arguments])
    with pytest.raises(SystemExit, match=problem):
        command.main()


def test_files_may_be_named_in_any_way(project):
    (project / "link").symlink_to("algorithms")
    for path in ("./algorithms/sign.py", str(project / "algorithms" / "sign.py"), "link/sign.py"):
        assert list(command.sources([path])) == ["algorithms/sign.py"]


def test_a_clone_of_one_commit_has_no_base(project, tmp_path, monkeypatch):
    shutil.rmtree(project / ".git")
    git("init", "--quiet", "--initial-branch=trunk")
    commit()
    assert changes.base() is None


def test_a_run_reports_what_no_test_notices(project, monkeypatch, capsys):
    """`LIMIT` may be off by one and `>` may be `>=`, because 0 is not tried."""
    monkeypatch.setattr(judge, "PRELOADED", ["pytest", "hypothesis"])
    monkeypatch.setattr(sys, "argv", ["mutants", "--processes", "1", "algorithms/sign.py"])
    seen = project.parent / "folders"
    command.main()
    told = capsys.readouterr().out
    assert "algorithms/sign.py:5 survived\n@@ -5 +5 @@\n-    return n > LIMIT\n+    return n >= LIMIT" in told
    assert "| `algorithms/sign.py` | 3 | 0 | 0% |" in told
    (project / "tests" / "algorithms" / "test_sign.py").write_text(
        "import multiprocessing\nfrom algorithms.sign import positive\n\n\ndef test_it(tmp_path):\n"
        f"    assert multiprocessing.get_start_method() == {multiprocessing.get_start_method()!r}\n"
        f"    open({str(seen)!r}, 'a').write(f'{{tmp_path}}\\n')\n    assert positive(1) and not positive(0)\n"
    )
    command.main()
    assert "| `algorithms/sign.py` | 3 | 3 | 100% |" in capsys.readouterr().out
    used = seen.read_text().splitlines()
    assert len(used) >= 4 and not any(map(os.path.exists, used))  # without a change, and with each of three
    (project / "tests" / "algorithms" / "test_sign.py").write_text("def test_it():\n    assert False, 'as it stands'\n")
    command.main()
    assert "3 mutants were not tried, because tests/algorithms/test_sign.py failed" in (told := capsys.readouterr().out)
    assert "as it stands" in told
    monkeypatch.setattr(sys, "argv", ["mutants", "--changed", "--budget-s", "0"])
    command.main()
    assert "1 mutants were not reached." in capsys.readouterr().out


def test_a_change_with_which_no_test_runs_has_no_verdict_and_does_not_end_the_run(project, monkeypatch, capsys):
    (project / "algorithms" / "sign.py").write_text(
        "import os\n\npositive = (0).__lt__\nif 'NEVER' in os.environ:\n    os._exit(1)\n"
    )
    monkeypatch.setattr(judge, "PRELOADED", ["pytest", "hypothesis"])
    monkeypatch.setattr(sys, "argv", ["mutants", "--processes", "1", "algorithms/sign.py"])
    command.main()
    told = capsys.readouterr().out
    assert "algorithms/sign.py:5 survived" in told
    assert "1 mutants were not reached." in told


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Where sockets may lie: their paths have at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="stopped-") as folder:
        yield Path(folder)


def test_a_run_that_is_stopped_reports_what_it_has_and_leaves_nothing(project, short_folder):
    """The test waits for ever once the code is changed; Ctrl-C and SIGTERM end the run alike."""
    changed = project.parent / "changed"
    (project / "tests" / "algorithms" / "test_sign.py").write_text(
        "import time\nfrom algorithms.sign import positive\n\n\ndef test_it():\n"
        f"    if not positive(1) or positive(0):\n        open({str(changed)!r}, 'w').close()\n        time.sleep(600)\n"
    )
    code = "from scripts.mutants import __main__, judge; judge.PRELOADED = ['pytest', 'hypothesis']; __main__.main()"
    command = [sys.executable, "-c", code, "--processes", "1", "algorithms/sign.py"]
    for number in (signal.SIGTERM, signal.SIGINT):
        changed.unlink(missing_ok=True)
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(short_folder)}
        with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
            while not changed.exists():
                assert run.poll() is None, run.communicate()
                time.sleep(0.05)
            copy = next(short_folder.glob("mutants-*/0/project"))
            run.send_signal(number)
            told, problem = run.communicate(timeout=240)
        assert "mutants were not reached." in told and problem == "mutants: stopped before the end\n"
        assert not list(short_folder.iterdir())
        left = [each for each in psutil.process_iter(["cwd"]) if str(copy) in (each.info["cwd"] or "")]
        assert psutil.wait_procs(left, timeout=240)[1] == [], "one that was killed is gone soon"
