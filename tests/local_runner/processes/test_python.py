"""Commands that run a module of this project in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import wildsage
from wildsage.local_runner.processes import python

ROOT = str(Path(wildsage.__file__).parents[1])


def test_a_module_is_run_by_this_python_and_not_hidden_by_the_current_folder(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('hidden')")
    done = subprocess.run(
        [*python.command("json.tool"), "--compact"], cwd=tmp_path, input="{ }", capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("{}\n", "")
    assert python.command("m", "a", "b") == (sys.executable, "-P", "-m", "m", "a", "b")


def test_another_python_finds_its_own_packages_first_and_ours_after_them(tmp_path):
    program = "import wildsage, sys; print(sys.argv[1:], __name__, sys.path[-1])"
    (tmp_path / "asked.py").write_text(program)
    command = python.command_of(Path(sys.executable), "asked", "a b", "-c")
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.stdout == f"['a b', '-c'] __main__ {ROOT}\n", done.stderr


def test_an_environment_finds_this_project_first_and_keeps_the_rest():
    assert python.environment({"A": "1"}) == {"A": "1", "PYTHONPATH": ROOT}
    assert python.environment({"PYTHONPATH": "/x"})["PYTHONPATH"] == f"{ROOT}{os.pathsep}/x"
    assert python.environment({"PYTHONPATH": ""})["PYTHONPATH"] == ROOT
